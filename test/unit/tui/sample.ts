/** A repository as the engine would tell of it, at a fixed time: what frames are made of. */
import { createHash } from 'node:crypto';
import type { ListedPoint } from '../../../src/jobs/points.ts';
import type { ShownPoint } from '../../../src/jobs/show.ts';
import type { Action } from '../../../src/tui/state/reducer.ts';
import { reduce } from '../../../src/tui/state/reducer.ts';
import { firstState, type State } from '../../../src/tui/state/state.ts';

export const now = Date.parse('2026-11-20T22:41:07Z');
const hour = 3_600_000;
const gib = 1024 ** 3;
const mib = 1024 ** 2;

const storage = { endpoint: null, pathStyle: false, plainHttp: false, uploadLimit: null, downloadLimit: null };

export const failure = {
  code: 'NO_REPOSITORY',
  message: 'no repository at /srv/backup: there is no strata.json',
  hint: 'check --repo or STRATA_REPO, or make one with strata init',
  exitCode: 10,
};

/** The n-th point of a disk, counted from the newest. */
export function samplePoint(machine: string, disk: string, n: number, length: number): ListedPoint {
  const isFull = n === length - 1;
  const isSynthetic = n === 5 && !isFull;
  const id = (at: number) => createHash('sha256').update(`${machine}/${disk} ${at}`).digest('hex').slice(0, 24);
  return {
    id: id(n),
    machine,
    disk,
    time: new Date(now - 41 * 60_000 - n * 12 * hour).toISOString(),
    kind: isFull ? 'full' : isSynthetic ? 'synthetic' : 'incremental',
    parent: isFull || isSynthetic ? null : id(n + 1),
    chainLength: isSynthetic ? 1 : n < 5 ? 6 - n : length - n,
    size: 120 * gib,
    bytesStored: isFull ? 61 * gib : ((n * 7) % 5) * 300 * mib + 12 * mib,
    type: n % 2 === 0 ? 'scheduled' : 'manual',
    tags: n % 4 === 0 ? ['daily'] : [],
    note: n === 2 ? 'before the upgrade' : '',
    protected: n === 5,
    verified: n === 1 || n === 5 ? new Date(now - 26 * hour).toISOString() : null,
    forgotten: false,
    // The second newest of each disk was made in one run with the others.
    ...(n === 1 ? { group: { id: '3f9ac0de'.repeat(3), oneInstant: true } } : {}),
  };
}

function pointsOf(machine: string, disk: string, count: number): ListedPoint[] {
  return Array.from({ length: count }, (_, n) => samplePoint(machine, disk, n, count));
}

export const points: readonly ListedPoint[] = [
  ...pointsOf('web01', 'sda', 30),
  ...pointsOf('db01', 'nvme0n1', 9),
  ...pointsOf('файловый-сервер-日本語', 'vda', 3),
];

const newest = points[0] as ListedPoint;

export const shown = {
  ...newest,
  format: 1,
  blockSize: 262144,
  root: 'f'.repeat(64),
  source: { path: '/dev/sda', kind: 'device' },
  snapshot: 'none',
  tracker: 'none',
  unreadable: [[4096, 512]],
  warnings: [{ code: 'LIVE_SOURCE', message: 'the source was in use while it was read' }],
  stats: {
    bytesRead: 120 * gib,
    bytesNew: 2 * gib,
    bytesStored: 1.4 * gib,
    seconds: 372,
    blocks: { changed: 1, zero: 0, deduplicated: 0 },
  },
  chain: [],
  statistics: { dataBytes: 61 * gib, zeroBytes: 59 * gib, storedBytes: 40 * gib, packs: 1344 },
  layout: {
    scheme: 'gpt',
    fileSystem: null,
    partitions: [
      { number: 1, offset: mib, length: 512 * mib, type: '', name: 'EFI', fileSystem: 'vfat' },
      { number: 2, offset: 513 * mib, length: 119 * gib, type: '', name: 'root', fileSystem: 'ext4' },
    ],
  },
} as unknown as ShownPoint;

