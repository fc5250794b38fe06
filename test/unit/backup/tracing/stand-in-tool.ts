/**
 * Plays dbdctl, and the driver behind it, where there is no such kernel module: its snapshots are clones of the image
 * file that the loop device shows (reflink), taken while the file system stands still, and what changed is found by
 * comparing two of them. It leaves out what lies in its own file, as the driver does.
 *
 * Words and answers are those of the tool; `$STRATA_DRIVER_ROOT/flaw` has it fail in a way of its own.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { indexEnd } from '../../../../src/backup/tracing/cow-file.ts';
import { native } from '../../../../src/native.ts';
import { cowHeader, writeCowFile } from './cow-writer.ts';
import { driverDocument } from './driver-document.ts';

interface Playing {
  readonly minor: number;
  readonly device: string;
  readonly cow: string;
  readonly uuid: string;
  readonly sequence: number;
  readonly state: number;
  readonly error?: number;
  readonly loop: string | null;
  /** Extents of the file when the snapshot was made: physical, length, and so on. */
  readonly own: readonly number[];
}

const mib = 1024 ** 2;
const root = process.env.STRATA_DRIVER_ROOT ?? '';
const tracersFile = join(root, 'tracers.json');
const run = (program: string, ...words: string[]) => execFileSync(program, words, { encoding: 'utf8' }).trim();
const imageOf = (minor: number) => join(root, `snapshot-${minor}.img`);

let tracers: Playing[] = existsSync(tracersFile) ? JSON.parse(readFileSync(tracersFile, 'utf8')) : [];
const flaw = existsSync(join(root, 'flaw')) ? readFileSync(join(root, 'flaw'), 'utf8') : '';
const [verb = '', ...words] = process.argv.slice(2);

if (flaw === `hang ${verb}`) await new Promise((resolve) => setTimeout(resolve, 3_600_000));
if (flaw === `kill ${verb}`) process.kill(process.pid, 'SIGKILL');
if (flaw === `busy ${verb}`) {
  rmSync(join(root, 'flaw'));
  refuse('Device or resource busy');
}
await act();
writeFileSync(tracersFile, JSON.stringify(tracers));
const fields = tracers.map(({ minor, device, cow, sequence, uuid, error, state }) => ({
  minor,
  cow_file: `/${cow.split('/').at(-1)}`,
  block_device: device,
  max_cache: 314572800,
  ...{ fallocate: 1, seq_id: sequence, uuid, version: 1, nr_changed_blocks: 0 },
  ...(error === undefined ? {} : { error }),
  state,
}));
writeFileSync(join(root, 'proc/datto-info'), driverDocument('0.12.1', fields));

async function act(): Promise<void> {
  const room = words[0] === '-f' ? Number(words.splice(0, 2)[1]) : 0;
  if (verb === 'setup-snapshot') {
    const [device = '', cow = '', minor = ''] = words;
    const uuid = run('cat', '/proc/sys/kernel/random/uuid').replaceAll('-', '');
    if (tracers.some((tracer) => tracer.device === device || tracer.minor === Number(minor))) refuse();
    allocate(cow, room);
    tracers.push(await snapshot({ minor: Number(minor), device, cow, uuid, sequence: 1 }));
    return;
  }
  const tracer = tracers.find(({ minor }) => minor === Number(words.at(-1)));
  if (tracer === undefined) return refuse('No such file or directory');
  const change = (by: Playing) => {
    tracers = tracers.map((other) => (other === tracer ? by : other));
  };
  if (verb === 'transition-to-incremental') {
    if (tracer.state !== 3 || tracer.error !== undefined) refuse();
    release(tracer);
    run('truncate', '-s', `${indexEnd(sizeOf(tracer))}`, tracer.cow);
    change({ ...tracer, state: 2, loop: null });
  } else if (verb === 'transition-to-snapshot') {
    if (tracer.state !== 2 || tracer.error !== undefined || flaw === `fail ${verb}`) refuse();
    allocate(words[0] ?? '', room);
    run('mv', imageOf(tracer.minor), `${imageOf(tracer.minor)}.before`);
    const { minor, device, uuid, sequence } = tracer;
    const next = await snapshot({ minor, device, uuid, sequence: sequence + 1, cow: words[0] ?? '' });
    const entries = changedBetween(`${imageOf(minor)}.before`, imageOf(minor), tracer.own);
    const changedBlocks = entries.size + (flaw === 'miscount' ? 1 : 0);
    await writeCowFile(tracer.cow, { size: sizeOf(tracer), uuid, sequence, entries, changedBlocks });
    rmSync(`${imageOf(minor)}.before`);
    change(next);
  } else if (verb === 'destroy') {
    release(tracer);
    for (const path of [tracer.cow, imageOf(tracer.minor)]) rmSync(path, { force: true });
    tracers = tracers.filter((other) => other !== tracer);
  } else if (verb === 'play-unmount') {
    // At rest and back at work, it has written its header twice.
    const file = openSync(tracer.cow, 'r+');
    writeFileSync(file, cowHeader({ size: sizeOf(tracer), uuid: tracer.uuid, sequence: tracer.sequence, flags: 0 }));
    closeSync(file);
  } else if (verb === 'play-error') change({ ...tracer, error: Number(words[0]) });
  else if (verb === 'play-state') change({ ...tracer, state: Number(words[0]) });
  else refuse();
}

