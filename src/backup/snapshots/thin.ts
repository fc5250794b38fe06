/**
 * A snapshot of a thin volume: it shares the blocks of the pool until they are written to, and needs no room of its own.
 * It can be kept for the tracker, without a device then. A pool that is full ends the run, for what is written to
 * its volumes waits.
 */
import { failpoint } from '../../repository/failpoint.ts';
import { mapperName, poolStatus, statusOf } from './device-mapper.ts';
import { Guarding } from './guarding.ts';
import { deactivate, makeSnapshot, pathOf, removeSnapshot } from './logical-volumes.ts';
import { lookAt, originOf } from './lvm.ts';
import { heldPrefix, releaseMetadata } from './pool-metadata.ts';
import type { SnapshotProvider } from './provider.ts';

export const thin: SnapshotProvider = {
  name: 'thin',
  consistency: 'crash',
  byNameOnly: false,
  survivesRestart: true,

  async obstacle(wish) {
    const found = await lookAt(wish);
    if (typeof found === 'string') return found;
    if (found instanceof Error) return found.message;
    return found.kind === 'thin' ? null : 'it is no thin volume';
  },

  async plan({ source, id }) {
    return [`${(await originOf(source, 'thin')).group}/strata-${id}`];
  },

  async create({ source, id }) {
    const origin = await originOf(source, 'thin');
    const name = `strata-${id}`;
    failpoint('snapshot.volume');
    await makeSnapshot(origin, name, ['--ignoreactivationskip', '--activate', 'y']);
    const pool = mapperName(origin.group, origin.thin?.pool ?? '', 'tpool');
    const guarding = await Guarding.begin(id, source.path, async () => {
      const status = poolStatus(await statusOf(pool));
      // Its room is that of all its volumes, and may grow: what is left of it proves nothing.
      if (status === null) return { trouble: `the pool ${pool} does not say how it is`, room: null };
      return { trouble: status.trouble === null ? null : `the pool ${pool} ${status.trouble}`, room: null };
    });
    const path = pathOf({ group: origin.group, name });
    return guarding.view(path);
  },

  async keep([place = ''], id) {
    Guarding.end(id);
    const [group = '', name = ''] = place.split('/');
    await deactivate({ group, name });
    return null;
  },

  async end([place = ''], _end, id) {
    Guarding.end(id);
    failpoint('snapshot.remove');
    if (place.startsWith(heldPrefix)) await releaseMetadata(place.slice(heldPrefix.length));
    else await removeSnapshot(place, id);
  },
};
