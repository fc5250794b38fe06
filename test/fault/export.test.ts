/** A restore to an image format, broken at every step: the name holds the old image or all of the new one. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openBench } from '../e2e/strata.ts';
import { makeBytes } from '../model/bytes.ts';
import { memoryPlace } from '../unit/scratch.ts';
import { someOf, traceSteps } from './steps.ts';

const mib = 1024 ** 2;
const bench = await openBench('', memoryPlace);
const repo = bench.path('repo');
const folder = bench.path('targets');
const old = { content: makeBytes(mib, 1), point: '' };
const fresh = { content: makeBytes(1.5 * mib, 2), point: '' };

await bench.document(['init', '--repo', repo, '--no-encryption']);
for (const disk of [old, fresh]) {
  await writeFile(bench.path('disk.img'), disk.content);
  disk.point = (await bench.events(['backup', bench.path('disk.img'), '--repo', repo])).at(-1).point;
}

function words(format: string, point: string, to = folder): string[] {
  return ['restore', point, '--to', join(to, `disk.${format}`), '--format', format, '--force', '--repo', repo];
}

/** An image as a reader of it sees it: the file, or the extent that a VMDK names. Null when there is none. */
async function readImage(format: string, place = folder): Promise<Buffer | null> {
  const image = await readFile(join(place, `disk.${format}`)).catch(() => null);
  if (image === null || format !== 'vmdk') return image;
  const [, sectors, extent = ''] = /^RW (\d+) VMFS "(.*)"$/m.exec(image.toString()) ?? [];
  const bytes = await readFile(join(place, extent));
  expect(bytes.length).toBe(Number(sectors) * 512);
  return bytes;
}

const naming = ['restore.open', 'restore.fsync', 'restore.rename'];
const vmdkFiles = ['disk-flat.vmdk', 'disk.vmdk'];

/** `names`: the steps that are broken. Those of reading and writing are the same for all formats. */
const cases = [
  {
    title: 'a qcow2 over an old one',
    format: 'qcow2',
    over: true,
    names: ['store.read', 'native.restore.write', ...naming],
    files: ['disk.qcow2'],
  },
  { title: 'a new VMDK', format: 'vmdk', over: false, names: naming, files: vmdkFiles },
  {
    title: 'a VMDK over an old one',
    format: 'vmdk',
    over: true,
    names: [...naming, 'restore.link', 'restore.remove'],
    files: vmdkFiles,
  },
];

const stages = [];
for (const it of cases) {
  const before = bench.path(`before ${it.title}`);
  await mkdir(before);
  if (it.over) await bench.events(words(it.format, old.point, before));
  const set = async () => {
    await rm(folder, { recursive: true, force: true });
    await cp(before, folder, { recursive: true });
  };
  await set();
  await rm(bench.path('trace'), { force: true });
  const all = await traceSteps(bench, words(it.format, fresh.point));
  const steps = all.filter(({ name }) => it.names.includes(name) || name.startsWith('restore'));
  const images = { old: await readImage(it.format, before), fresh: (await readImage(it.format)) ?? Buffer.alloc(0) };
  stages.push({ ...it, set, steps, images });
}

describe.for(stages)('$title', ({ format, over, names, files, set, steps, images }) => {
  const broken = (name: string, passage: number, fault: string) =>
    bench.strata(words(format, fresh.point), { env: { STRATA_FAILPOINT: `${name}:${passage}:${fault}` } });
  const expectOldOrFresh = async () => {
    const found = await readImage(format);
    const isFresh = found?.equals(images.fresh) ?? false;
    expect(isFresh || (found?.equals(images.old ?? Buffer.alloc(0)) ?? !over)).toBe(true);
    return isFresh;
  };
  const expectFinished = async () => {
    await bench.events(words(format, fresh.point));
    expect((await readImage(format))?.equals(images.fresh)).toBe(true);
    expect(await readdir(folder)).toEqual(files);
  };

  test('takes the steps that are to be broken', () => {
    expect(new Set(steps.map(({ name }) => name))).toEqual(new Set(names));
    expect(images.old === null).toBe(!over);
  });

  test.for(someOf(steps, 5))('killed at $name, passage $passage', async ({ name, passage }) => {
    await set();
    expect((await broken(name, passage, 'kill')).code).toBe(null);
    await expectOldOrFresh();
    await expectFinished();
  });

  test.for(someOf(steps, 5))('failing at $name, passage $passage', async ({ name, passage }) => {
    await set();
    expect((await broken(name, passage, 'eio')).code).toBe(1);
    const isFresh = await expectOldOrFresh();
    expect((await readdir(folder)).filter((file) => file.endsWith('.part'))).toEqual([]);
    if (!isFresh) expect(await readdir(folder)).toEqual(over ? files : []);
    await expectFinished();
  });

  if (!names.includes('restore.link')) return;
  test('killed between its two names, and failing afterwards', async () => {
    for (const { name, passage } of someOf(steps)) {
      await set();
      expect((await broken('restore.link', 1, 'kill')).code).toBe(null);
      expect(await expectOldOrFresh()).toBe(true);
      expect((await broken(name, passage, 'eio')).code).toBe(1);
      expect(await expectOldOrFresh()).toBe(true);
      await expectFinished();
    }
  });
});
