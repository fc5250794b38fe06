/** A mount that lives long holds back what is open through it, and nothing else. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { mib } from '../e2e/images.ts';
import { type Json, openBench, parseLines, sha256 } from '../e2e/strata.ts';
import { type DriverName, findDrivers, Holder, Mounts, syscall } from './mounts.ts';

const script = fileURLToPath(new URL('renewal-child.ts', import.meta.url));
const drivers = await findDrivers('renewal.test.ts');
const bench = await openBench();
const mounts = new Mounts(bench);
const patience = { timeout: 30_000 };

const children: { readonly child: ChildProcess; readonly ended: Promise<unknown> }[] = [];
afterAll(async () => {
  for (const { child, ended } of children) {
    child.kill('SIGKILL');
    await ended;
  }
});

let made = 0;

describe.each(drivers)('driver $driver', ({ driver, trouble }) => {
  let repo: string;
  const strata = (...words: string[]) => bench.document([...words, '--repo', repo]);
  const packs = async () =>
    (await readdir(`${repo}/packs`, { recursive: true })).filter((name) => name.includes('/')).sort();
  const readings = async () => (await readdir(`${repo}/leases`)).map((name) => name.slice(0, 24)).sort();

  beforeEach(async () => {
    made += 1;
    repo = bench.path(`repo-${made}`);
    if (trouble === '') await strata('init', '--no-encryption');
  });

  /** Backs up a disk of `content`; gives the point. */
  async function backUp(name: string, content: Buffer): Promise<{ id: string; source: string }> {
    const source = bench.path(`${name}-${made}`);
    await writeFile(source, content);
    const words = ['backup', source, '--machine', 'm', '--disk', name, '--repo', repo];
    return { id: (await bench.events(words)).at(-1).point, source };
  }

  async function serve(driver: DriverName) {
    const directory = await mounts.folder();
    const environment = { ...process.env, HOME: bench.folder, STRATA_RUNTIME_DIR: bench.path('run') };
    const child = spawn(process.execPath, [script, driver, repo, directory, '100'], {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    children.push({ child, ended });
    let told = '';
    const mounted = Promise.withResolvers<void>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      told += `${line}\n`;
      if (line.includes('"mounted"')) mounted.resolve();
    });
    await Promise.race([mounted.promise, ended]);
    return {
      disk: (name: string) => `${directory}/m/${name}/latest/disk.raw`,
      events: (): Json[] => parseLines(told),
      stop: async () => {
        child.kill('SIGTERM');
        expect(await ended).toEqual([0, null]);
        expect(await readdir(`${repo}/leases`)).toEqual([]);
      },
    };
  }

  /** Waits until the mount reads by leases of which none stood before. */
  async function renewed(): Promise<void> {
    const before = await readings();
    await expect.poll(async () => (await readings()).filter((id) => before.includes(id)), patience).toEqual([]);
  }

  test.skipIf(trouble)('what is forgotten can be freed once nobody has it open', async () => {
    const content = randomBytes(9 * mib);
    const { id } = await backUp('gone', content);
    const kept = await backUp('kept', randomBytes(3 * mib));
    const mount = await serve(driver);
    const all = await packs();
    const holder = await Holder.open(mount.disk('gone'));
    expect(await sha256(mount.disk('kept'))).toBe(await sha256(kept.source));
    await renewed();
    await strata('forget', id);
    await bench.events(['gc', '--grace', '0', '--repo', repo]);
    // The reading that stands when a file of a forgotten point is open stays, however many come and go beside it.
    const first = await lasting();
    await bench.events(['gc', '--grace', '0', '--repo', repo]);
    expect(await readings()).toContain(first);
    expect(await packs()).toEqual(all);
    expect(await holder.read(7 * mib, 40)).toBe(content.subarray(7 * mib, 7 * mib + 40).toString('hex'));
    await holder.close();
    await expect.poll(readings, patience).not.toContain(first);
    await bench.events(['gc', '--grace', '0', '--repo', repo]);
    expect((await packs()).length).toBe(all.length - 1);
    expect(await sha256(mount.disk('kept'))).toBe(await sha256(kept.source));
    expect(mount.events().filter(({ event }) => event === 'damaged')).toEqual([]);
    await mount.stop();
  });

  /** A reading that has outlived the next: two newer ones were seen beside it. */
  async function lasting(): Promise<string> {
    const newer = new Map<string, Set<string>>();
    let found = '';
    const look = async () => {
      const now = await readings();
      for (const id of now) {
        if (!newer.has(id)) for (const older of newer.values()) older.add(id);
        newer.set(id, newer.get(id) ?? new Set());
      }
      found = now.find((id) => (newer.get(id)?.size ?? 0) >= 2) ?? '';
      return found;
    };
    await expect.poll(look, { ...patience, interval: 5 }).not.toBe('');
    return found;
  }

  test.skipIf(trouble)('what was moved is read where it lies now', async () => {
    const first = randomBytes(8 * mib);
    const { id } = await backUp('d', first);
    // Most of what the first point wrote is needed by nobody when it is forgotten.
    const second = Buffer.concat([randomBytes(6 * mib), first.subarray(6 * mib)]);
    const kept = await backUp('d', second);
    const mount = await serve(driver);
    const path = mount.disk('d');
    // It is open now, and nothing of what will be moved was read: a pack that was read would stay open.
    expect(await syscall('read', path, 0, 10)).toBe(10);
    const before = await packs();
    await strata('forget', id);
    await bench.events(['gc', '--grace', '0', '--max-unused', '1%', '--repo', repo]);
    await expect
      .poll(async () => {
        await bench.events(['gc', '--grace', '0', '--max-unused', '1%', '--repo', repo]);
        const now = await packs();
        return before.filter((name) => now.includes(name)).length;
      }, patience)
      .toBeLessThan(before.length);
    expect(await sha256(path)).toBe(await sha256(kept.source));
    expect(mount.events().filter(({ event }) => event === 'damaged')).toEqual([]);
    await mount.stop();
  });
});
