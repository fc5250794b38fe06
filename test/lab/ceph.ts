/**
 * The smallest Ceph that serves S3, for tests, demo and bench: one monitor, one storage daemon in memory, one gateway, all on 127.0.0.1 and
 * in a folder of their own. It is there in about two seconds. Debian's packages radosgw, ceph-mon and ceph-osd are all it takes.
 */
import { execFile, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface Ceph {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Processes to end, by their start, which no other process of that number has. */
  readonly daemons: readonly { readonly pid: number; readonly name: string }[];
}

const accessKey = 'strata-test';
const secretKey = 'strata-test-secret';
/** Another user, who may do what the policy of a bucket grants. */
export const limitedUser = { uid: 'limited', accessKey: 'strata-limited', secretKey: 'strata-limited-secret' } as const;

const programs = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph-authtool', 'monmaptool', 'radosgw-admin', 'ceph'];
const attempts = 400;
const pause = 50;

/** Why there can be no Ceph here; empty when there can. */
export function whyNoCeph(): string {
  const missing = programs.filter((program) => !existsSync(`/usr/bin/${program}`));
  return missing.length === 0 ? '' : `${missing.join(', ')} not installed (radosgw, ceph-mon, ceph-osd)`;
}

/** What an S3 client finds in its environment. */
export function environmentFor({ endpoint, accessKey, secretKey }: Pick<Ceph, 'endpoint' | 'accessKey' | 'secretKey'>) {
  return {
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
    AWS_REGION: 'us-east-1',
    STRATA_S3_ENDPOINT: endpoint,
    STRATA_S3_PATH_STYLE: '1',
    STRATA_S3_PLAIN_HTTP: '1',
  };
}

/** Starts one in an empty folder, which ends with this process if the caller does not end it. `bytes` it can hold, in memory. */
export async function startCeph(folder: string, bytes = 4 * 1024 ** 3): Promise<Ceph> {
  for (const name of ['mon', 'osd', 'rgw', 'run', 'log']) await mkdir(join(folder, name), { recursive: true });
  const port = await freePort();
  const monitor = `[v2:127.0.0.1:${await freePort()}]`;
  const fsid = randomUUID();
  const config = join(folder, 'ceph.conf');
  await writeFile(config, configuration({ folder, fsid, monitor, port, bytes }));
  const run = (program: string, ...words: string[]) =>
    execute(`/usr/bin/${program}`, ['-c', config, ...words], { env: { PATH: '/usr/bin:/bin', CEPH_CONF: config } });
  const key = (...words: string[]) => execute('/usr/bin/ceph-authtool', [join(folder, 'keyring'), ...words]);

  await execute('/usr/bin/monmaptool', [
    '--create',
    '--clobber',
    '--fsid',
    fsid,
    '--addv',
    'a',
    monitor,
    join(folder, 'monmap'),
  ]);
  await key('--create-keyring', '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
  const all = ['--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *'];
  await key('--gen-key', '-n', 'client.admin', ...all, '--cap', 'mgr', 'allow *');
  await key('--gen-key', '-n', 'client.rgw', ...all);
  await key('--gen-key', '-n', 'osd.0', ...all);
  await run('ceph-mon', '-i', 'a', '--mkfs', '--monmap', join(folder, 'monmap'), '--keyring', join(folder, 'keyring'));

  const daemons: { pid: number; name: string }[] = [];
  const start = (name: string, program: string, ...options: string[]) => {
    const log = openSync(join(folder, 'log', `${name}.out`), 'w');
    const line = ['-c', config, ...options, '-f'];
    // It ends with this process, however that ends.
    const words = ['--pdeathsig', 'KILL', `/usr/bin/${program}`, ...line];
    const child = spawn('setpriv', words, { detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    child.unref();
    if (child.pid === undefined) throw new Error(`${program} could not be started`);
    daemons.push({ pid: child.pid, name });
  };
  try {
    start('mon', 'ceph-mon', '-i', 'a');
    await run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', fsid);
    await run('ceph', 'osd', 'new', fsid, '0');
    start('osd', 'ceph-osd', '-i', '0');
    await until(folder, daemons, async () => (await run('ceph', 'osd', 'stat')).stdout.includes('1 up'));
    start('rgw', 'radosgw', '-n', 'client.rgw');
    const endpoint = `http://127.0.0.1:${port}`;
    await until(folder, daemons, () =>
      fetch(endpoint).then(
        () => true,
        () => false,
      ),
    );
    const keys = ['--access-key', accessKey, '--secret-key', secretKey];
    const user = ['-n', 'client.rgw', 'user', 'create'];
    await run('radosgw-admin', ...user, '--uid=test', '--display-name=test', ...keys);
    const { uid, ...other } = limitedUser;
    const otherKeys = ['--access-key', other.accessKey, '--secret-key', other.secretKey];
    await run('radosgw-admin', ...user, `--uid=${uid}`, `--display-name=${uid}`, ...otherKeys);
    return { endpoint, accessKey, secretKey, daemons };
  } catch (error) {
    await stopCeph(folder, { daemons });
    throw error;
  }
}

/** Ends it and removes its folder. */
export async function stopCeph(folder: string, { daemons }: Pick<Ceph, 'daemons'>): Promise<void> {
  const config = join(folder, 'ceph.conf');
  for (const { pid } of daemons.toReversed()) {
    // A number may belong to another process by now.
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!line.split('\0').includes(config)) continue;
    process.kill(pid, 'SIGKILL');
    for (let n = 0; n < attempts && existsSync(`/proc/${pid}/exe`); n++) await wait(pause);
  }
  await rm(folder, { recursive: true, force: true });
}

async function until(folder: string, daemons: Ceph['daemons'], isReady: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < attempts; n++) {
    if (await isReady().catch(() => false)) return;
    for (const { pid, name } of daemons) {
      if (existsSync(`/proc/${pid}/exe`)) continue;
      const log = await readFile(join(folder, 'log', `${name}.out`), 'utf8');
      throw new Error(`ceph: ${name} ended: ${log.slice(-2000)}`);
    }
    await wait(pause);
  }
  throw new Error('ceph: it does not become ready');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

interface Layout {
  readonly folder: string;
  readonly fsid: string;
  readonly monitor: string;
  readonly port: number;
  readonly bytes: number;
}

/**
 * No manager: it would double the packages. The two lines on paxos take the start from 12 s to 2 s; without tcp_nodelay every answer with a body
 * waits 40 ms for the client's delayed acknowledgement, which no real network with a delay of its own shows.
 */
function configuration({ folder, fsid, monitor, port, bytes }: Layout): string {
  const first = 20_000 + 100 * randomInt(300);
  return `[global]
fsid = ${fsid}
# brackets are needed for a monitor that speaks v2 only
mon host = ${monitor}
keyring = ${folder}/keyring
auth allow insecure global id reclaim = false
ms bind port min = ${first}
ms bind port max = ${first + 99}
run dir = ${folder}/run
admin socket = ${folder}/run/$name.asok
log file = ${folder}/log/$name.log
pid file = ${folder}/run/$name.pid
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
paxos propose interval = 0.05
paxos min wait = 0.01
mon allow pool size one = true
mon allow pool delete = true
mon max pg per osd = 1000
debug rgw = 0
[mon]
mon data = ${folder}/mon
mon cluster log file = ${folder}/log/cluster.log
mon initial members = a
mon warn on pool no redundancy = false
mon data avail crit = 1
[osd]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = ${bytes}
osd memory target = 939524096
osd class load list = *
osd class default list = *
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw data = ${folder}/rgw
rgw rados pool pg num min = 1
rgw enable usage log = false
rgw dynamic resharding = false
rgw run sync thread = false
`;
}
