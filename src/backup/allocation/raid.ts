/**
 * Members of a RAID whose mark lies at the end: from the beginning they look like what the whole array holds, but only
 * every so many stripes of that lie here.
 */
import type { Volume } from './volume.ts';

const kib = 1024;
const linuxMagic = Buffer.from('fc4e2ba9', 'hex');
const marks: readonly { readonly at: (size: number) => number; readonly bytes: Buffer }[] = [
  // Linux, metadata 0.90 and 1.0.
  { at: (size) => Math.floor(size / (64 * kib)) * 64 * kib - 64 * kib, bytes: linuxMagic },
  { at: (size) => (Math.floor(size / 512) - 16 - ((Math.floor(size / 512) - 16) % 8)) * 512, bytes: linuxMagic },
  // Of mainboards: Intel's, and the standard DDF.
  { at: (size) => size - 2 * 512, bytes: Buffer.from('Intel Raid ISM Cfg Sig. ') },
  { at: (size) => size - 512, bytes: Buffer.from('de11de11', 'hex') },
];

/** Whether a volume ends as a member of a RAID does. */
export async function endsAsRaidMember({ size, read }: Volume): Promise<boolean> {
  for (const { at, bytes } of marks) {
    const offset = at(size);
    if (offset > 0 && (await read(offset, bytes.length)).equals(bytes)) return true;
  }
  return false;
}
