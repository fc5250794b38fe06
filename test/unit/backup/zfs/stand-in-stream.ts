/** The stream of two snapshots of a stand-in for ZFS, which compares them: holes are freed, the rest is written. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type StreamRecord, writeStream } from './stream-writer.ts';

const block = 8192;
const [, , before = '', now = '', flaw = ''] = process.argv;
const [was, is] = [before, now].map((at) => readFileSync(join(at, 'image'))) as [Buffer, Buffer];
const [from, to] = [before, now].map((at) => BigInt(readFileSync(join(at, 'guid'), 'utf8'))) as [bigint, bigint];

const records: StreamRecord[] = [{ type: 'object', object: 1 }];
for (let offset = 0; offset < is.length; offset += block) {
  const content = is.subarray(offset, offset + block);
  if (content.equals(was.subarray(offset, offset + block))) continue;
  const isHole = content.every((byte) => byte === 0);
  records.push({ type: isHole ? 'free' : 'write', object: 1, offset, length: block });
}
if (flaw === 'forget send') records.length = 1;
const stream = writeStream({ kind: 'volume', from, to }, records);
if (flaw === 'damage send') stream[stream.length / 2] = 99;
process.stdout.write(flaw === 'cut send' ? stream.subarray(0, stream.length / 2) : stream);
