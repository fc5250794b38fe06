import { execFileSync } from 'node:child_process';
import { chmod, chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { examineWithoutRoot, type FusePlaces } from '../../../src/jobs/without-root.ts';
import { scratchFolder } from '../scratch.ts';

const isRoot = process.getuid?.() === 0;

describe('what works without root', () => {
  let places: FusePlaces & { readonly helper: string };

  beforeEach(async () => {
    const folder = await scratchFolder();
    places = { device: join(folder, 'fuse'), configuration: join(folder, 'fuse.conf'), helper: join(folder, 'helper') };
    await writeFile(places.device, '');
    await chmod(places.device, 0o666);
    await writeFile(places.helper, '');
    await chmod(places.helper, 0o4755);
    await writeFile(places.configuration, '# user_allow_other\nmount_max = 1000\n');
  });

  const mounts = async (changed: Partial<FusePlaces> = {}) => (await examineWithoutRoot({ ...places, ...changed }))[0];

  it.skipIf(!isRoot)('is mounting, where users may use the device and the helper is root’s', async () => {
    const found = { name: 'mounts without root', found: true, required: false, remedy: '' };
    expect(await mounts()).toEqual({ ...found, detail: `${places.device}, ${places.helper}` });
  });

  it.skipIf(!isRoot)('is no mounting with a device that is root’s alone, though root can use it', async () => {
    await chmod(places.device, 0o600);
    expect(await mounts()).toMatchObject({ found: false, remedy: `chmod 666 ${places.device}` });
  });

  it('is no mounting without a device', async () => {
    expect(await mounts({ device: join(places.device, 'none') })).toMatchObject({
      found: false,
      remedy: 'modprobe fuse',
    });
  });

  it('is no mounting without a helper, or with one that runs as its user', async () => {
    expect(await mounts({ helper: null })).toMatchObject({ found: false, remedy: 'apt-get install fuse3' });
    await chmod(places.helper, 0o755);
    const remedy = `chown root ${places.helper}; chmod 4755 ${places.helper}`;
    expect(await mounts()).toMatchObject({ found: false, remedy });
  });

  it.skipIf(!isRoot)('is no mounting with a helper that is another’s', async () => {
    await chown(places.helper, 65534, 65534);
    await chmod(places.helper, 0o4755);
    expect(await mounts()).toMatchObject({ found: false });
  });

  it('is sharing a mount, where the configuration says so on a line of its own', async () => {
    const shared = async (configuration = places.configuration) =>
      (await examineWithoutRoot({ ...places, configuration }))[1];
    expect(await shared()).toMatchObject({ found: false, remedy: expect.stringContaining('user_allow_other') });
    expect(await shared(join(places.device, 'none'))).toMatchObject({ found: false });
    await writeFile(places.configuration, 'mount_max = 1000\n  user_allow_other \n');
    expect(await shared()).toMatchObject({ found: true, detail: `user_allow_other in ${places.configuration}` });
  });

  it('is looking into ext4, with fuse2fs', async () => {
    const [, , ext4] = await examineWithoutRoot(places);
    const path = execFileSync('sh', ['-c', 'command -v fuse2fs || true'], { encoding: 'utf8' }).trim();
    expect(ext4).toMatchObject({ found: path !== '' });
    expect(ext4?.detail.startsWith(path)).toBe(true);
  });
});
