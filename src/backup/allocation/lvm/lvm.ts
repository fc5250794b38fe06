/**
 * The allocation of an LVM2 physical volume: the extents that logical volumes have on it, and all before the first one.
 * What is free within those volumes is not asked. Only plain segments lie on physical volumes; what is built of volumes
 * (thin pools, RAID, caches) names those, and they have plain segments again.
 */
import type { AllocationParser, Extents } from '../allocation.ts';
import { demand, unlessDistrusted } from '../distrust.ts';
import { clip, extentsOf } from '../extents.ts';
import type { Volume } from '../volume.ts';
import { findLabel, type Label, readArea, readLabel } from './label.ts';
import { parseText, type Section } from './text.ts';

const sector = 512;

export const lvmAllocation: AllocationParser = async (volume) => {
  const fields = await findLabel(volume);
  if (fields === null) return null;
  return unlessDistrusted('lvm', async () => {
    const label = readLabel(fields);
    demand(label.size <= volume.size, 'it is greater than its volume');
    return usedExtents(volume, label, await readGroup(volume, label));
  });
};

/** The section of the volume group; two copies of it must be equal. */
async function readGroup(volume: Volume, label: Label): Promise<Section> {
  const texts = new Set<string>();
  for (const area of label.areas) texts.add(await readArea(volume, area));
  demand(texts.size === 1, 'its copies of the metadata differ');
  const [text = ''] = texts;
  const { sections } = parseText(text);
  const [group] = sections.values();
  demand(group !== undefined && sections.size === 1, 'metadata: it describes no volume group');
  return group;
}

function usedExtents(volume: Volume, label: Label, group: Section): Extents {
  const [name, own] = ownSection(label, group);
  const [start, count] = [numberOf(own, 'pe_start') * sector, numberOf(own, 'pe_count')];
  const extent = numberOf(group, 'extent_size') * sector;
  const end = start + count * extent;
  demand(extent > 0 && end <= volume.size, 'metadata: it names extents behind the end');
  const runs: [number, number][] = [
    [0, start],
    [end, volume.size - end],
  ];
  for (const [first, length] of segmentsOn(name, group)) {
    demand(first + length <= count, 'metadata: a segment lies behind the last extent');
    runs.push([start + first * extent, length * extent]);
  }
  return clip(extentsOf(runs), 0, volume.size);
}

function ownSection(label: Label, group: Section): [string, Section] {
  const volumes = [...(group.sections.get('physical_volumes')?.sections ?? [])];
  const own = volumes.find(([, { values }]) => values.get('id') === label.uuid);
  demand(own !== undefined, 'metadata: it does not name this physical volume');
  return own;
}

/** First extent and count of all that logical volumes have on a physical one. */
function* segmentsOn(name: string, group: Section): Generator<[number, number]> {
  for (const volume of group.sections.get('logical_volumes')?.sections.values() ?? []) {
    demand(volume.sections.size === numberOf(volume, 'segment_count'), 'metadata: a segment is missing');
    for (const segment of volume.sections.values()) yield* areasOn(name, segment);
  }
}

function* areasOn(name: string, segment: Section): Generator<[number, number]> {
  const type = segment.values.get('type');
  if (type !== 'striped') {
    const plain = ![...segment.values.values()].flat().includes(name);
    demand(plain, `metadata: segments of type ${type} on a physical volume are not known`);
    return;
  }
  const [stripes, count] = [segment.values.get('stripes'), numberOf(segment, 'stripe_count')];
  const length = numberOf(segment, 'extent_count') / count;
  const fits = Array.isArray(stripes) && stripes.length === count * 2 && Number.isInteger(length);
  demand(fits, 'metadata: a segment is not understood');
  for (let n = 0; n < count; n++) {
    const [on, first] = [stripes[n * 2], stripes[n * 2 + 1]];
    demand(typeof first === 'number' && first >= 0, 'metadata: a segment is not understood');
    if (on === name) yield [first, length];
  }
}

function numberOf({ values }: Section, name: string): number {
  const value = values.get(name);
  demand(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, `metadata: ${name} is missing`);
  return value;
}
