/** A disk in qemu that somebody writes to all the time, backed up by hooks that show an instant of it and its dirty bitmaps. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { noLibrary, noQemuNbd, uriOf } from '../unit/backup/nbd/servers.ts';
import { block, mib, stage } from '../unit/backup/nbd/stage.ts';
import { scratchFolder } from '../unit/scratch.ts';

it.skipIf(noLibrary + noQemuNbd !== '')('points of a machine that never rests are each of one instant', async () => {
  const { backUp, content, events, uri, hooks } = await running();
  const request = { tracker: 'nbd-bitmap', hooks, disk: 'vda' };
  const first = await backUp(uri, request);
  expect(first).toMatchObject({ kind: 'full', warnings: [] });
  expectOneInstant(await content(first));
  for (let round = 0; round < 2; round++) {
    const next = await backUp(uri, request);
    expect(next).toMatchObject({ tracker: 'nbd-bitmap', warnings: [] });
    expect(next.bytesRead).toBeLessThan(disk / 2);
    expectOneInstant(await content(next));
  }
  // A run that fails leaves the old bitmap at work.
  const stopping = new AbortController();
  events.length = 0;
  const aborted = backUp(uri, { ...request, full: true, rateLimit: 2 * mib }, stopping.signal);
  aborted.catch(() => undefined);
  await expect
    .poll(() => events.some((it) => it.event === 'progress' && it.position > 0), { timeout: 30_000 })
    .toBe(true);
  stopping.abort();
  await expect(aborted).rejects.toMatchObject({ code: 'INTERRUPTED' });
  const last = await backUp(uri, request);
  expect(last).toMatchObject({ tracker: 'nbd-bitmap' });
  expectOneInstant(await content(last));
  const whole = await backUp(uri, { ...request, tracker: 'off' });
  expect(whole.bytesRead).toBe(disk);
  expectOneInstant(await content(whole));
});

const disk = 32 * mib;
const slots = 64;

/** A disk that somebody writes to all the time, slot by slot, round by round; and the hooks of its owner. */
async function running() {
  const folder = await scratchFolder();
  const [image, qmp, socket] = [join(folder, 'disk'), join(folder, 'qmp'), join(folder, 'nbd')];
  const bytes = randomBytes(disk);
  for (let slot = 0; slot < slots; slot++) bytes.fill(1, slot * block, slot * block + 4096);
  await writeFile(image, bytes);
  const daemon = spawn('qemu-storage-daemon', [
    ...['--blockdev', `driver=file,node-name=disk,filename=${image}`],
    ...['--nbd-server', `addr.type=unix,addr.path=${socket}`],
    ...['--export', 'type=nbd,id=guest,node-name=disk,name=guest,writable=on'],
    ...['--chardev', `socket,id=qmp,path=${qmp},server=on,wait=off`, '--monitor', 'chardev=qmp'],
  ]);
  onTestFinished(() => void daemon.kill('SIGKILL'));
  await expect.poll(() => existsSync(qmp) && existsSync(socket)).toBe(true);
  const writer = spawn('qemu-io', ['-f', 'raw', uriOf(socket, 'guest')]);
  onTestFinished(() => void writer.kill('SIGKILL'));
  writer.stdin.on('error', () => undefined);
  writer.stdout.resume();
  Readable.from(writes()).pipe(writer.stdin);
  const script = fileURLToPath(new URL('dirty-bitmap-hook.ts', import.meta.url));
  const hook = (act: string) => `'${process.execPath}' '${script}' ${act} '${qmp}' '${folder}' ${disk}`;
  const hooks = { freeze: hook('freeze'), post: hook('post') };
  return { ...(await stage()), uri: uriOf(socket, 'vda'), hooks };
}

/** Commands of qemu-io without end. */
function* writes(): Generator<string> {
  for (let n = 0; ; n++) yield `write -P ${2 + (Math.floor(n / slots) % 200)} ${(n % slots) * block} 4096\n`;
}

/** The slots of one round, and after them those of the round before. */
function expectOneInstant(content: Buffer): void {
  const rounds = Array.from({ length: slots }, (_, slot) => content[slot * block] ?? 0);
  for (let slot = 0; slot < slots; slot++) {
    const written = content.subarray(slot * block, slot * block + 4096);
    expect(written.equals(Buffer.alloc(4096, rounds[slot]))).toBe(true);
  }
  const turns = rounds.filter((round, slot) => slot > 0 && round !== rounds[slot - 1]);
  expect(turns.length).toBeLessThanOrEqual(1);
  const [first = 0, last = 0] = [rounds[0], rounds.at(-1)];
  expect([0, 1, -199]).toContain(first - last);
}
