import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { examineSource, findDisks, lastingNameOf, requireApart } from '../../../../src/jobs/setup/disks.ts';
import { attach, hasLoop, mount } from '../../loop.ts';
import { scratchFolder } from '../../scratch.ts';

test.each([
  [['wwn-0x5000c500', 'ata-ST1000_Z1D', 'scsi-SATA_ST1000_Z1D'], 'ata-ST1000_Z1D'],
  [['nvme-eui.0025', 'nvme-Samsung_980_S64', 'nvme-Samsung_980_S64_1'], 'nvme-Samsung_980_S64'],
  [['wwn-0x5000c500'], 'wwn-0x5000c500'],
  [[], undefined],
])('of %j the name that lasts', (names, expected) => {
  expect(lastingNameOf(names)).toBe(expected);
});

test('a stream, a folder and nothing are no sources of saved jobs', async () => {
  const folder = await scratchFolder();
  await expect(examineSource(null, '-')).rejects.toMatchObject({ code: 'USAGE' });
  await expect(examineSource(null, folder)).rejects.toMatchObject({ code: 'SOURCE_IS_DIRECTORY' });
  await expect(examineSource(null, join(folder, 'x'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
});

test('a source in the repository is refused, also one where the repository is yet to be made', async () => {
  const folder = await scratchFolder();
  const image = join(folder, 'disk.img');
  await writeFile(image, Buffer.alloc(65536));
  await expect(examineSource(folder, image)).rejects.toMatchObject({ code: 'SOURCE_IN_REPOSITORY' });
  expect(await examineSource(join(folder, 'yet/to/be/made'), image)).toMatchObject({ name: 'disk.img', size: 65536 });
});

describe.skipIf(!hasLoop)('disks of this machine', () => {
  test('are found with what lies on them; the one that holds the repository is refused', async () => {
    const folder = await scratchFolder();
    const file = join(folder, 'file');
    await writeFile(file, Buffer.alloc(8 * 1024 ** 2));
    const device = attach(file);
    const place = await scratchFolder();
    mount(device, place);
    const find = async (repository: string | null) => {
      const found = (await findDisks(repository)).find(({ path }) => path === device);
      return found && { ...found, size: 8 * 1024 ** 2 === found.size };
    };
    const about = { size: true, fileSystem: 'ext4', parts: [], mountedAt: [place] };
    expect(await find(null)).toMatchObject({ ...about, obstacle: null });
    expect(await find(join(place, 'backups/strata'))).toMatchObject({ ...about, obstacle: 'holds the repository' });
    await expect(examineSource(join(place, 'new'), device)).rejects.toMatchObject({ code: 'REPOSITORY_IN_SOURCE' });
  });

  test('named twice are one', async () => {
    const file = join(await scratchFolder(), 'file');
    await writeFile(file, Buffer.alloc(65536));
    const device = attach(file);
    await requireApart([device, file]);
    await expect(requireApart([device, device])).rejects.toMatchObject({ code: 'USAGE' });
  });
});
