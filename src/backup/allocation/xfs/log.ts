/**
 * Whether the log of XFS is clean: whether the last thing in it is the record that an unmount writes. What a log that is
 * not clean holds must be replayed first; until then the free space on disk may be older than the files.
 *
 * The log is a ring of blocks of 512 bytes, each with the number of its round, its *cycle*, in its first word, or in the
 * second of a block that begins a record. The newest record ends where the cycle falls by one: at the head. This is what
 * the kernel does (xlog_find_head, xlog_check_unmount_rec), but it goes on with what is torn, and here it is distrusted.
 */
import { Distrust, demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import type { Volume } from '../volume.ts';
import type { Superblock } from './superblock.ts';

const block = 512;
const recordMagic = 0xfeedbabe;
/** Writes in flight when a machine stopped lie at most so many blocks before the head: 8 buffers of 256 KiB. */
const mostInFlight = (8 * 256 * 1024) / block;
/** So many bytes of a record's data have their cycles kept in one block of its header. */
const dataOfHeaderBlock = 32 * 1024;
const version2 = 2;
const unmount = 0x20;

export async function requireCleanLog(volume: Volume, fs: Superblock): Promise<void> {
  const log = new LogBlocks(volume, fs);
  const head = await findHead(log);
  const before = await log.read(head - Math.min(mostInFlight, log.count), Math.min(mostInFlight, log.count));
  const record = lastRecord(before);
  demand(record !== null && isUnmount(record, before, fs), 'its log is not clean: it is mounted, or was not unmounted');
}

/** Blocks by their number; those before 0 are at the end. */
class LogBlocks {
  readonly count: number;
  private readonly volume: Volume;
  private readonly start: number;

  constructor(volume: Volume, { logStart, logLength }: Superblock) {
    this.volume = volume;
    this.start = logStart;
    this.count = Math.floor(logLength / block);
  }

  async read(from: number, count: number): Promise<Buffer> {
    if (from >= 0) return this.volume.read(this.start + from * block, count * block);
    const wrapped = Math.min(count, -from);
    const first = await this.volume.read(this.start + (this.count + from) * block, wrapped * block);
    const second = await this.volume.read(this.start, (count - wrapped) * block);
    return Buffer.concat([first, second]);
  }

  async cycle(at: number): Promise<number> {
    return cycleOf(await this.read(at, 1), 0);
  }
}

function cycleOf(blocks: Buffer, at: number): number {
  const word = blocks.readUInt32BE(at * block);
  return word === recordMagic ? blocks.readUInt32BE(at * block + 4) : word;
}

/** The first block of the round before, and so one after the newest; as many as there are when all are of one round. */
async function findHead(log: LogBlocks): Promise<number> {
  const [newest, oldest] = [await log.cycle(0), await log.cycle(log.count - 1)];
  demand(newest !== 0, 'its log is empty');
  demand(newest === oldest || newest === oldest + 1, 'its log is damaged');
  let [low, head] = newest === oldest ? [log.count - 1, log.count] : [0, log.count - 1];
  while (head - low > 1) {
    const middle = Math.floor((low + head) / 2);
    const cycle = await log.cycle(middle);
    demand(cycle === newest || cycle === oldest, 'its log is damaged');
    if (cycle === newest) low = middle;
    else head = middle;
  }
  await requireWhole(log, head, newest);
  return head;
}

/** Distrusts a log in which writes that were in flight arrived in another order. */
async function requireWhole(log: LogBlocks, head: number, newest: number): Promise<void> {
  const count = Math.min(mostInFlight, log.count);
  const blocks = await log.read(head - count, count);
  for (let n = 0; n < count; n++) {
    const expected = head - count + n >= 0 ? newest : newest - 1;
    if (cycleOf(blocks, n) !== expected) throw new Distrust('its log is not clean: its newest records are torn');
  }
}

/** The number of the block at which the last record of these begins. */
function lastRecord(blocks: Buffer): number | null {
  for (let at = blocks.length / block - 1; at >= 0; at--)
    if (blocks.readUInt32BE(at * block) === recordMagic) return at;
  return null;
}

/** Whether this record is an unmount's, and ends with these blocks. */
function isUnmount(at: number, blocks: Buffer, { uuid }: Superblock): boolean {
  const header = new Fields(blocks.subarray(at * block, (at + 1) * block), 'big', 'the last record of its log');
  if (!header.slice(304, 16).equals(uuid)) return false;
  const most = header.u32(320);
  const headerBlocks = header.u32(8) === version2 && most > dataOfHeaderBlock ? Math.ceil(most / dataOfHeaderBlock) : 1;
  const data = at + headerBlocks;
  const operations = header.u32(40);
  if (operations !== 1 || data >= blocks.length / block) return false;
  if (data + Math.ceil(header.u32(12) / block) !== blocks.length / block) return false;
  return (blocks.readUInt8(data * block + 9) & unmount) !== 0;
}
