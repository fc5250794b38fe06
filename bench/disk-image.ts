/** The disk that is measured: an ext4 image, about a third full of the machine's own /usr. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './measure.ts';
import { randomBytesFrom } from './random.ts';

const fill = 0.3;

/**
 * Makes `disk.img` of `size` bytes in the working folder, in the page cache. The same /usr gives the same files,
 * and the file system's identity is fixed. `stale`: where no file lies, random bytes do, as after much was deleted.
 */
export function makeDiskImage(work: string, size: number, { stale = false } = {}): void {
  const sizes = run(
    work,
    'cd /usr && find . -xdev -mindepth 2 -maxdepth 2 -print0 | sort -z | du -xsB1 --files0-from=-',
  );
  const entries = sizes.trimEnd().split('\n').map(parseEntry);
  const chosen: string[] = [];
  let room = size * fill;
  for (const entry of shuffled(entries)) {
    if (entry.bytes > room) continue;
    room -= entry.bytes;
    chosen.push(entry.path);
  }
  writeFileSync(join(work, 'chosen'), chosen.join('\n'));
  run(work, 'mkdir files && tar -C /usr -cf - -T chosen | tar -C files -xf -');
  if (stale)
    run(work, `openssl enc -aes-128-ctr -nosalt -pass pass:stale </dev/zero 2>/dev/null | head -c ${size} >disk.img`);
  const fixed = 'hash_seed=5f2b1a52-4e3c-4a44-9d0e-0c4a1e9c7b10,lazy_itable_init=0,lazy_journal_init=0';
  run(
    work,
    `mkfs.ext4 -q -U 7d3f0a6e-90f1-4b1e-8c55-2f6a4b0c9e11 -E ${fixed}${stale ? ',nodiscard' : ''} -d files disk.img ${size / 1024}k`,
  );
  run(work, 'rm -rf files chosen && cat disk.img >/dev/null');
}

interface Entry {
  readonly bytes: number;
  readonly path: string;
}

function parseEntry(line: string): Entry {
  const [bytes = '', path = ''] = line.split('\t');
  return { bytes: Number(bytes), path };
}

/** Mixes programs, libraries and text, which /usr keeps apart; always in the same way. */
function shuffled(entries: readonly Entry[]): readonly Entry[] {
  const random = randomBytesFrom(1);
  return entries
    .map((entry) => ({ entry, order: random(4).readUInt32LE() }))
    .sort((a, b) => a.order - b.order)
    .map(({ entry }) => entry);
}

/** Path of the image in the working folder. */
export const diskImage = (work: string): string => join(work, 'disk.img');
