/**
 * NTFS: what $Bitmap has as used. It carries no checksum, so it is believed only when everything around it agrees: the
 * volume is not marked as dirty, its log is clean, Windows does not sleep, the beginning of the file table equals its copy,
 * and all tables that were read on the way lie in clusters that the bitmap has as used.
 *
 * The format: https://flatcap.github.io/linux-ntfs/ntfs/, and the headers of ntfs-3g.
 */
import type { AllocationParser, Extents } from '../allocation.ts';
import { addSetBits } from '../bitmap.ts';
import { demand, unlessDistrusted } from '../distrust.ts';
import { covers } from '../extents.ts';
import { UsedList } from '../used-list.ts';
import type { Volume } from '../volume.ts';
import { bootSectorLength, magic, readGeometry } from './boot-sector.ts';
import { FileTable, recordOf } from './file-table.ts';
import { requireCleanLog } from './log-file.ts';
import { requireAwake } from './memory-files.ts';
import { attributeType, undoFixups } from './record.ts';
import { extentsOfRuns } from './runs.ts';

/** Dirty, log to be resized, journal being deleted, check under way, changed by a check: ntfs-3g mounts none of them writable. */
const doubtful = 0x1 | 0x2 | 0x10 | 0x4000 | 0x8000;
const mirrored = 4;
const pieceOfBitmap = 1024 * 1024;

export const ntfsAllocation: AllocationParser = async (volume) => {
  if (volume.size < bootSectorLength || (await volume.read(3, 8)).toString('latin1') !== magic) return null;
  return unlessDistrusted('ntfs', () => usedExtents(volume));
};

async function usedExtents(volume: Volume): Promise<Extents> {
  const table = await FileTable.open(volume, await readGeometry(volume));
  await requireMirror(table);
  await requireNotDirty(table);
  await requireCleanLog(table);
  await requireAwake(table);
  const { clusters, clusterSize } = table.geometry;
  const used = await readBitmap(table);
  for (const number of [recordOf.mft, recordOf.mirror, recordOf.log, recordOf.root, recordOf.bitmap, recordOf.boot]) {
    const record = await table.record(number);
    const runs = record.attributes.flatMap((attribute) => attribute.runs);
    demand(
      covers(used.extents, extentsOfRuns(runs, clusterSize)),
      `its bitmap has parts of its own file ${number} as free`,
    );
  }
  // Its last sector is a copy of its first one, and belongs to no cluster.
  used.add(clusters * clusterSize, volume.size - clusters * clusterSize);
  return used.extents;
}

async function requireMirror(table: FileTable): Promise<void> {
  const { mirrorAt, clusterSize, recordSize } = table.geometry;
  const mirror = await table.volume.read(mirrorAt * clusterSize, mirrored * recordSize);
  for (let n = 0; n < mirrored; n++) {
    const [here, there] = [await table.recordBytes(n), mirror.subarray(n * recordSize, (n + 1) * recordSize)].map(
      contentOf,
    );
    demand(here?.equals(there as Buffer) === true, 'the beginning of its file table is not like its copy');
  }
}

/** Without the fix-ups: their number is another one at each write. */
function contentOf(record: Buffer): Buffer {
  const content = undoFixups(record, 'FILE', 'a record of its file table');
  return content.fill(0, content.readUInt16LE(4), content.readUInt16LE(4) + content.readUInt16LE(6) * 2);
}

async function requireNotDirty(table: FileTable): Promise<void> {
  const { attributes } = await table.record(recordOf.volume);
  const information = attributes.find(({ type }) => type === attributeType.volumeInformation)?.value;
  demand(information != null, 'it has no version');
  const version = information.u8(8);
  demand(version === 1 || version === 3, `its version is ${version}`);
  demand((information.u16(10) & doubtful) === 0, 'it is marked as dirty');
}

async function readBitmap(table: FileTable): Promise<UsedList> {
  const { clusters, clusterSize: unit } = table.geometry;
  const length = Math.ceil(clusters / 8);
  const bitmap = await table.value(await table.record(recordOf.bitmap), attributeType.data);
  demand(bitmap !== null && bitmap.written >= length, 'its bitmap is too short');
  const used = new UsedList();
  for (let at = 0; at < length; at += pieceOfBitmap) {
    const bytes = await table.read(bitmap, at, Math.min(pieceOfBitmap, length - at));
    const first = at * 8;
    addSetBits({ bytes, count: Math.min(bytes.length * 8, clusters - first), unit, offset: first * unit }, used);
  }
  return used;
}
