import { describe, expect, test } from 'vitest';
import { planSetup, type SetupChoices, type Surroundings } from '../../../../src/jobs/setup/plan.ts';
import { recoverySheet } from '../../../../src/jobs/setup/recovery-sheet.ts';
import { usualSettings } from '../../../../src/repository/stores/settings.ts';

const nightly = { calendar: '30 1 * * *', timeZone: 'UTC' };
const weekly = { calendar: '0 5 * * 0', timeZone: 'UTC' };
const choices: SetupChoices = {
  location: '/srv/backups',
  storage: usualSettings,
  existing: null,
  encryption: true,
  passwordFile: '/etc/strata/passphrase',
  writePassphrase: true,
  keysFile: null,
  disks: [
    { source: '/dev/sda', machine: 'web1', disk: 'sda' },
    { source: '/dev/mapper/vg-Data', machine: 'web1', disk: 'vg-Data' },
  ],
  schedule: nightly,
  timeZone: 'UTC',
  keep: { keepDaily: 14 },
  consolidation: { maxChain: 30, schedule: weekly },
  units: { user: false, unitDir: undefined, folder: '/etc/systemd/system' },
  sheet: '/root/sheet.txt',
  replace: () => false,
};
const nothing: Surroundings = { jobsFolder: '/etc/strata/jobs', jobs: [], installed: new Set() };

const kinds = (given: Partial<SetupChoices>, there = nothing) =>
  planSetup({ ...choices, ...given }, there).steps.map((step) => (step.kind === 'job' ? step.job.name : step.kind));

test.each<[string, Partial<SetupChoices>, string[]]>([
  [
    'everything',
    {},
    ['passphrase', 'repository', 'backup-sda', 'backup-vg-data', 'consolidate', 'units', 'units', 'units', 'sheet'],
  ],
  [
    'a bucket, with keys to save, by hand',
    { location: 's3://b/p', keysFile: '/root/.aws/credentials', schedule: null, consolidation: null, sheet: null },
    ['keys', 'passphrase', 'repository', 'backup-sda', 'backup-vg-data'],
  ],
  [
    'a repository that is there, and its passphrase',
    { existing: 'f'.repeat(32), writePassphrase: false, units: null, sheet: null },
    ['backup-sda', 'backup-vg-data', 'consolidate'],
  ],
  [
    'no encryption',
    { encryption: false, passwordFile: null, writePassphrase: false, units: null, consolidation: null, sheet: null },
    ['repository', 'backup-sda', 'backup-vg-data'],
  ],
])('%s', (_, given, expected) => {
  expect(kinds(given)).toEqual(expected);
});

describe('the rules', () => {
  const keeps = (given: Partial<SetupChoices>) =>
    planSetup({ ...choices, ...given }, nothing).jobs.map((job) => 'keep' in job.settings && job.settings.keep);

  test('belong to the consolidation, which frees what they drop', () => {
    expect(keeps({})).toEqual([null, null, { keepDaily: 14, timeZone: 'UTC' }]);
  });

  test('belong to the backups where there is none', () => {
    const rules = { keepDaily: 14, timeZone: 'UTC' };
    expect(keeps({ consolidation: null })).toEqual([rules, rules]);
  });

  test('may be none', () => {
    expect(keeps({ keep: null })).toEqual([null, null, null]);
  });
});

test('a consolidation is of the disks of this machine only', () => {
  const job = planSetup(choices, nothing).jobs.find(({ kind }) => kind === 'consolidate');
  expect(job?.settings).toMatchObject({
    disks: [
      { machine: 'web1', disk: 'sda' },
      { machine: 'web1', disk: 'vg-Data' },
    ],
    maxChain: 30,
  });
});

describe('jobs that are there', () => {
  const there = { ...nothing, jobs: planSetup(choices, nothing).jobs };

  test('and the same stay; their units are written unless they are there, too', () => {
    const again = planSetup(choices, there);
    expect(again.steps.filter(({ kind }) => kind === 'job')).toEqual([]);
    expect(again.kept).toEqual(['backup-sda', 'backup-vg-data', 'consolidate'].map((name) => ({ name, same: true })));
    expect(again.steps.filter(({ kind }) => kind === 'units')).toHaveLength(3);
    const installed = { ...there, installed: new Set(['backup-sda', 'backup-vg-data', 'consolidate']) };
    expect(planSetup(choices, installed).steps.map(({ kind }) => kind)).toEqual(['passphrase', 'repository', 'sheet']);
    expect(planSetup({ ...choices, units: null }, installed).unkept).toEqual([]);
    expect(planSetup({ ...choices, units: null }, there).unkept).toHaveLength(3);
  });

  test('and other ones stay with their units, unless they may be replaced', () => {
    const changed = { ...choices, schedule: { every: '6h' } };
    const kept = planSetup(changed, there);
    expect(kept.kept).toContainEqual({ name: 'backup-sda', same: false });
    expect(kept.steps.flatMap((step) => (step.kind === 'units' ? step.job : []))).toEqual(['consolidate']);
    const replaced = planSetup({ ...changed, replace: (name) => name === 'backup-sda' }, there);
    expect(replaced.steps.filter(({ kind }) => kind === 'job')).toMatchObject([
      { job: { name: 'backup-sda', schedule: { every: '6h' } }, instead: { schedule: nightly } },
    ]);
  });

  test('of another repository keep their names', () => {
    const other = planSetup({ ...choices, location: '/mnt/other' }, there);
    expect(other.jobs.map(({ name }) => name)).toEqual(['backup-sda-2', 'backup-vg-data-2', 'consolidate-2']);
  });
});

test('what no job can be made of is refused', () => {
  expect(() => kinds({ schedule: { every: 'soon' } })).toThrow('it takes an interval');
  expect(() => kinds({ disks: [{ source: '/dev/sda', machine: 'a/b', disk: 'sda' }] })).toThrow('name of a machine');
});

describe('the recovery sheet', () => {
  test('says where everything is, and nothing that is secret', () => {
    const storage = { ...usualSettings, endpoint: 'https://rgw.example.com', pathStyle: true };
    const plan = planSetup({ ...choices, location: 's3://b/p', storage }, nothing);
    const sheet = recoverySheet(plan, 'f'.repeat(32), '2026-11-21T12:00:00Z');
    for (const text of [
      's3://b/p',
      'f'.repeat(32),
      'STRATA_S3_ENDPOINT=https://rgw.example.com',
      'web1/sda (/dev/sda)',
    ]) {
      expect(sheet).toContain(text);
    }
    expect(sheet).toContain('strata restore web1/sda@latest --to /dev/DISK --force');
  });

  test('quotes what a shell would take apart', () => {
    const plan = planSetup({ ...choices, location: "/srv/it's here" }, nothing);
    expect(recoverySheet(plan, null, 'now')).toContain(`export STRATA_REPO='/srv/it'\\''s here'`);
  });
});
