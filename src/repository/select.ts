/** Which restore point a user means: an id, a prefix of one, `MACHINE/DISK@latest` or `MACHINE/DISK@TIME`. */
import { fail } from '../errors.ts';
import type { Emit } from './events.ts';
import { firstReadable, listKnownPoints } from './known-points.ts';
import { lastMoment } from './moment.ts';
import { type Point, pointIds, readPoint } from './points.ts';
import type { Repository } from './repository.ts';

const shortestPrefix = 4;

/**
 * The point that `spec` names; forgotten ones are not found. With damaged manifests about, the newest point that
 * can be read need not be the newest: `emit` hears of that.
 */
export async function selectPoint(repo: Repository, spec: string, emit: Emit = () => undefined): Promise<Point> {
  const [, machine, disk, when] = /^([^/]+)\/(.+)@([^@]+)$/.exec(spec) ?? [];
  if (machine !== undefined && disk !== undefined && when !== undefined) {
    return selectByTime(repo, { spec, machine, disk, when }, emit);
  }
  if (!/^[0-9a-f]+$/i.test(spec)) {
    throw fail('USAGE', {
      problem: `${spec} is neither the id of a point nor MACHINE/DISK@latest or MACHINE/DISK@TIME`,
    });
  }
  return selectByPrefix(repo, spec);
}

async function selectByTime(
  repo: Repository,
  { spec, machine, disk, when }: { spec: string; machine: string; disk: string; when: string },
  emit: Emit,
): Promise<Point> {
  const moment = when === 'latest' ? Number.POSITIVE_INFINITY : lastMoment(when);
  if (moment === null) {
    throw fail('USAGE', { problem: `${when} is no time; write 2026-11-20, 2026-11-20T22:00Z or latest` });
  }
  const { points, damaged } = await listKnownPoints(repo, { machine, disk });
  const warn = (message: string) => emit({ event: 'warning', code: 'MANIFEST_DAMAGED', message });
  for (const { message } of damaged) warn(message);
  const candidates = points.filter(({ time }) => Date.parse(time) <= moment);
  const point = await firstReadable(repo, candidates, warn);
  if (point === null) throw fail('POINT_NOT_FOUND', { spec });
  return point;
}

async function selectByPrefix(repo: Repository, spec: string): Promise<Point> {
  const prefix = spec.toLowerCase();
  if (prefix.length < shortestPrefix) {
    throw fail('USAGE', {
      problem: `${spec} is too short for a point: give at least ${shortestPrefix} digits of its id`,
    });
  }
  const ids = (await pointIds(repo.store)).filter((id) => id.startsWith(prefix)).sort();
  const [only] = ids;
  if (only !== undefined && ids.length === 1) return requireKept(await readPoint(repo, only), spec);
  // A forgotten point takes no prefix from one that is kept.
  const { points } = await listKnownPoints(repo);
  const candidates = points.filter(({ id }) => ids.includes(id));
  const [first] = candidates;
  if (first === undefined) throw fail('POINT_NOT_FOUND', { spec });
  if (candidates.length === 1) return readPoint(repo, first.id);
  const named = candidates.slice(0, 5).map(({ id, machine, disk, time }) => `${id} (${machine}/${disk} ${time})`);
  throw fail('POINT_AMBIGUOUS', { spec, candidates: [...named, ...(candidates.length > 5 ? ['…'] : [])].join(', ') });
}

function requireKept(point: Point, spec: string): Point {
  if (point.forgotten) throw fail('POINT_NOT_FOUND', { spec });
  return point;
}
