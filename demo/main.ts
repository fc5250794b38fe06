/**
 * `./run demo`: what a new user would do, on a real disk image: back it up, change files in it, back it up again,
 * verify, restore both points and compare bit for bit; look at the points without restoring them, as images of every
 * format and as a drive; then merge the chain, drop the old points and free what only they needed. Prints every command
 * before it runs it. With STRATA_REPO=s3://BUCKET/PREFIX all of that happens in a bucket of a Ceph that it starts.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { type Ceph, environmentFor, startCeph, stopCeph, whyNoCeph } from '../test/lab/ceph.ts';
import { clientOf } from '../test/lab/shared-ceph.ts';

interface Point {
  readonly id: string;
  readonly kind: string;
  readonly bytesStored: number;
}

const work = mkdtempSync(join(tmpdir(), 'strata-demo-'));
const checkout = fileURLToPath(new URL('..', import.meta.url));
const bucket = /^s3:\/\/([^/]+)/.exec(process.env.STRATA_REPO ?? '')?.[1];
const env: NodeJS.ProcessEnv = {
  ...process.env,
  STRATA_REPO: bucket === undefined ? 'repository' : process.env.STRATA_REPO,
  STRATA_PASSWORD: 'correct horse battery staple',
  STRATA_RUNTIME_DIR: join(work, 'runtime'),
  // mkfs and debugfs lie in sbin, which is not on everybody's PATH.
  PATH: [checkout, process.env.PATH, '/usr/sbin', '/sbin'].join(delimiter),
};

/** Runs a command in the demo's folder as a user would; returns what it printed to stdout when asked to. */
function run(command: string, output: 'shown' | 'kept' = 'shown'): string {
  console.log(`\n$ ${command}`);
  const stdout = output === 'kept' ? 'pipe' : 'inherit';
  const result = spawnSync('sh', ['-ec', command], {
    cwd: work,
    env,
    encoding: 'utf8',
    stdio: ['ignore', stdout, 'inherit'],
  });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`the command above ended with ${result.signal ?? result.status}`);
  return result.stdout ?? '';
}

function tell(text: string): void {
  console.log(`\n# ${text}`);
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function makeDisk(): void {
  tell('A disk: 1 GiB with an ext4 file system, and files of this machine on it.');
  mkdirSync(join(work, 'files'));
  writeFileSync(join(work, 'files/letter.txt'), 'Dear disk, stay as you are.\n');
  run('cp -a /usr/include /usr/lib/gcc files/');
  run('mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 -d files disk.img 1G');
  run('cp --sparse=always disk.img before.img');
}

function changeDisk(): void {
  tell('Files inside the disk change: one is replaced, one is new.');
  writeFileSync(join(work, 'letter.txt'), 'Dear disk, you have changed.\n');
  run('head -c 4M /dev/urandom > photo.raw');
  writeFileSync(join(work, 'changes'), 'rm letter.txt\nwrite letter.txt letter.txt\nwrite photo.raw photo.raw\n');
  run('debugfs -w -f changes disk.img');
}

/** Formats, and the names that qemu has for them. */
const formats = { raw: 'raw', vhdx: 'vhdx', vhd: 'vpc', vmdk: 'vmdk', qcow2: 'qcow2' } as const;

function mountPoints(): void {
  tell('Every point is there as an image of every format, without being restored.');
  mkdirSync(join(work, 'points'));
  run('strata mount points');
  try {
    run('ls -l points/demo/disk.img/ points/demo/disk.img/latest/');
    for (const [format, name] of Object.entries(formats)) {
      run(`qemu-img compare -f raw -F ${name} disk.img points/demo/disk.img/latest/disk.${format}`);
    }
  } finally {
    run('strata umount points');
  }
}

function attachDrive(point: string): void {
  tell('A point as a drive: its file system, as it was before the change.');
  const lines = run(`strata attach ${point} --at drive --json`, 'kept').trimEnd().split('\n');
  const { id } = JSON.parse(lines.at(-1) ?? '') as { readonly id: string };
  try {
    run('strata mounts');
    run('cat drive/letter.txt');
    run('diff -r --no-dereference drive/gcc files/gcc && echo the same files');
  } finally {
    run(`strata detach ${id}`);
  }
}

function shortenChain(): void {
  tell('The chain becomes a synthetic full: a map that refers to what lies there already. No content moves.');
  run('strata synthesize demo/disk.img');
  run('strata verify demo/disk.img@latest');
  tell('The old points go, and what only they needed is freed.');
  run('strata forget --keep-last 1 --dry-run');
  run('strata forget --keep-last 1');
  run('strata gc --grace 0');
  run('strata points');
  run('strata restore demo/disk.img@latest --to third.img');
  run('cmp third.img disk.img');
}

/** A server of object storage, with the bucket that STRATA_REPO names. */
async function startStorage(name: string): Promise<Ceph> {
  const why = whyNoCeph();
  if (why !== '') throw new Error(why);
  tell('A Ceph of our own, with a bucket in it, is started.');
  const ceph = await startCeph(join(work, 'ceph'));
  Object.assign(env, environmentFor(ceph));
  console.log(
    Object.entries(environmentFor(ceph))
      .map(([key, value]) => `$ export ${key}=${value}`)
      .join('\n'),
  );
  const client = clientOf(ceph);
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
  return ceph;
}

/** Why nothing can be mounted here; empty when it can. */
function whyNoMounts(): string {
  if (process.getuid?.() !== 0) return 'attaching needs root';
  return existsSync('/dev/fuse') && existsSync('/dev/loop-control')
    ? ''
    : 'this machine has no FUSE or no loop devices';
}

function demonstrate(): void {
  const started = performance.now();
  console.log(`# Everything happens in ${work}, which is removed at the end.`);
  console.log(`\n$ export STRATA_REPO=${env.STRATA_REPO} STRATA_PASSWORD='${env.STRATA_PASSWORD}'`);
  makeDisk();
  tell('A repository, and the first restore point: a full one.');
  run('strata init');
  run('strata backup disk.img --machine demo');
  changeDisk();
  tell('The second restore point holds only what changed.');
  run('strata backup disk.img --machine demo');
  run('strata points');
  run('strata verify --all');
  const [second, first] = JSON.parse(run('strata points --json', 'kept')) as Point[];
  if (!first || !second) throw new Error('two points were made, fewer are listed');
  tell('Both points come back bit for bit, and the restored file system is sound.');
  run(`strata restore ${first.id} --to first.img`);
  run('cmp first.img before.img');
  run('strata restore demo/disk.img@latest --to second.img');
  run('cmp second.img disk.img');
  run('e2fsck -fn second.img');
  const why = whyNoMounts();
  if (why === '') {
    mountPoints();
    attachDrive(first.id);
  } else {
    tell(`Mounts are left out: ${why}.`);
  }
  shortenChain();
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(
    `\ndemo: a disk of 1 GiB: ${first.kind} point ${mebibytes(first.bytesStored)}, ${second.kind} point ` +
      `${mebibytes(second.bytesStored)} stored; both verified and restored bit-exact${why === '' ? ', mounted in five formats and attached' : ''}, then merged into one, in ${seconds} s`,
  );
}

let ceph: Ceph | undefined;
try {
  if (bucket !== undefined) ceph = await startStorage(bucket);
  demonstrate();
} catch (error) {
  console.error(`\ndemo: failed: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  if (ceph !== undefined) await stopCeph(join(work, 'ceph'), ceph);
  rmSync(work, { recursive: true, force: true });
}
