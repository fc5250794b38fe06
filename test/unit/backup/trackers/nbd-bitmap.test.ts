/** Dirty bitmaps of real qemus: only what changed is read, and what is doubtful is compared. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BackupRequest } from '../../../../src/backup/backup.ts';
import { scratchFolder } from '../../scratch.ts';
import { type ForeignServer, noLibrary, noQemuNbd, qemuNbd } from '../nbd/servers.ts';
import { block, converted, mib, qemuIo, stage } from '../nbd/stage.ts';

describe.skipIf(noLibrary + noQemuNbd !== '')('the tracker nbd-bitmap', () => {
  it('has only what changed read', async () => {
    const { backUp, content, write, begin, serve, image } = await offline();
    const first = await backUp(await serve(), { tracker: 'nbd-bitmap:one' });
    expect(first.tracking).toMatchObject({
      since: null,
      reason: 'there is no point to compare with',
      kept: { generation: 'one' },
    });
    await begin('one');
    await write('write -P 7 1M 256k', 'write -z 2M 64k', 'discard 3M 64k');
    const second = await backUp(await serve('one'), { tracker: 'nbd-bitmap:two' });
    const audited = (second.tracking?.auditedBlocks ?? 0) * block;
    expect(second).toMatchObject({
      tracker: 'nbd-bitmap',
      tracking: { since: first.point, reason: null },
      warnings: [],
    });
    expect(second.bytesRead).toBe(4 * block + audited);
    expect(second.blocks.changed).toBe(6);
    expect((await content(second)).equals(await converted(image, 'qcow2'))).toBe(true);
    // Nothing was written since.
    await begin('two');
    const third = await backUp(await serve('two'), { tracker: 'nbd-bitmap:three' });
    expect(third).toMatchObject({ tracker: 'nbd-bitmap', blocks: { changed: 0 }, warnings: [] });
    expect(third.bytesRead).toBeLessThanOrEqual((third.tracking?.auditedBlocks ?? 0) * block);
    expect((await content(third)).equals(await converted(image, 'qcow2'))).toBe(true);
  });

  it.each<[string, string, Partial<BackupRequest>]>([
    ['the export shows no bitmap one', '', {}],
    ['the parent names the bitmap one, too', 'one', { tracker: 'nbd-bitmap:one' }],
    ['the parent was read from another export', 'one', { source: 'other' }],
  ])('compares everything, with a warning, when %s', async (reason, shown, { tracker, source }) => {
    const { backUp, content, write, begin, serve, image } = await offline();
    await backUp(await serve(), { tracker: 'nbd-bitmap:one' });
    await begin('one');
    await write('write -P 7 1M 1M');
    const second = await backUp(await serve(shown, source), { tracker: tracker ?? 'nbd-bitmap:two' });
    expect(second).toMatchObject({ tracker: 'off', bytesRead: 4 * mib, blocks: { changed: 16 } });
    expect(second.warnings).toMatchObject([{ code: 'NOT_TRACKED', message: expect.stringContaining(reason) }]);
    expect((await content(second)).equals(await converted(image, 'qcow2'))).toBe(true);
  });

  it('goes by what stands on the newest point, and names a bitmap of its own', async () => {
    const { backUp, serve, begin } = await offline();
    const first = await backUp(await serve(), { tracker: 'nbd-bitmap' });
    const { generation = '' } = first.tracking?.kept ?? {};
    expect(generation).toMatch(/^strata-[0-9a-f]{24}$/);
    await begin(generation);
    await backUp(await serve(), { tracker: 'off' });
    const third = await backUp(await serve(generation), { tracker: 'nbd-bitmap' });
    expect(third.warnings).toMatchObject([{ message: expect.stringContaining('the parent names no bitmap') }]);
    expect(third.tracking?.kept?.generation).not.toBe(generation);
  });

  it('is switched off when an audit proves it wrong, and the point is right', async () => {
    const { backUp, content, write, begin, serve, image } = await offline();
    await backUp(await serve(), { tracker: 'nbd-bitmap:one' });
    // Begun too late, which nobody can see.
    await write('write -P 7 0 4M');
    await begin('one');
    const second = await backUp(await serve('one'), { tracker: 'nbd-bitmap:two' });
    expect(second).toMatchObject({ tracker: 'off', warnings: [{ code: 'TRACKER_DISTRUSTED' }] });
    expect((await content(second)).equals(await converted(image, 'qcow2'))).toBe(true);
    await begin('two');
    const third = await backUp(await serve('two'), { tracker: 'nbd-bitmap:three' });
    expect(third).toMatchObject({ tracker: 'off', bytesRead: 4 * mib });
    expect(third.warnings).toMatchObject([{ message: expect.stringContaining('one backup with --tracker off') }]);
    await backUp(await serve(), { tracker: 'off' });
    await backUp(await serve(), { tracker: 'nbd-bitmap:four' });
    await begin('four');
    expect(await backUp(await serve('four'), { tracker: 'nbd-bitmap:five' })).toMatchObject({ tracker: 'nbd-bitmap' });
  });

  it('asked for where there is no export is a warning; a name that is none is refused', async () => {
    const { backUp, image } = await offline();
    expect(await backUp(image, { tracker: 'nbd-bitmap' })).toMatchObject({ warnings: [{ code: 'NOT_TRACKED' }] });
    for (const name of ['', 'a\nb', 'x'.repeat(1024)]) {
      await expect(backUp(image, { tracker: `nbd-bitmap:${name}` })).rejects.toMatchObject({ code: 'USAGE' });
    }
  });
});

/** An image of a machine that is off. */
async function offline() {
  const image = join(await scratchFolder(), 'disk.qcow2');
  const raw = join(await scratchFolder(), 'raw');
  await writeFile(raw, randomBytes(4 * mib));
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, image]);
  let server: ForeignServer | null = null;
  /** So that others may open it. */
  const release = async () => {
    await server?.kill();
    server = null;
  };
  return {
    ...(await stage()),
    image,
    write: async (...commands: string[]) => {
      await release();
      qemuIo(image, 'qcow2', ...commands);
    },
    begin: async (name: string) => {
      await release();
      execFileSync('qemu-img', ['bitmap', '--add', '-g', '64k', image, name]);
    },
    serve: async (bitmap = '', name = 'vda') => {
      await release();
      const shown = bitmap === '' ? [] : ['-B', bitmap];
      server = await qemuNbd(image, name, '-r', '-f', 'qcow2', '-e', '8', ...shown);
      return server.uri;
    },
  };
}
