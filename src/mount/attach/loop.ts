/**
 * Loop devices: a file, or some bytes of one, as a block device.
 *
 * A device is chosen and written down before it is made, not found out afterwards: so none is ever ours without a record
 * that says so. All that is looked at comes from /sys, which tells without asking whoever serves the file: `losetup
 * --list` asks it for the file's attributes, and waits for ever when it hangs.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fail } from '../../errors.ts';
import { failpoint } from '../../repository/failpoint.ts';
import { run } from '../command.ts';
import { busy, findHolders } from '../holders.ts';
import type { Journal } from '../records/journal.ts';
import type { LoopPiece } from '../records/record.ts';
import { until } from '../until.ts';

export type LoopWish = Pick<LoopPiece, 'image' | 'offset' | 'length' | 'readOnly'>;

interface Shown {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  readonly sequence: string | null;
}

/** So often somebody else may take the device that was just free. */
const attempts = 32;
/** Measured over FUSE (facts: 128 KiB, the kernel's own choice, is three times slower; 4 MiB is slower again). */
const readAheadKib = '1024';
/** Programs such as udev's look at each new device for a moment. */
const patience = 5_000;
/** The last bytes are written when a device goes: over a slow image that takes its time. */
const flushPatience = 300_000;

/** Makes a loop device. What fails is left to whoever undoes the journal. */
export async function makeLoop(journal: Journal, wish: LoopWish): Promise<LoopPiece> {
  const piece = await takeFreeLoop(journal, wish);
  const made = { ...piece, sequence: await textOf(piece.device, 'diskseq') };
  await journal.amend(made);
  // Not every file can be read past the page cache; the device works either way.
  await run('losetup', ['--direct-io=on', made.device], { record: journal.id });
  await writeFile(`/sys/block/${basename(made.device)}/queue/read_ahead_kb`, readAheadKib);
  const isReadOnly = (await textOf(made.device, 'ro')) === '1';
  // Where a file cannot be opened for writing losetup is content with reading, and says nothing.
  if (isReadOnly && !wish.readOnly) throw fail('READ_ONLY', { what: `cannot attach ${wish.image} writable` });
  return made;
}

/** Whether the loop device of a record is there, and not somebody else's by now. */
export async function isAttached(piece: LoopPiece): Promise<boolean> {
  const shown = await shownBy(piece.device);
  if (shown === null) return false;
  if (piece.sequence !== null && shown.sequence !== null) return shown.sequence === piece.sequence;
  return shown.offset === piece.offset && shown.length === piece.length && isPathOf(piece.image, shown.file);
}

/**
 * Removes the loop device of a record, if it is still ours. The kernel keeps it as long as anybody has it open: IN_USE
 * when that lasts, or with `force` it goes when they end.
 */
export async function removeLoop(
  piece: LoopPiece,
  { record, force }: { record: string; force: boolean },
): Promise<void> {
  if (!(await isAttached(piece))) return;
  failpoint('drive.detach');
  const { device } = piece;
  const { code, trouble } = await run('losetup', ['--detach', device], { record, limit: flushPatience });
  const isReleased = async () => !(await isAttached(piece));
  if (code !== 0 && !(await isReleased())) throw fail('IO', { what: `cannot detach ${device}`, reason: trouble });
  if (force || (await until(isReleased, patience))) return;
  throw busy(device, await findHolders({ folders: [], devices: [device] }));
}

async function takeFreeLoop(journal: Journal, { image, offset, length, readOnly }: LoopWish): Promise<LoopPiece> {
  const range = [...(offset > 0 ? ['--offset', `${offset}`] : []), ...(length > 0 ? ['--sizelimit', `${length}`] : [])];
  const options = [...(readOnly ? ['--read-only'] : []), ...range];
  const record = journal.id;
  for (let attempt = 1; ; attempt++) {
    const found = await run('losetup', ['--find'], { record });
    if (found.code !== 0) throw fail('LOOP_FAILED', { path: image, reason: found.trouble });
    const device = found.stdout.trim();
    const piece: LoopPiece = { kind: 'loop', device, image, offset, length, readOnly, sequence: null };
    await journal.add(piece);
    failpoint('drive.losetup');
    const { code, trouble } = await run('losetup', [...options, device, image], { record });
    if (code === 0) return piece;
    const taken = /busy/i.test(trouble) && attempt < attempts;
    if (!taken) throw fail('LOOP_FAILED', { path: image, reason: trouble });
    await journal.drop();
  }
}

/** What a loop device shows; null when it is free. */
async function shownBy(device: string): Promise<Shown | null> {
  const file = await textOf(device, 'loop/backing_file');
  const [offset, length] = [await textOf(device, 'loop/offset'), await textOf(device, 'loop/sizelimit')];
  if (file === null || offset === null || length === null) return null;
  return { file, offset: Number(offset), length: Number(length), sequence: await textOf(device, 'diskseq') };
}

/** Of a file on a mount that was taken off lazily the kernel shows the end of its path; one that was removed it marks. */
function isPathOf(image: string, shown: string): boolean {
  return image.endsWith(shown.replace(/ \(deleted\)$/, ''));
}

async function textOf(device: string, name: string): Promise<string | null> {
  const text = await readFile(`/sys/block/${basename(device)}/${name}`, 'utf8').catch(() => null);
  return text?.trimEnd() ?? null;
}
