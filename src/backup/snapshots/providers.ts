/** All providers, in the order in which they are tried. */
import { btrfs } from './btrfs.ts';
import { dmSnapshot } from './dm-snapshot.ts';
import { freeze } from './freeze.ts';
import { iterate } from './iterate.ts';
import { lvm } from './lvm.ts';
import type { ProviderName, SnapshotProvider } from './provider.ts';
import { reflink } from './reflink.ts';
import { thin } from './thin.ts';
import { dattobd, elastioSnap } from './traced.ts';
import { zfs } from './zfs.ts';

export const providers: readonly SnapshotProvider[] = [
  reflink,
  btrfs,
  zfs,
  thin,
  lvm,
  iterate,
  dattobd,
  elastioSnap,
  dmSnapshot,
  freeze,
];

export function providerOf(name: ProviderName): SnapshotProvider {
  return providers.find((provider) => provider.name === name) as SnapshotProvider;
}
