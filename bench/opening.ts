/** How long it takes until something can be read: a mount of many points, the first byte of a point with a long chain. */
import { mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { backup } from '../src/backup/backup.ts';
import { Repository } from '../src/repository/repository.ts';
import { measure, run } from './measure.ts';
import { randomBytesFrom } from './random.ts';

const manyPoints = 1000;
const disks = 10;

export interface Opening {
  /** Seconds until a repository of a thousand points is mounted, and its tree can be listed. */
  readonly mount: number;
  /** Seconds to open a point of a full disk of 1 TiB, by the number of links of its chain. */
  readonly merge: Readonly<Record<number, number>>;
}

/** Measures the opening of mounts and points in the working folder. */
export async function measureOpening(work: string): Promise<Opening> {
  console.error(`bench: making ${manyPoints} points`);
  const location = join(work, 'many');
  await makePoints(work, location);
  const command = `strata -q --repo '${location}' mount mnt >/dev/null && ls mnt/bench/0/latest/ >/dev/null`;
  const { wall } = measure(work, command);
  run(work, 'strata -q umount mnt >/dev/null');
  const merge: Record<number, number> = {};
  const native = fileURLToPath(new URL('../native/test', import.meta.url));
  run(work, `make -s -C '${native}' build/open-point`);
  for (const links of [30, 300]) {
    const folder = join(work, `chain-${links}`);
    mkdirSync(folder);
    const found = JSON.parse(run(work, `'${native}/build/open-point' '${folder}' 1 ${links}`)) as { seconds: number };
    merge[links] = found.seconds;
    run(work, `rm -r '${folder}'`);
    console.error(`bench: a point of 1 TiB, ${links} links: ${found.seconds.toFixed(2)} s`);
  }
  console.error(`bench: mount of ${manyPoints} points: ${wall.toFixed(2)} s`);
  return { mount: wall, merge };
}

/** Many points of a few small disks, in chains. */
async function makePoints(work: string, location: string): Promise<void> {
  const made = await Repository.create(location, { blockSize: 262_144, encryption: true, passphrase: 'bench' });
  const source = join(work, 'small.img');
  const file = openSync(source, 'w');
  const signal = new AbortController().signal;
  for (let n = 0; n < manyPoints; n++) {
    writeSync(file, randomBytesFrom(n + 1)(4096), 0, 4096, (n % 16) * 262_144);
    const order = { source, machine: 'bench', disk: String(n % disks), cacheFolder: join(work, 'cache') };
    await backup(made, order, () => undefined, signal);
  }
  await made.close();
}
