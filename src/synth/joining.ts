/** What of a copy the store makes by itself: packs joined of ranges of the packs that there are. */
import { fromNative } from '../errors.ts';
import type { PackRef } from '../native/maps.ts';
import type { AssembledPack, PackPart, SurveyedFrames } from '../native/synthesis.ts';
import { native } from '../native.ts';
import type { Repository } from '../repository/repository.ts';
import type { Joining } from '../repository/stores/store.ts';
import { chooseParts, type Part, type PartRules } from './parts.ts';
import type { SynthesisPlan } from './plan.ts';

/** Bytes that one more request is worth. */
const rangeCost = 65536;

export interface JoinPlan {
  readonly packs: readonly AssembledPack[];
  /** Of frames in them. */
  readonly bytesJoined: number;
  /** Of what lies between these, and nobody needs. */
  readonly bytesUnused: number;
  /** Of frames that are better read and written by us. */
  readonly bytesLeft: number;
}

/** Nothing is joined. */
export const nothingJoined: JoinPlan = { packs: [], bytesJoined: 0, bytesUnused: 0, bytesLeft: 0 };

/** How the store of a repository joins objects; null: it cannot. */
export function joiningOf(repo: Repository): Joining | null {
  return repo.config.storage?.partCopy === true ? repo.store.joining : null;
}

/** Plans which packs the store makes for a copy; what packs of `resume` hold is not copied again. Writes nothing. */
export async function planJoining(
  repo: Repository,
  { point, layers, sources }: SynthesisPlan,
  resume: readonly PackRef[],
  { smallestPart }: Joining,
): Promise<JoinPlan> {
  const { blockSize } = point.manifest;
  const survey = await native
    .surveyCopy({ vault: repo.vault, chain: layers, blockSize, sources, resume })
    .catch((error: unknown) => {
      throw fromNative(error, `point ${point.id}`);
    });
  const parts = partsOf(survey, sources, { smallestPart, rangeCost });
  const bytesJoined = parts.reduce((sum, part) => sum + part.live, 0);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return {
    packs: arrange(parts, repo.config.packSize),
    bytesJoined,
    bytesUnused: length - bytesJoined,
    bytesLeft: survey.length.reduce((sum, bytes) => sum + bytes, 0) - bytesJoined,
  };
}

interface PlacedPart extends Part {
  readonly pack: string;
  /** Where on the disk its first block stands. */
  readonly order: number;
}

function partsOf(survey: SurveyedFrames, sources: readonly PackRef[], rules: PartRules): PlacedPart[] {
  const parts: PlacedPart[] = [];
  for (let start = 0; start < survey.pack.length; ) {
    const number = survey.pack[start];
    let end = start + 1;
    while (survey.pack[end] === number) end++;
    const source = sources[number ?? 0] as PackRef;
    const frames = { offset: survey.offset.subarray(start, end), length: survey.length.subarray(start, end) };
    for (const part of chooseParts(frames, source.bytes, rules)) {
      const orders = survey.order.subarray(start + part.first, start + part.first + part.count);
      parts.push({ ...part, pack: source.id, order: orders.reduce((least, order) => Math.min(least, order)) });
    }
    start = end;
  }
  return parts;
}

/** Packs of about the usual size, of parts in the order of the disk, as far as that can be. */
function arrange(parts: readonly PlacedPart[], packSize: number): AssembledPack[] {
  const packs: AssembledPack[] = [];
  let [row, frames, bytes]: [PackPart[], number, number] = [[], 0, 0];
  const close = () => {
    if (row.length > 0) packs.push({ parts: row, frames });
    [row, frames, bytes] = [[], 0, 0];
  };
  for (const { pack, offset, length, count } of parts.toSorted((a, b) => a.order - b.order)) {
    row.push({ pack, offset, length });
    frames += count;
    bytes += length;
    if (bytes >= packSize) close();
  }
  close();
  return packs;
}
