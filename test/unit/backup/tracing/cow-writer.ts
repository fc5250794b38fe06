/** Writes files as dattobd and elastio-snap do, by what their documents say of the format. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { indexEnd } from '../../../../src/backup/tracing/cow-file.ts';

const headerLength = 4096;

export interface CowContent {
  /** Bytes of the device. */
  readonly size: number;
  readonly uuid: string;
  readonly sequence: number;
  /** Default: left clean, nothing behind the index. */
  readonly flags?: number;
  readonly version?: number;
  /** Default: as many as there are entries. */
  readonly changedBlocks?: number;
  /** Of blocks that changed: 1, or which block of the file holds what they were. Default: none. */
  readonly entries?: ReadonlyMap<number, number>;
}

/** Writes only header and sections that have entries, into a new file or one that was allocated before. */
export async function writeCowFile(path: string, content: CowContent): Promise<void> {
  const { size, entries = new Map<number, number>() } = content;
  const end = indexEnd(size);
  const file = await open(path, constants.O_RDWR | constants.O_CREAT);
  try {
    await file.truncate(end);
    await file.write(cowHeader(content), 0, headerLength, 0);
    const sections = new Map<number, Buffer>();
    for (const [block, value] of entries) {
      const section = Math.floor(block / 4096);
      const bytes = sections.get(section) ?? Buffer.alloc(32768);
      bytes.writeBigUInt64LE(BigInt(value), (block % 4096) * 8);
      sections.set(section, bytes);
    }
    for (const [section, bytes] of sections) await file.write(bytes, 0, bytes.length, headerLength + section * 32768);
  } finally {
    await file.close();
  }
}

export function cowHeader({ size, uuid, sequence, flags = 3, version = 1, ...content }: CowContent): Buffer {
  const { entries = new Map<number, number>(), changedBlocks = entries.size } = content;
  const first = indexEnd(size) / 4096;
  const overwritten = [...entries.values()].filter((value) => value > 1);
  const header = Buffer.alloc(headerLength);
  header.writeUInt32LE(4776, 0);
  header.writeUInt32LE(flags, 4);
  header.writeBigUInt64LE(BigInt(Math.max(first, ...overwritten.map((value) => value + 1))), 8);
  header.writeBigUInt64LE(BigInt(indexEnd(size)), 16);
  header.writeBigUInt64LE(BigInt(sequence), 24);
  header.write(uuid, 32, 'hex');
  header.writeBigUInt64LE(BigInt(version), 48);
  header.writeBigUInt64LE(BigInt(changedBlocks), 56);
  return header;
}
