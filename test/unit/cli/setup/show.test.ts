import { expect, test } from 'vitest';
import { detailsOf, lineOf } from '../../../../src/cli/setup/ask-disks.ts';
import { nextLines, planLines } from '../../../../src/cli/setup/show.ts';
import type { FoundDisk } from '../../../../src/jobs/setup/disks.ts';
import { planSetup, type SetupChoices } from '../../../../src/jobs/setup/plan.ts';
import { usualSettings } from '../../../../src/repository/stores/settings.ts';

const gib = 1024 ** 3;
const bare: FoundDisk = {
  path: '/dev/disk/by-id/ata-X',
  name: 'sda',
  size: 8 * gib,
  model: '',
  fileSystem: null,
  parts: [],
  mountedAt: [],
  obstacle: null,
};
const parts = [
  { number: 1, size: gib, fileSystem: 'vfat' },
  { number: 2, size: 7 * gib, fileSystem: null },
];

test.each<[Partial<FoundDisk>, string, string]>([
  [{}, 'sda  8.0 GiB  nothing known on it', '/dev/disk/by-id/ata-X; not mounted'],
  [{ fileSystem: 'xfs', model: 'Disk\u001b' }, 'sda  8.0 GiB  xfs  Disk?', '/dev/disk/by-id/ata-X; not mounted'],
  [
    { parts, mountedAt: ['/boot', '/'] },
    'sda  8.0 GiB  2 partitions: vfat',
    '/dev/disk/by-id/ata-X; 1 vfat 1.0 GiB, 2 7.0 GiB; mounted at /boot, /',
  ],
])('a disk is told in a line, and in another what is on it', (given, line, details) => {
  expect(lineOf({ ...bare, ...given })).toBe(line);
  expect(detailsOf({ ...bare, ...given })).toBe(details);
});

const choices: SetupChoices = {
  location: '/srv/b',
  storage: usualSettings,
  existing: null,
  encryption: false,
  passwordFile: null,
  writePassphrase: false,
  keysFile: null,
  disks: [{ source: '/dev/sda', machine: 'm', disk: 'sda' }],
  schedule: { every: '6h' },
  timeZone: 'UTC',
  keep: { keepDaily: 14, keepWithin: '30d' },
  consolidation: null,
  units: null,
  sheet: '/root/s.txt',
  replace: () => false,
};

test('a plan shows every file, and what is not sealed', () => {
  const plan = planSetup(choices, { jobsFolder: '/etc/strata/jobs', jobs: [], installed: new Set() });
  expect(planLines(plan)).toEqual([
    'This will be written:',
    '  make   the repository /srv/b, NOT encrypted',
    '  save   the job backup-sda, in /etc/strata/jobs/backup-sda.json:',
    '           /dev/sda, as m/sda',
    '           every 6h',
    '           keeps 14 daily, within 30d',
    '  write  the recovery sheet /root/s.txt',
  ]);
  expect(nextLines(plan, 'export STRATA_REPO=/srv/b')).toEqual([
    'Next:',
    '  export STRATA_REPO=/srv/b',
    '  strata job install backup-sda  # have systemd start it',
    '  strata job run backup-sda      # the first backup, now',
    '  strata job list                # when jobs are due, and how they went',
    '  strata points                  # what there is to restore',
  ]);
});

test('what stays as it is is said, too', () => {
  const jobsFolder = '/etc/strata/jobs';
  const { jobs } = planSetup(choices, { jobsFolder, jobs: [], installed: new Set() });
  const same = planSetup(
    { ...choices, existing: 'f'.repeat(32), sheet: null },
    { jobsFolder, jobs, installed: new Set() },
  );
  expect(planLines(same)).toEqual([
    'Nothing is to be written:',
    '  use    the repository /srv/b',
    '  keep   the job backup-sda, which is so already',
  ]);
  const other = planSetup({ ...choices, schedule: null, sheet: null }, { jobsFolder, jobs, installed: new Set() });
  expect(planLines(other).at(-1)).toBe('  keep   the job backup-sda, which is another');
});
