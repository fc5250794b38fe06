/**
 * The label of an LVM2 physical volume and the places that it names: where data may lie, and where the text lies that
 * describes the volume group (lib/format_text/layout.h of LVM2). Everything is under checksums.
 */
import { crc32 } from 'node:zlib';
import { demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import type { Volume } from '../volume.ts';

const sector = 512;
const sectorsLooked = 4;
const areaMagic = ' LVM2 x[5A%r0N*>';
const ignored = 1;

export interface Label {
  /** As the text writes it. */
  readonly uuid: string;
  /** Of the physical volume; the device may be larger. */
  readonly size: number;
  readonly areas: readonly { readonly offset: number; readonly size: number }[];
}

/** null where there is no label. */
export async function findLabel({ size, read }: Volume): Promise<Fields | null> {
  if (size < sectorsLooked * sector) return null;
  const head = await read(0, sectorsLooked * sector);
  for (let at = 0; at < head.length; at += sector) {
    const fields = new Fields(head.subarray(at, at + sector), 'little', 'label');
    if (fields.text(0, 8) === 'LABELONE' && fields.text(24, 8) === 'LVM2 001' && fields.big(8) === BigInt(at / sector))
      return fields;
  }
  return null;
}

export function readLabel(fields: Fields): Label {
  demand(lvmCrc(fields.slice(20, sector - 20)) === fields.u32(16), 'label: its checksum is wrong');
  const at = fields.u32(20);
  const uuid = fields.text(at, 32);
  const lists: { offset: number; size: number }[][] = [[], []];
  let place = at + 40;
  for (const list of lists) {
    for (; fields.u64(place) !== 0; place += 16) list.push({ offset: fields.u64(place), size: fields.u64(place + 8) });
    place += 16;
  }
  const [data = [], areas = []] = lists;
  demand(data.length === 1 && areas.length > 0, 'it does not describe itself: its volume group does elsewhere');
  const hyphens = [6, 10, 14, 18, 22, 26];
  const text = [...uuid].map((letter, n) => (hyphens.includes(n) ? `-${letter}` : letter)).join('');
  return { uuid: text, size: fields.u64(at + 32), areas };
}

/** The text in one of the areas. */
export async function readArea({ read }: Volume, { offset, size }: Label['areas'][number]): Promise<string> {
  const header = new Fields(await read(offset, sector), 'little', 'metadata');
  demand(lvmCrc(header.slice(4, sector - 4)) === header.u32(0), 'metadata: the checksum of its header is wrong');
  const known = header.text(4, 16) === areaMagic && header.u32(20) === 1;
  demand(known && header.u64(24) === offset && header.u64(32) === size, 'metadata: its header is of something else');
  const [start, length, checksum, flags] = [header.u64(40), header.u64(48), header.u32(56), header.u32(60)];
  demand(
    start >= sector && start < size && length > 0 && length < size - sector && (flags & ignored) === 0,
    'metadata: it has no text',
  );
  demand(header.u64(64) === 0, 'metadata: it is being changed');
  // It goes on behind the header where it reaches the end of the area.
  const first = Math.min(length, size - start);
  const parts = [await read(offset + start, first), await read(offset + sector, length - first)];
  const text = Buffer.concat(parts);
  demand(lvmCrc(text) === checksum, 'metadata: the checksum of its text is wrong');
  return text.toString('utf8');
}

/** CRC-32 without the inversions, from a beginning of LVM2's own. */
function lvmCrc(bytes: Buffer): number {
  return ~crc32(bytes, ~0xf597a6cf >>> 0) >>> 0;
}
