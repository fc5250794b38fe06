/** What a synthetic full would be made of; nothing is written for it. */
import { fail, fromNative } from '../errors.ts';
import type { Chain, ChainStatistics, PackRef } from '../native/maps.ts';
import { native } from '../native.ts';
import { chainOf } from '../repository/chain.ts';
import type { Emit } from '../repository/events.ts';
import { listPacks } from '../repository/packs.ts';
import { listPoints, type Point } from '../repository/points.ts';
import type { Repository } from '../repository/repository.ts';
import { selectPoint } from '../repository/select.ts';

/** `reference`: a map that refers to frames where they lie. `copy`: new packs, so that nothing older is needed. */
export type SynthesisMode = 'reference' | 'copy';

export interface SynthesisSubject {
  readonly machine: string;
  readonly disk: string;
  /** The point to make a full of, as for `selectPoint`; null: the newest of the disk. */
  readonly at: string | null;
  readonly mode: SynthesisMode;
}

export interface SynthesisPlan {
  readonly point: Point;
  readonly mode: SynthesisMode;
  readonly layers: Chain;
  readonly mergedPoints: number;
  readonly statistics: ChainStatistics;
  /** The packs that the chain refers to. */
  readonly sources: readonly PackRef[];
}

/** Why there is nothing to be done. */
export interface NothingToDo {
  readonly point: Point;
  readonly reason: string;
}

/** Plans a synthetic full. Throws what a damaged chain, or a lost pack, has to say. */
export async function planSynthesis(
  repo: Repository,
  { machine, disk, at, mode }: SynthesisSubject,
  emit: Emit,
): Promise<SynthesisPlan | NothingToDo> {
  const point = await selectPoint(repo, at ?? `${machine}/${disk}@latest`, emit);
  if (point.machine !== machine || point.disk !== disk) {
    throw fail('USAGE', {
      problem: `point ${point.id} is of ${point.machine}/${point.disk}, not of ${machine}/${disk}`,
    });
  }
  const reason = await whyNothing(repo, point, mode);
  if (reason !== null) return { point, reason };
  const { manifests, layers } = await chainOf(repo, point.manifest);
  const statistics = await statisticsOf(repo, point, layers);
  const sources = await requirePacks(repo, statistics);
  return { point, mode, layers, mergedPoints: manifests.length, statistics, sources };
}

async function whyNothing(repo: Repository, point: Point, mode: SynthesisMode): Promise<string | null> {
  const { synthesis } = point.manifest;
  if (point.kind === 'full') return 'it is a full point: there are no incremental ones to merge';
  if (synthesis?.mode === 'copy') return 'it is a synthetic full that stands on its own already';
  if (synthesis !== undefined && mode === 'reference') return 'it is a synthetic full already';
  const { points } = await listPoints(repo, { machine: point.machine, disk: point.disk });
  const made = points.find(({ manifest }) => manifest.synthesis?.of === point.id && manifest.synthesis.mode === mode);
  return made === undefined ? null : `point ${made.id} is a synthetic full of it`;
}

async function statisticsOf(repo: Repository, point: Point, chain: Chain): Promise<ChainStatistics> {
  try {
    return await native.statistics({ vault: repo.vault, chain, blockSize: point.manifest.blockSize });
  } catch (error) {
    throw fromNative(error, `the block maps of point ${point.id}`);
  }
}

async function requirePacks(repo: Repository, { packs: needed }: ChainStatistics): Promise<PackRef[]> {
  const packs = await listPacks(repo);
  return needed.map((id) => {
    const pack = packs.get(id);
    if (pack === undefined) throw fail('PACK_MISSING', { path: `pack ${id}`, reason: 'the chain refers to it' });
    return pack;
  });
}
