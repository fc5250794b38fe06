/** The root folder of NTFS: looking for files by their names, whatever their case. All of its index is read. */
import { demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import { type FileTable, recordOf } from './file-table.ts';
import { attributeType, type FileRecord, referenceOf, undoFixups } from './record.ts';

const indexName = '$I30';
const indexMagic = 'INDX';
/** A root folder with half a million files; whoever has more is not worth waiting for. */
const largestIndex = 64 * 1024 * 1024;
const lastEntry = 0x2;

/** The records of those files that are there, by the names looked for. */
export async function findInRoot(table: FileTable, names: readonly string[]): Promise<Map<string, FileRecord>> {
  const found = new Map<string, FileRecord>();
  for await (const { name, reference } of entriesOfRoot(table)) {
    const wanted = names.find((one) => one === name.toLowerCase());
    if (wanted === undefined) continue;
    const { number, sequence } = referenceOf(reference);
    found.set(wanted, await table.record(number, sequence));
  }
  return found;
}

interface Entry {
  readonly name: string;
  readonly reference: bigint;
}

async function* entriesOfRoot(table: FileTable): AsyncGenerator<Entry> {
  const folder = await table.record(recordOf.root);
  const top = await table.value(folder, attributeType.indexRoot, indexName);
  demand(top?.resident != null, 'its root folder has no index');
  const root = new Fields(top.resident, 'little', 'its root folder');
  yield* entriesIn(root, 16);
  const [blocks, bits] = [
    await table.value(folder, attributeType.indexAllocation, indexName),
    await table.value(folder, attributeType.bitmap, indexName),
  ];
  if (blocks === null) return;
  const blockSize = root.u32(8);
  demand(
    blockSize >= 512 && blockSize <= 65536 && blockSize % 512 === 0,
    `${root.what} has blocks of ${blockSize} bytes`,
  );
  demand(bits !== null && blocks.size <= largestIndex, `${root.what} has ${blocks.size} bytes`);
  const inUse = await table.read(bits, 0, bits.size);
  const bytes = await table.read(blocks, 0, blocks.size);
  for (let n = 0; (n + 1) * blockSize <= bytes.length; n++) {
    if ((((inUse[n >> 3] ?? 0) >> (n & 7)) & 1) === 0) continue;
    const block = undoFixups(
      bytes.subarray(n * blockSize, (n + 1) * blockSize),
      indexMagic,
      'a block of its root folder',
    );
    yield* entriesIn(new Fields(block, 'little', 'a block of its root folder'), 24);
  }
}

/** The entries behind an index header. */
function* entriesIn(index: Fields, headerAt: number): Generator<Entry> {
  const end = headerAt + index.u32(headerAt + 4);
  for (let at = headerAt + index.u32(headerAt); at < end; ) {
    const [length, flags] = [index.u16(at + 8), index.u16(at + 12)];
    if ((flags & lastEntry) !== 0) return;
    demand(length >= 16, `${index.what} has a damaged entry`);
    const key = index.part(at + 16, index.u16(at + 10), index.what);
    yield { name: key.slice(66, key.u8(64) * 2).toString('utf16le'), reference: index.big(at) };
    at += length;
  }
}
