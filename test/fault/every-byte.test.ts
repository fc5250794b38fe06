/**
 * A bit in each byte of a small repository turned over, one at a time: verify finds it, whichever it is. A few bits of a
 * zstd frame mean nothing; under a seal they are found all the same, without one the content must be unharmed.
 */
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { verify } from '../../src/backup/verify.ts';
import { listPoints } from '../../src/repository/points.ts';
import { Repository } from '../../src/repository/repository.ts';
import { restore } from '../../src/restore/restore.ts';
import { goldenDisk, goldenPassphrase } from '../golden/disk.ts';

const folder = await mkdtemp(join(tmpdir(), 'strata-bytes-'));
afterAll(() => rm(folder, { recursive: true }));

const quiet = () => {};
const never = new AbortController().signal;

/** Of large objects only some bytes; of the others every one in a long run, every so many in a short one. */
const strides = process.env.STRATA_LONG === '1' ? { plain: 1, sealed: 1 } : { plain: 7, sealed: 29 };
const manyBytes = 4096;

const patience = { timeout: 600_000 };

test.for(['plain', 'sealed'] as const)('no byte of the %s repository goes unchecked', patience, async (name) => {
  const at = join(folder, name);
  await cp(join(import.meta.dirname, '../golden/format-1', name), at, { recursive: true });
  const repo = await Repository.open(at, async () => goldenPassphrase);
  const damaged = async () => (await verify(repo, { specs: [], all: true, samplePercent: 100 }, quiet, never)).damaged;
  const unharmed = async () => {
    const { points } = await listPoints(repo);
    const contents = [goldenDisk(2), goldenDisk(1), goldenDisk(0)];
    for (const [n, { id }] of points.entries()) {
      await restore(repo, { point: id, to: `${at}.out`, force: true }, quiet, never);
      if (!(await readFile(`${at}.out`)).equals(contents[n] ?? Buffer.alloc(0))) return false;
    }
    return points.length === contents.length;
  };
  const unnoticed: string[] = [];
  const names = (await readdir(at, { recursive: true })).filter((path) => /^(points|maps|packs)\//.test(path));
  for (const path of names.map((each) => join(at, each))) {
    if (!(await stat(path)).isFile()) continue;
    const content = await readFile(path);
    const stride = content.length > manyBytes ? 997 : strides[name];
    for (let byte = 0; byte < content.length; byte += stride) {
      const bad = Buffer.from(content);
      bad[byte] = (bad[byte] ?? 0) ^ (1 << (byte % 8));
      await writeFile(path, bad);
      if ((await damaged()) === 0 && (name === 'sealed' || !(await unharmed()))) unnoticed.push(`${path} ${byte}`);
    }
    await writeFile(path, content);
  }
  expect(unnoticed).toEqual([]);
  expect(await damaged()).toBe(0);
});
