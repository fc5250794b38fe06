/**
 * `./run bench storage`: a repository in a bucket of a Ceph on this machine, beside a local one, and with 50 ms added to each request
 * beside rclone, which sends and fetches the same bytes in parallel parts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { environmentFor, startCeph, stopCeph } from '../test/lab/ceph.ts';
import { clientOf } from '../test/lab/shared-ceph.ts';
import { makeDiskImage } from './disk-image.ts';
import { type Cost, measure, run, withWorkFolder } from './measure.ts';
import { circumstances, describe, markdownTable, median, saveResults } from './report.ts';
import { measureServerCopies } from './server-copy.ts';

const delay = 50;
const bucket = 'bench';

interface Row {
  readonly what: string;
  readonly round: number;
  readonly wall: number;
  readonly cpu: number;
  /** MiB. */
  readonly peak: number;
}

/** Measures all of it on an image of `size` bytes, prints medians and keeps the figures. */
export async function measureStorage(size: number, rounds: number): Promise<void> {
  const { rows, copies } = await withWorkFolder(async (work) => {
    const ceph = await startCeph(join(work, 'ceph'), 8 * 1024 ** 3);
    Object.assign(process.env, environmentFor(ceph));
    const client = clientOf(ceph);
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
    const link = await startLink(ceph.endpoint);
    try {
      makeDiskImage(work, size);
      const found: Row[] = [];
      for (let round = 0; round < rounds; round++)
        found.push(...measureRound(work, round, ceph.endpoint, link.endpoint));
      return { rows: found, copies: measureServerCopies(work, bucket, ceph.endpoint) };
    } finally {
      link.process.kill();
      await stopCeph(join(work, 'ceph'), ceph);
    }
  });
  const context = circumstances();
  saveResults('storage', context, { size, delay, rows, copies });
  console.log(`${describe(context)} Medians of ${rounds} rounds.\n`);
  const cells = [...new Set(rows.map(({ what }) => what))].map((what) => {
    const same = rows.filter((row) => row.what === what);
    const middle = (figure: 'wall' | 'cpu' | 'peak') => median(same.map((row) => row[figure]));
    return [what, middle('wall').toFixed(2), middle('cpu').toFixed(2), middle('peak').toFixed(0)];
  });
  console.log(markdownTable(['what', 'wall, s', 'CPU, s', 'peak, MiB'], cells));
  console.log('\nA full and 20 incrementals of 2 % each, copied into new packs:\n');
  const figures = copies.map(({ blockSize, byServer, throughClient, unused, shareByServer, seconds, requests }) => [
    blockSize,
    byServer.toFixed(0),
    throughClient.toFixed(0),
    unused.toFixed(0),
    `${(100 * shareByServer).toFixed(1)} %`,
    seconds.toFixed(2),
    String(requests),
  ]);
  const columns = [
    'block size',
    'by the server, MiB',
    'by us',
    'unneeded',
    'share of the server',
    'wall, s',
    'requests',
  ];
  console.log(markdownTable(columns, figures));
}

async function startLink(target: string): Promise<{ readonly endpoint: string; readonly process: ChildProcess }> {
  const program = fileURLToPath(new URL('slow-link.ts', import.meta.url));
  const child = spawn(process.execPath, [program, target, String(delay)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  return { endpoint: String(line).trim(), process: child };
}

function measureRound(work: string, round: number, near: string, far: string): Row[] {
  const rows: Row[] = [];
  const take = (what: string, command: string, read: readonly string[] = []) => {
    const { wall, cpu, peak }: Cost = measure(work, command, read);
    console.error(`bench: round ${round + 1}, ${what}: ${wall.toFixed(2)} s`);
    rows.push({ what, round, wall, cpu, peak: peak / 2 ** 20 });
  };
  const at = (repo: string, endpoint: string, command: string) =>
    `STRATA_REPO=${repo} STRATA_S3_ENDPOINT=${endpoint} strata -q ${command} >/dev/null`;
  const places = [
    ['a folder', 'local', near],
    ['Ceph', `s3://${bucket}/near${round}`, near],
    [`Ceph behind ${delay} ms`, `s3://${bucket}/far${round}`, far],
  ] as const;
  for (const [name, repo, endpoint] of places) {
    run(work, at(repo, endpoint, 'init'));
    take(`full backup to ${name}`, at(repo, endpoint, 'backup disk.img --machine bench'), ['disk.img']);
    take(`restore from ${name}`, at(repo, endpoint, 'restore bench/disk.img@latest --to restored.img --force'));
    run(work, 'rm -f restored.img; rm -rf cache');
  }
  measureRclone(work, round, far, take);
  measureReading(work, round, far, take);
  run(work, 'rm -rf local cache');
  return rows;
}

type Take = (what: string, command: string, read?: readonly string[]) => void;

/** The bytes that the full backup stored, as one file, sent and fetched by rclone in parts as large as ours. */
function measureRclone(work: string, round: number, far: string, take: Take): void {
  run(work, 'find local/packs -type f -exec cat {} + >stored');
  const remote =
    `rclone --s3-provider Ceph --s3-env-auth --s3-endpoint ${far} --s3-force-path-style --s3-chunk-size 32M ` +
    '--s3-upload-concurrency 4 --multi-thread-streams 4 --multi-thread-cutoff 1M';
  take(`the stored bytes sent by rclone, ${delay} ms`, `${remote} copyto stored :s3:${bucket}/rclone${round}`, [
    'stored',
  ]);
  take(`the stored bytes fetched by rclone, ${delay} ms`, `${remote} copyto :s3:${bucket}/rclone${round} fetched`);
  run(work, 'rm -f stored fetched');
}

/** The mounted image read front to back, and the packs of the point a range of 256 KiB at a time. */
function measureReading(work: string, round: number, far: string, take: Take): void {
  const env = `STRATA_REPO=s3://${bucket}/far${round} STRATA_S3_ENDPOINT=${far}`;
  run(work, `mkdir -p mnt; ${env} strata -q mount mnt >/dev/null`);
  try {
    take(`the mounted image, ${delay} ms`, 'dd if=mnt/bench/disk.img/latest/disk.raw of=/dev/null bs=1M status=none');
  } finally {
    run(work, `${env} strata -q umount mnt >/dev/null`);
  }
  const program = fileURLToPath(new URL('one-range.ts', import.meta.url));
  const packs = `far${round}/packs/`;
  take(`its packs, one range at a time, ${delay} ms`, `node '${program}' ${far} ${bucket} ${packs}`);
}
