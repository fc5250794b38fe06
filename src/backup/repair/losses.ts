/** What stays damaged: by point and range of the disk, or whole points that cannot be had any more. */
import type { ErrorCode, StrataError } from '../../errors.ts';
import { concurrently } from '../../repository/concurrently.ts';
import { lostIn } from './frames.ts';
import type { Inventory, KeptPoint, Maps, OwnMap } from './inventory.ts';
import type { Workshop } from './workshop.ts';

export interface Loss {
  readonly point: string;
  /** Empty when the manifest cannot be read. */
  readonly machine: string;
  readonly disk: string;
  /** Of the point, ISO 8601 UTC; null when the manifest cannot be read. */
  readonly time: string | null;
  /** Bytes of the disk; null when it is the whole point, or its digests. */
  readonly offset: number | null;
  readonly length: number | null;
  /** A code of errors.ts. */
  readonly code: ErrorCode;
  readonly reason: string;
}

/** A disk of which the next backup mends the newest point. */
export interface DiskToBackUp {
  readonly machine: string;
  readonly disk: string;
  /** How many blocks it stores anew; null: it will be a full, as the chain of the newest point cannot be used. */
  readonly blocks: number | null;
}

export interface Losses {
  readonly lost: readonly Loss[];
  /** Points of which nothing can be had: their manifest, their map, or one that they stand on is lost. */
  readonly hopeless: readonly string[];
  /** Disks whose newest point has lost something. */
  readonly toBackUp: readonly DiskToBackUp[];
}

/** What the kept points have lost, as their maps stand now. */
export async function lossesOf(workshop: Workshop, { kept, lostManifests, maps }: Inventory): Promise<Losses> {
  const holed = await mapsWithHoles(workshop, maps);
  const lost: Loss[] = lostManifests.map(({ id, error }) => ({ ...nobody, ...whole(error), point: id }));
  const hopeless = lostManifests.map(({ id }) => id);
  const seen = new Set<string>();
  const toBackUp: DiskToBackUp[] = [];
  for (const keptPoint of kept) {
    const { id, machine, disk, time, manifest } = keptPoint.point;
    const who = { point: id, machine, disk, time };
    const error = hopelessness(keptPoint);
    const unusable = error ?? keptPoint.maps.map(({ wrong }) => wrong.dig).find((wrong) => wrong !== null) ?? null;
    if (error !== null) hopeless.push(id);
    if (unusable !== null) lost.push({ ...who, ...whole(unusable) });
    const ranges = error === null ? await rangesOf(workshop, keptPoint, holed) : [];
    lost.push(...ranges.map((range) => ({ ...who, ...range })));
    // The first of each disk is its newest.
    const newest = !seen.has(`${machine}/${disk}`);
    seen.add(`${machine}/${disk}`);
    if (!newest || (unusable === null && ranges.length === 0)) continue;
    const blocks = ranges.reduce((sum, { length }) => sum + Math.ceil(length / manifest.blockSize), 0);
    toBackUp.push({ machine, disk, blocks: unusable === null ? blocks : null });
  }
  return { lost, hopeless, toBackUp };
}

/** The parts of a point that lie in missing packs and damaged frames; `holed` are the maps that name any. */
async function rangesOf(workshop: Workshop, { maps }: KeptPoint, holed: ReadonlySet<OwnMap>) {
  if (!maps.some((map) => holed.has(map))) return [];
  const ranges = await lostIn(workshop, maps);
  return ranges.map(({ offset, length, pack, missing }) => ({
    offset,
    length,
    code: missing ? ('PACK_MISSING' as const) : ('FRAME_DAMAGED' as const),
    reason: missing ? missingPack(pack) : `frames of pack ${pack} are damaged`,
  }));
}

function missingPack(id: string): string {
  return id === noPack ? 'no pack has it' : `pack ${id} is missing`;
}

/** The maps that name something that cannot be read: whole chains are merged only where there is one. */
async function mapsWithHoles(workshop: Workshop, maps: Maps): Promise<ReadonlySet<OwnMap>> {
  const readable = [...maps.values()].filter(({ wrong }) => wrong.loc === null);
  const holed = await concurrently(readable, 4, async (map) =>
    (await lostIn(workshop, [map])).length > 0 ? [map] : [],
  );
  return new Set(holed.flat());
}

/** What a rebuilt location column names for what was found nowhere (docs/format.md, Block maps). */
const noPack = 'f'.repeat(32);

const nobody = { machine: '', disk: '', time: null } as const;

function whole({ code, message }: StrataError): Pick<Loss, 'offset' | 'length' | 'code' | 'reason'> {
  return { offset: null, length: null, code, reason: message };
}

/** Why nothing of a point can be had; null when something can. */
function hopelessness({ maps, broken }: KeptPoint): StrataError | null {
  return broken ?? maps.map(({ wrong }) => wrong.loc).find((error) => error !== null) ?? null;
}
