/**
 * What the log of XFS still holds. Until a log has been replayed the free space on disk may be older than the files, so it
 * must hold nothing: the last thing in it is the record that an unmount writes. Or only copies of the superblock, which
 * has nothing to do with free space: a freeze (and so a snapshot by LVM) writes all else out, and leaves just these.
 *
 * The log is a ring of blocks of 512 bytes, each with the number of its round, its *cycle*, in its first word, or in the
 * second of a block that begins a record. The newest record ends where the cycle falls by one: at the head. It tells the
 * tail, the oldest record that has to be replayed. The kernel finds them so (xlog_find_tail), but it goes on with what is
 * torn, and here it is distrusted.
 */
import { Distrust, demand } from '../distrust.ts';
import type { Volume } from '../volume.ts';
import { cycleOf, LogRecord, logBlock } from './log-record.ts';
import type { Superblock } from './superblock.ts';

/** Writes in flight when a machine stopped lie at most so many blocks before the head: 8 buffers of 256 KiB. */
const mostInFlight = (8 * 256 * 1024) / logBlock;

/** `clean`: nothing is left in the log; `frozen`: nothing but superblocks. Anything else is distrusted. */
export async function readLogState(volume: Volume, fs: Superblock): Promise<'clean' | 'frozen'> {
  const log = new LogRing(volume, fs);
  const { head, newest } = await findHead(log);
  const last = LogRecord.lastOf(newest, fs.uuid);
  if (last?.isUnmount) return 'clean';
  const tail = last === null ? null : indexOfTail(last, head, log.count, newest);
  if (tail !== null && holdsOnlySuperblocks(newest, tail, fs)) return 'frozen';
  throw new Distrust('its log is not clean: it is mounted, or was not unmounted');
}

/** Blocks by their number; those before 0 are at the end. */
class LogRing {
  readonly count: number;
  private readonly volume: Volume;
  private readonly start: number;

  constructor(volume: Volume, { logStart, logLength }: Superblock) {
    this.volume = volume;
    this.start = logStart;
    this.count = Math.floor(logLength / logBlock);
  }

  async read(from: number, count: number): Promise<Buffer> {
    if (from >= 0) return this.volume.read(this.start + from * logBlock, count * logBlock);
    const wrapped = Math.min(count, -from);
    const first = await this.volume.read(this.start + (this.count + from) * logBlock, wrapped * logBlock);
    const second = await this.volume.read(this.start, (count - wrapped) * logBlock);
    return Buffer.concat([first, second]);
  }

  async cycle(at: number): Promise<number> {
    return cycleOf(await this.read(at, 1), 0);
  }
}

interface Head {
  /** The first block of the round before, and so one after the newest; as many as there are when all are of one round. */
  readonly head: number;
  /** The newest blocks, up to the head: as many as can have been in flight. */
  readonly newest: Buffer;
}

async function findHead(log: LogRing): Promise<Head> {
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
  return { head, newest: await readWhole(log, head, newest) };
}

/** Reads the newest blocks; distrusts a log in which writes that were in flight arrived in another order. */
async function readWhole(log: LogRing, head: number, newest: number): Promise<Buffer> {
  const count = Math.min(mostInFlight, log.count);
  const blocks = await log.read(head - count, count);
  for (let n = 0; n < count; n++) {
    const expected = head - count + n >= 0 ? newest : newest - 1;
    demand(cycleOf(blocks, n) === expected, 'its log is not clean: its newest records are torn');
  }
  return blocks;
}

/** Where among the newest blocks the tail is; null when it is not there. */
function indexOfTail(last: LogRecord, head: number, count: number, newest: Buffer): number | null {
  const { cycle, block } = last.tail;
  const index = newest.length / logBlock - ((head - block + count) % count);
  return index >= 0 && index <= last.at && cycleOf(newest, index) === cycle ? index : null;
}

function holdsOnlySuperblocks(newest: Buffer, tail: number, fs: Superblock): boolean {
  const end = newest.length / logBlock;
  let at = tail;
  while (at < end) {
    const record = LogRecord.at(newest, at, fs.uuid);
    // Kernels before 5.12 wrote the record of an unmount at a freeze, too.
    if (record === null || !(record.isUnmount || record.isSuperblock(fs.sectorSize))) return false;
    at = record.end;
  }
  return at === end;
}
