/** Reads all objects below a prefix a range of 256 KiB at a time, each when the one before is there: `one-range.ts URL BUCKET PREFIX`. */
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { clientOf } from '../test/lab/shared-ceph.ts';

const [endpoint = '', Bucket = '', Prefix = ''] = process.argv.slice(2);
const range = 256 * 1024;
const accessKey = process.env.AWS_ACCESS_KEY_ID ?? '';
const client = clientOf({ endpoint, accessKey, secretKey: process.env.AWS_SECRET_ACCESS_KEY ?? '' });
const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix }));
for (const { Key = '', Size = 0 } of Contents) {
  for (let at = 0; at < Size; at += range) {
    const Range = `bytes=${at}-${Math.min(at + range, Size) - 1}`;
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, Range }));
    await Body?.transformToByteArray();
  }
}
client.destroy();
