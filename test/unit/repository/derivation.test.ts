/** A key that is derived before anybody asks for it opens what it would open anyway, and nothing else. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Derivation, derive, deriveEarly } from '../../../src/repository/derivation.ts';
import { Repository } from '../../../src/repository/repository.ts';

const folder = await mkdtemp(join(tmpdir(), 'strata-derivation-'));
const location = join(folder, 'repo');
afterAll(() => rm(folder, { recursive: true, force: true }));

async function opens(passphrase: string): Promise<boolean> {
  const repo = await Repository.open(location, async () => passphrase);
  await repo.close();
  return true;
}

beforeAll(async () => {
  const repo = await Repository.create(location, { blockSize: 262_144, encryption: true, passphrase: 'right' });
  await repo.close();
});

test('the right one opens it, a wrong one keeps nobody from the right one', async () => {
  deriveEarly(location, 'right');
  expect(await opens('right')).toBe(true);
  deriveEarly(location, 'wrong');
  expect(await opens('right')).toBe(true);
  await expect(opens('wrong')).rejects.toMatchObject({ code: 'WRONG_PASSPHRASE' });
  expect(await opens('right')).toBe(true);
});

test('it is what would have been derived later, once', async () => {
  const [name = ''] = await readdir(join(location, 'keys'));
  const { kdf } = JSON.parse(await readFile(join(location, 'keys', name), 'utf8')) as { kdf: Derivation };
  const later = await derive('right', kdf);
  deriveEarly(location, 'right');
  const early = await derive('right', kdf);
  expect(early.equals(later)).toBe(true);
  // Whoever wipes it wipes its own.
  early.fill(0);
  expect((await derive('right', kdf)).equals(later)).toBe(true);
});

test.each([
  ['no folder', null],
  ['no key', ''],
  ['no JSON', '{'],
  ['another cost', '{"kdf":{"name":"scrypt","N":1048576,"r":16,"p":16,"salt":"00"}}'],
  ['no cost', '{"kdf":null}'],
])('of %s nothing is begun, and nothing said', async (name, key) => {
  const place = join(folder, name);
  if (key !== null) await mkdir(join(place, 'keys'), { recursive: true });
  if (key) await writeFile(join(place, 'keys', 'x.json'), key);
  expect(() => deriveEarly(place, 'right')).not.toThrow();
});
