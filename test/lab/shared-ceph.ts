/** One Ceph for all test files of a run, started by the first that needs it and ended with the run. */
import { watch } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type Ceph, startCeph, stopCeph, whyNoCeph } from './ceph.ts';

const variable = 'STRATA_TEST_CEPH';

/** Before the first test file (vitest, globalSetup): waits for a wish. What it returns is called after the last. */
export async function setup(): Promise<() => Promise<void>> {
  const place = await mkdtemp(join(tmpdir(), 'strata-ceph-'));
  process.env[variable] = place;
  let starting: Promise<Ceph | null> | undefined;
  const watcher = watch(place, (_, name) => {
    if (name === 'wanted') starting ??= start(place);
  });
  return async () => {
    watcher.close();
    const ceph = await starting;
    if (ceph) await stopCeph(join(place, 'ceph'), ceph);
    await rm(place, { recursive: true, force: true });
  };
}

async function start(place: string): Promise<Ceph | null> {
  const answer = async (text: string) => {
    await writeFile(join(place, 'answer.part'), text);
    await rename(join(place, 'answer.part'), join(place, 'answer'));
  };
  try {
    const ceph = await startCeph(join(place, 'ceph'));
    await answer(JSON.stringify(ceph));
    return ceph;
  } catch (error) {
    await answer(JSON.stringify({ failure: String(error) }));
    return null;
  }
}

/** Says once why tests are skipped; empty when they are not. */
export function announceNoCeph(file: string): string {
  const reason = whyNoCeph() || (process.env[variable] ? '' : 'this run has no place for a Ceph');
  if (reason) console.warn(`${file} is skipped: ${reason}`);
  return reason;
}

/** The Ceph of this run. */
export async function sharedCeph(): Promise<Ceph> {
  const place = process.env[variable] ?? '';
  await writeFile(join(place, 'wanted'), '');
  for (;;) {
    const text = await readFile(join(place, 'answer'), 'utf8').catch(() => null);
    if (text === null) {
      await wait(50);
      continue;
    }
    const answer: Ceph & { readonly failure?: string } = JSON.parse(text);
    if (answer.failure !== undefined) throw new Error(answer.failure);
    return answer;
  }
}

/** A new bucket in it, with object lock (and so with versions) if wanted. */
export async function makeBucket(name: string, { lock = false }: { readonly lock?: boolean } = {}): Promise<Ceph> {
  const ceph = await sharedCeph();
  const client = clientOf(ceph);
  await client.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: lock }));
  client.destroy();
  return ceph;
}

/** A client of the kind that other programs have. */
export function clientOf({
  endpoint,
  accessKey,
  secretKey,
}: Pick<Ceph, 'endpoint' | 'accessKey' | 'secretKey'>): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}
