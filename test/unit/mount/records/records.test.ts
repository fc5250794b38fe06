import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { identityOf } from '../../../../src/mount/processes.ts';
import { Journal } from '../../../../src/mount/records/journal.ts';
import type { MountRecord } from '../../../../src/mount/records/record.ts';
import { Records, recordsFolder } from '../../../../src/mount/records/records.ts';
import { thisProcess } from '../../../../src/repository/here.ts';
import { scratchFolder } from '../../scratch.ts';

const here = thisProcess();

function record(id: string, since = '2026-11-20T10:00:00.000Z'): MountRecord {
  return {
    format: 1,
    id,
    kind: 'mount',
    state: 'ready',
    repository: '/repo',
    point: null,
    standsOn: null,
    since,
    bootId: here.bootId,
    owner: identityOf(here),
    client: null,
    overlay: null,
    uri: null,
    pieces: [{ kind: 'fuse', at: '/mnt/a', source: 'strata:/repo', device: '0:52' }],
  };
}

async function scratchRecords(): Promise<Records> {
  return new Records(join(await scratchFolder(), 'records'));
}

describe('recordsFolder', () => {
  it.runIf(process.getuid?.() === 0)('is in /run for root', () => {
    expect(recordsFolder({ XDG_RUNTIME_DIR: '/run/user/7' })).toBe('/run/strata');
  });

  it.skipIf(process.getuid?.() === 0)('is in the folder that the system gives a user', () => {
    expect(recordsFolder({ XDG_RUNTIME_DIR: '/run/user/7' })).toBe('/run/user/7/strata');
  });

  it('can be chosen', () => {
    expect(recordsFolder({ STRATA_RUNTIME_DIR: '/x' })).toBe('/x');
  });
});

describe('records', () => {
  it('are none at first', async () => {
    const records = await scratchRecords();
    expect(await records.list()).toEqual({ records: [], unreadable: [] });
    expect(await records.read('00000001')).toBe(null);
    await records.remove('00000001');
  });

  it('are given back as they were written, oldest first', async () => {
    const records = await scratchRecords();
    const [late, early] = [record('00000001'), record('00000002', '2026-11-19T10:00:00.000Z')];
    await records.write(late);
    await records.write(early);
    await records.write({ ...late, overlay: '/overlay' });
    expect(await records.list()).toEqual({ records: [early, { ...late, overlay: '/overlay' }], unreadable: [] });
    await records.remove(early.id);
    expect(await records.read(early.id)).toBe(null);
  });

  it('of one id are created once', async () => {
    const records = await scratchRecords();
    await records.create(record('00000001'));
    await expect(records.create({ ...record('00000001'), overlay: '/other' })).rejects.toMatchObject({ code: 'IO' });
    expect(await records.list()).toMatchObject({ records: [{ overlay: null }] });
    expect(await readdir(records.folder)).toEqual(['00000001.json']);
  });

  it('are for their user alone', async () => {
    const records = await scratchRecords();
    await records.write(record('00000001'));
    expect((await stat(records.folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(records.folder, '00000001.json'))).mode & 0o777).toBe(0o600);
  });

  it('are not written where others could have put theirs', async () => {
    const folder = await scratchFolder();
    await mkdir(join(folder, 'open'));
    await chmod(join(folder, 'open'), 0o777);
    await mkdir(join(folder, 'mine'), { mode: 0o700 });
    await symlink('mine', join(folder, 'link'));
    for (const name of ['open', 'link']) {
      const writing = new Records(join(folder, name)).write(record('00000001'));
      await expect(writing).rejects.toMatchObject({ code: 'PERMISSION' });
    }
    expect(await readdir(join(folder, 'mine'))).toEqual([]);
  });

  it('of a newer Strata, damaged or of another name are told, and left alone', async () => {
    const records = await scratchRecords();
    await records.write(record('00000001'));
    const text = await readFile(join(records.folder, '00000001.json'), 'utf8');
    const foreign = { '00000002': text, '00000003': '{', '00000004': text.replace('"format": 1', '"format": 2') };
    for (const [id, content] of Object.entries(foreign)) await writeFile(join(records.folder, `${id}.json`), content);
    await writeFile(join(records.folder, 'README'), '');
    const found = await records.list();
    expect(found.records.map(({ id }) => id)).toEqual(['00000001']);
    expect(found.unreadable.map(({ path, reason }) => [path, reason])).toEqual([
      [join(records.folder, '00000002.json'), expect.stringContaining('it is of another id')],
      [join(records.folder, '00000003.json'), expect.stringContaining('it is not JSON')],
      [join(records.folder, '00000004.json'), expect.stringContaining('format: ')],
    ]);
    await expect(records.read('00000003')).rejects.toMatchObject({ code: 'RECORD_UNREADABLE' });
  });

  it('refuse pieces that are not ours to undo', async () => {
    const records = await scratchRecords();
    const foreign = { kind: 'fuse', at: '/mnt', source: 'sshfs', device: null } as const;
    await expect(records.write({ ...record('00000001'), pieces: [foreign] })).rejects.toMatchObject({ code: 'IO' });
    expect(await readdir(records.folder)).toEqual([]);
  });

  it('that a killed process was writing go, those of a living one stay', async () => {
    const records = await scratchRecords();
    await records.write(record('00000001'));
    for (const pid of [1, 2]) await writeFile(join(records.folder, `.00000002.${pid}`), '');
    await records.clearUnfinished((pid) => pid === 1);
    expect((await readdir(records.folder)).sort()).toEqual(['.00000002.1', '00000001.json']);
  });
});

describe('a journal', () => {
  it('writes each step down', async () => {
    const records = await scratchRecords();
    const subject = { kind: 'drive', repository: '/repo', point: 'p', standsOn: null, overlay: '/overlay' } as const;
    const journal = await Journal.begin(records, subject);
    const written = () => records.read(journal.id);
    expect(await written()).toMatchObject({ ...subject, state: 'making', owner: { pid: process.pid }, pieces: [] });
    const [first, second] = ['/a', '/b'].map((path) => ({ kind: 'folder', path }) as const);
    if (first === undefined || second === undefined) return;
    await journal.add(first);
    expect((await written())?.pieces).toEqual([first]);
    await journal.add(first);
    await journal.amend(second);
    expect((await written())?.pieces).toEqual([first, second]);
    await journal.drop();
    expect((await written())?.pieces).toEqual([first]);
    await journal.settle(null);
    expect(await written()).toMatchObject({ state: 'ready', owner: null });
    const end = await Journal.end(records, journal.record);
    expect(await written()).toMatchObject({ state: 'ending', owner: { pid: process.pid } });
    await end.close();
    expect(await written()).toBe(null);
  });
});
