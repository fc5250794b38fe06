import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findStorageKeys, withStorageKeys } from '../../../../src/jobs/setup/storage-keys.ts';
import { scratchFolder } from '../../scratch.ts';

const keys = { id: 'AKIA', secret: 'abc/+d', region: 'eu-central-1' };

test('keys are found in the environment, and in the files of the AWS tools', async () => {
  const home = await scratchFolder();
  const path = join(home, '.aws/credentials');
  expect(await findStorageKeys({ HOME: home })).toEqual({
    given: null,
    temporary: false,
    path,
    saved: false,
    usable: false,
  });
  const env = { HOME: home, AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'abc/+d', AWS_REGION: 'eu-central-1' };
  expect(await findStorageKeys(env)).toMatchObject({ given: keys, saved: false, usable: true });
  await mkdir(join(home, '.aws'));
  await writeFile(join(home, '.aws/config'), '[profile backups]\nregion = x\n');
  expect(await findStorageKeys({ HOME: home, AWS_PROFILE: 'backups' })).toMatchObject({ saved: false, usable: true });
  expect(await findStorageKeys({ HOME: home })).toMatchObject({ usable: false });
  await writeFile(path, '# mine\n[ default ]\naws_access_key_id = x\n');
  expect(await findStorageKeys({ HOME: home })).toMatchObject({ saved: true, usable: true });
});

test('keys are added behind what is there, and never in its place', async () => {
  const path = join(await scratchFolder(), 'credentials');
  const ours = '[default]\naws_access_key_id = AKIA\naws_secret_access_key = abc/+d\nregion = eu-central-1\n';
  expect(await withStorageKeys(path, keys)).toBe(ours);
  await writeFile(path, '[other]\naws_access_key_id = x');
  expect(await withStorageKeys(path, keys)).toBe(`[other]\naws_access_key_id = x\n${ours}`);
  await writeFile(path, ours);
  await expect(withStorageKeys(path, keys)).rejects.toMatchObject({ code: 'USAGE' });
  expect(await readFile(path, 'utf8')).toBe(ours);
  await expect(withStorageKeys(`${path}-new`, { ...keys, secret: 'a b' })).rejects.toMatchObject({ code: 'USAGE' });
});