/** What the engine's answers make of a fresh state. */
const arrivals: readonly Action[] = [
  { type: 'connection', to: 'ready' },
  { type: 'came', slot: 'points', value: points, now },
  {
    type: 'came',
    slot: 'mounts',
    now,
    value: [
      {
        id: '9de79bc7',
        kind: 'mount',
        state: 'ready',
        repository: '/srv/backup',
        point: null,
        directories: ['/mnt/strata'],
        devices: [],
        uri: null,
        overlay: null,
        since: new Date(now - hour).toISOString(),
        pid: 812,
      },
      {
        id: '0a1b2c3d',
        kind: 'drive',
        state: 'leftover',
        repository: '/srv/backup',
        point: newest.id,
        directories: [],
        devices: ['/dev/loop3'],
        uri: null,
        overlay: null,
        since: new Date(now - 40 * hour).toISOString(),
        pid: 4711,
      },
    ],
  },
  { type: 'came-of', slot: 'details', key: newest.id, value: shown, now },
  {
    type: 'came-of',
    slot: 'maps',
    key: newest.id,
    now,
    value: {
      point: newest.id,
      size: newest.size,
      owners: points.slice(0, 6).map(({ id, time, kind }) => ({ id, time, kind })),
      cells: Array.from({ length: 512 }, (_, cell) =>
        cell % 11 === 0 ? -1 : cell % 17 === 0 ? 0 : cell % 13 === 0 ? 1 : cell % 7 === 0 ? 3 : 5,
      ),
    },
  },
  {
    type: 'came',
    slot: 'saved',
    now,
    value: [
      {
        job: { name: 'nightly', kind: 'backup', schedule: { calendar: '30 1 * * *', timeZone: 'UTC' } },
        path: '/etc/strata/jobs/nightly.json',
        due: '2026-11-21T01:30:00Z',
        last: null,
      },
    ],
  },
  {
    type: 'came',
    slot: 'runs',
    now,
    value: [
      {
        id: '01',
        job: 'nightly',
        kind: 'backup',
        started: new Date(now - 12 * hour).toISOString(),
        finished: null,
        outcome: 'failed',
        seconds: 3,
        bytesRead: 0,
        bytesStored: 0,
        point: null,
        warnings: [],
        error: { code: 'SOURCE_MISSING', message: 'there is no /dev/sdq' },
      },
    ],
  },
  { type: 'compare', a: points[3] as ListedPoint, b: newest },
  {
    type: 'came',
    slot: 'diff',
    now,
    value: {
      a: points[3]?.id,
      b: newest.id,
      changedBytes: 3 * gib,
      extents: [
        [0, mib],
        [40 * gib, 2 * gib],
        [97 * gib, gib - mib],
      ],
    },
  },
  {
    type: 'came',
    slot: 'contents',
    now,
    value: {
      id: '5f0c91ab',
      location: '/srv/backup',
      encryption: 'aes-256-gcm',
      blockSize: 262144,
      packs: { count: 5012, bytes: 152 * gib },
      keys: [{ id: '98451234', label: 'office', created: '2026-01-02T03:04:05Z', current: true }],
      workers: [
        {
          purpose: 'backup',
          machine: 'db01',
          disk: 'nvme0n1',
          host: 'db01',
          pid: 77,
          since: new Date(now - hour / 4).toISOString(),
          dead: false,
        },
      ],
      trash: [{ time: new Date(now - 5 * hour).toISOString(), packs: 12, bytes: 300 * mib }],
      forgotten: [{ id: 'abcdef012345', machine: 'web01', disk: 'sda', time: '2026-10-01T22:00:00Z' }],
    },
  },
  {
    type: 'policy',
    policy: {
      disks: [{ machine: 'web01', disk: 'sda' }],
      maxChain: 5,
      fullEvery: null,
      mode: 'reference',
      rules: { keepDaily: 14 },
      grace: 24 * hour,
      maxUnused: null,
      dryRun: true,
    },
  },
  {
    type: 'came',
    slot: 'plan',
    now,
    value: {
      dryRun: true,
      collection: null,
      collectionFailure: null,
      failed: 0,
      bytesFreed: 0,
      seconds: 1,
      disks: [
        {
          machine: 'web01',
          disk: 'sda',
          reason: 'its chain of 6 points is longer than 5',
          synthesis: { nothingToDo: null },
          failure: null,
          forgetting: {
            dryRun: true,
            forgotten: [points[2]?.id],
            neededByOthers: [],
            bytesFreed: 0,
            timeZone: 'UTC',
            bytesFreeable: 912 * mib,
            points: points.slice(0, 3).map(({ id, machine, disk, time }, n) => ({
              id,
              machine,
              disk,
              time,
              keep: n < 2,
              reasons: n === 0 ? ['newest', 'daily 2026-11-20'] : n === 1 ? ['last verified'] : [],
              bytesFreeable: n < 2 ? null : 912 * mib,
            })),
          },
        },
      ],
    },
  },
  {
    type: 'came',
    slot: 'doctor',
    now,
    value: {
      able: true,
      machine: [
        { name: 'FUSE', found: true, required: false, detail: '/dev/fuse', remedy: '' },
        {
          name: 'LVM',
          found: false,
          required: false,
          detail: 'for snapshots of logical volumes',
          remedy: 'apt-get install lvm2',
        },
      ],
      remains: { deadRuns: [], unusedPacks: null },
      fixed: false,
      mounts: [],
    },
  },
  {
    type: 'files',
    files: {
      point: newest.id,
      partition: 2,
      title: 'web01/sda 2026-11-20 22:00, partition 2',
      folder: 'etc',
      search: null,
    },
  },
  { type: 'came', slot: 'files', now, value: { drive: '0a1b2c3d', root: '/tmp/x', fileSystem: 'ext4' } },
  {
    type: 'came',
    slot: 'folder',
    now,
    value: [
      { key: 'etc/ssh', name: 'ssh', kind: 'folder', size: 4096, modified: '2026-11-01T10:00:00Z', target: null },
      {
        key: 'etc/mtab',
        name: 'mtab',
        kind: 'link',
        size: 12,
        modified: '2026-11-01T10:00:00Z',
        target: '/proc/self/mounts',
      },
      {
        key: 'etc/日本語の設定ファイル.conf',
        name: '日本語の設定ファイル.conf',
        kind: 'file',
        size: 1337,
        modified: '2026-11-02T10:00:00Z',
        target: null,
      },
    ],
  },
  { type: 'job-began', id: 1, action: 'verify', subject: 'web01/sda 2026-11-18 22:00', now: now - 600_000 },
  {
    type: 'job-ended',
    id: 1,
    outcome: [],
    failure: { code: 'FRAME_DAMAGED', message: 'a block of pack 5f0c is damaged', hint: 'strata repair', exitCode: 13 },
    now: now - 500_000,
  },
  { type: 'job-began', id: 2, action: 'restore', subject: 'web01/sda to /dev/sdc', now: now - 60_000 },
  { type: 'job-event', id: 2, now: now - 60_000, event: { event: 'stage', time: '', stage: 'write' } },
  ...[10, 25, 33, 52].map(
    (part): Action => ({
      type: 'job-event',
      id: 2,
      now: now - 60_000 + part * 1000,
      event: { event: 'progress', time: '', position: part * gib, total: 120 * gib, bytesWritten: part * gib },
    }),
  ),
  { type: 'log', now: now - 60_000, role: 'text', text: 'job 2 restore web01/sda to /dev/sdc: began' },
  {
    type: 'log',
    now: now - 500_000,
    role: 'error',
    text: 'FRAME_DAMAGED: a block of pack 5f0c is damaged; strata repair',
  },
  { type: 'damaged', found: [points[3]?.id ?? ''], good: [] },
];

export function apply(state: State, actions: readonly Action[]): State {
  return actions.reduce(reduce, state);
}

/** Nothing has been read yet. */
export const empty: State = {
  ...firstState(now, { location: '/srv/backup', storage, passphraseGiven: true }),
  utc: true,
};

/** All that the engine tells has been read; the disk is web01/sda. */
export const full: State = apply(empty, [...arrivals, { type: 'disk', disk: { machine: 'web01', disk: 'sda' } }]);
