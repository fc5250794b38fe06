import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { installJob, uninstallJob } from '../../../../src/jobs/schedule/install.ts';
import type { Places } from '../../../../src/jobs/schedule/places.ts';
import type { Schedule } from '../../../../src/jobs/schedule/saved-job.ts';
import { writeSavedJob } from '../../../../src/jobs/schedule/saved-jobs.ts';
import { scratchFolder } from '../../scratch.ts';
import { verifyJobOf } from './jobs.ts';

async function bench(schedule: Schedule | null = { every: '1h' }) {
  const folder = await scratchFolder();
  const places: Places = { jobs: join(folder, 'jobs'), runs: join(folder, 'runs') };
  const unitDir = join(folder, 'units');
  const save = (to: Schedule | null) => writeSavedJob(places.jobs, verifyJobOf('check', to), { replace: true });
  await save(schedule);
  const request = { name: 'check', user: false, unitDir, dryRun: false };
  return { places, unitDir, request, save, install: (more = {}) => installJob({ ...request, ...more }, places) };
}

const names = ['strata-check.service', 'strata-check.timer'];

describe('installing into a folder', () => {
  it('writes the units, and says what to run', async () => {
    const { install, unitDir } = await bench();
    const result = await install();
    expect(result.changed).toEqual(names.map((name) => join(unitDir, name)));
    expect(result.told).toBe(false);
    expect(result.warning).toContain('systemctl enable --now strata-check.timer');
    expect((await readdir(unitDir)).sort()).toEqual(names);
  });

  it('changes nothing the second time, and what differs when the job has changed', async () => {
    const { install, unitDir, save } = await bench();
    await install();
    expect((await install()).changed).toEqual([]);
    await save({ every: '2h' });
    expect((await install()).changed).toEqual([join(unitDir, 'strata-check.timer')]);
    expect(await readFile(join(unitDir, 'strata-check.timer'), 'utf8')).toContain('OnUnitActiveSec=2h\n');
  });

  it('writes nothing when it is only asked', async () => {
    const { install, unitDir } = await bench();
    const result = await install({ dryRun: true });
    expect(result.units.map(({ name }) => name)).toEqual(names);
    await expect(readdir(unitDir)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each(names)('touches nothing when %s is somebody else’s', async (name) => {
    const { install, unitDir, request } = await bench();
    await mkdir(unitDir);
    await writeFile(join(unitDir, name), '[Unit]\nDescription=mine\n');
    await expect(install()).rejects.toMatchObject({ code: 'UNIT_FOREIGN' });
    await expect(uninstallJob(request)).rejects.toMatchObject({ code: 'UNIT_FOREIGN' });
    expect(await readdir(unitDir)).toEqual([name]);
    expect(await readFile(join(unitDir, name), 'utf8')).toBe('[Unit]\nDescription=mine\n');
  });

  it('is refused for a job without schedule, or with one that systemd cannot keep', async () => {
    const byHand = await bench(null);
    await expect(byHand.install()).rejects.toMatchObject({ code: 'USAGE' });
    const odd = await bench({ calendar: '0 0 L * *', timeZone: 'UTC' });
    await expect(odd.install()).rejects.toMatchObject({ code: 'CALENDAR_UNSUITABLE' });
    for (const { unitDir } of [byHand, odd]) await expect(readdir(unitDir)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('uninstalling', () => {
  it('removes what was written, nothing else, and may be done again', async () => {
    const { install, unitDir, request } = await bench();
    await install();
    await writeFile(join(unitDir, 'strata-other.timer'), 'x');
    expect((await uninstallJob({ ...request, dryRun: true })).changed).toHaveLength(2);
    expect(await readdir(unitDir)).toHaveLength(3);
    expect((await uninstallJob(request)).changed.toSorted()).toEqual(names.map((name) => join(unitDir, name)));
    expect(await readdir(unitDir)).toEqual(['strata-other.timer']);
    expect(await uninstallJob(request)).toMatchObject({ changed: [], warning: null });
  });

  it('takes what is left of a half-done one', async () => {
    const { install, unitDir, request } = await bench();
    await install();
    await chmod(unitDir, 0o755);
    await writeFile(join(unitDir, 'strata-check.timer'), await readFile(join(unitDir, 'strata-check.service'), 'utf8'));
    expect((await uninstallJob(request)).changed).toHaveLength(2);
    expect(await readdir(unitDir)).toEqual([]);
  });
});
