/** All providers, in the order in which they are tried. */
import { btrfs } from './btrfs.ts';
import { freeze } from './freeze.ts';
import type { ProviderName, SnapshotProvider } from './provider.ts';
import { reflink } from './reflink.ts';

export const providers: readonly SnapshotProvider[] = [reflink, btrfs, freeze];

export function providerOf(name: ProviderName): SnapshotProvider {
  return providers.find((provider) => provider.name === name) as SnapshotProvider;
}