type Known = Pick<Playing, 'minor' | 'device' | 'cow' | 'uuid' | 'sequence'>;

function allocate(cow: string, room: number): void {
  try {
    execFileSync('fallocate', ['-l', `${room}MiB`, cow], { stdio: 'pipe' });
  } catch {
    rmSync(cow);
    refuse('No space left on device');
  }
}

/** Its file is in the snapshot, too. */
async function snapshot(known: Known): Promise<Playing> {
  const { minor, device, cow, uuid, sequence } = known;
  const file = await open(cow, 'r+');
  await file.write(cowHeader({ size: sizeOf(known), uuid, sequence, flags: 0 }), 0, 4096, 0);
  await file.chmod(0o000);
  const extents = await native.fileExtents(file.fd);
  await file.close();
  const at = run('findmnt', '--noheadings', '--output', 'TARGET', '--target', cow);
  const image = run('losetup', '--noheadings', '--output', 'BACK-FILE', device);
  run('fsfreeze', '--freeze', at);
  try {
    run('cp', '--reflink=always', image, imageOf(minor));
  } finally {
    run('fsfreeze', '--unfreeze', at);
  }
  const loop = run('losetup', '--find', '--show', '--read-only', imageOf(minor));
  symlinkSync(loop, join(root, `dev/datto${minor}`));
  const own = Array.from(extents).filter((_, index) => index % 4 === 1 || index % 4 === 2);
  return { ...known, state: 3, loop, own };
}

function release({ minor, loop }: Playing): void {
  if (loop === null) return;
  run('losetup', '--detach', loop);
  rmSync(join(root, `dev/datto${minor}`));
}

function sizeOf({ device }: Pick<Playing, 'device'>): number {
  return Number(run('blockdev', '--getsize64', device));
}

/** Blocks that differ, but for those of its own file. */
function changedBetween(before: string, now: string, own: readonly number[]): Map<number, number> {
  const [a, b] = [openSync(before, 'r'), openSync(now, 'r')];
  const [was, is] = [Buffer.alloc(mib), Buffer.alloc(mib)];
  const mine = new Set<number>();
  for (let at = 0; at < own.length; at += 2) {
    const [offset = 0, length = 0] = own.slice(at, at + 2);
    for (let block = offset / 4096; block < (offset + length) / 4096; block++) mine.add(block);
  }
  const changed = new Map<number, number>();
  for (let at = 0; readSync(b, is, 0, mib, at) === mib; at += mib) {
    readSync(a, was, 0, mib, at);
    if (was.equals(is)) continue;
    for (let within = 0; within < mib; within += 4096) {
      const block = (at + within) / 4096;
      const isSame = was.compare(is, within, within + 4096, within, within + 4096) === 0;
      if (!isSame && !mine.has(block)) changed.set(block, 1);
    }
  }
  closeSync(a);
  closeSync(b);
  return changed;
}

function refuse(why = 'Invalid argument'): never {
  console.error(`driver returned an error performing specified action. check dmesg for more info: ${why}`);
  process.exit(255);
}
