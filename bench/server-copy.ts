/** What the server of an object storage copies of a chain by itself: a full and 20 incrementals, each of 2 % in clusters of 64 KiB. */
import { run } from './measure.ts';
import { writeRandomPages } from './random-writes.ts';

const increments = 20;
const share = 0.02;
const cluster = 65_536;

export interface ServerCopy {
  readonly blockSize: string;
  /** MiB. */
  readonly byServer: number;
  readonly throughClient: number;
  /** That nothing needs, copied with the rest. */
  readonly unused: number;
  /** Of the bytes of frames that were copied, those that the server did. */
  readonly shareByServer: number;
  readonly seconds: number;
  readonly requests: number;
}

/** Makes the chain in repositories of some block sizes, and copies its newest point. The image is another one afterwards. */
export function measureServerCopies(work: string, bucket: string, endpoint: string): ServerCopy[] {
  const blockSizes = ['64K', '256K'];
  const at = (blockSize: string, command: string) =>
    run(work, `STRATA_REPO=s3://${bucket}/copy${blockSize} STRATA_S3_ENDPOINT=${endpoint} strata ${command}`);
  for (const blockSize of blockSizes) at(blockSize, `init -q --block-size ${blockSize} >/dev/null`);
  for (let n = 0; n <= increments; n++) {
    if (n > 0) writeRandomPages(work, share, 7000 + n, cluster);
    for (const blockSize of blockSizes) at(blockSize, 'backup -q disk.img --machine bench >/dev/null');
    console.error(`bench: chain of ${n + 1} points`);
  }
  return blockSizes.map((blockSize) => {
    const lines = at(blockSize, 'synthesize bench/disk.img --mode copy --json').trimEnd().split('\n');
    const result = JSON.parse(lines.at(-1) ?? '');
    const { bytesCopiedByStore, bytesThroughClient, bytesUnused, seconds, storage } = result;
    const requests = Object.values(storage.requests as Record<string, number>).reduce((sum, count) => sum + count, 0);
    return {
      blockSize,
      byServer: bytesCopiedByStore / 2 ** 20,
      throughClient: bytesThroughClient / 2 ** 20,
      unused: bytesUnused / 2 ** 20,
      shareByServer: bytesCopiedByStore / (bytesCopiedByStore + bytesThroughClient),
      seconds,
      requests,
    };
  });
}
