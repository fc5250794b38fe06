/** A server that speaks just enough S3 to be trusted, and is not worth it: for proving that we notice. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

export interface Carelessness {
  /** `If-None-Match` means nothing to it. */
  readonly ignoresCondition?: boolean;
  /** It looks whether an object is there, and only then takes the body: of several at once all win. */
  readonly looksTooEarly?: boolean;
  /** It gives whole objects, whatever part was asked for. */
  readonly ignoresRange?: boolean;
  /** It copies parts of other objects from their beginning, whatever range was asked for. */
  readonly copiesBeginnings?: boolean;
  /** An object is another one after each time that it was looked at. */
  readonly changesTags?: boolean;
}

export interface CarelessServer {
  readonly endpoint: string;
  /** What it holds, by key. */
  readonly objects: ReadonlyMap<string, Buffer>;
  close(): Promise<void>;
}

export async function startCarelessServer(how: Carelessness = {}): Promise<CarelessServer> {
  const objects = new Map<string, Buffer>();
  const parts = new Map<number, Buffer>();
  let looks = 0;

  const putPart = async (number: number, incoming: IncomingMessage, outgoing: ServerResponse) => {
    const source = incoming.headers['x-amz-copy-source'];
    if (source === undefined) {
      parts.set(number, await bodyOf(incoming));
      return outgoing.writeHead(200, { etag: '"part"' }).end();
    }
    const [, from = '0', to = '0'] =
      /^bytes=(\d+)-(\d+)$/.exec(String(incoming.headers['x-amz-copy-source-range'])) ?? [];
    const length = Number(to) + 1 - Number(from);
    const start = how.copiesBeginnings ? 0 : Number(from);
    const content = objects.get(String(source).split('/').slice(1).join('/')) ?? Buffer.alloc(0);
    parts.set(number, content.subarray(start, start + length));
    return answer(outgoing, '<CopyPartResult><ETag>"part"</ETag></CopyPartResult>');
  };

  const upload = (key: string, url: URL, outgoing: ServerResponse) => {
    if (url.searchParams.has('uploads')) {
      parts.clear();
      return answer(outgoing, '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>');
    }
    objects.set(key, Buffer.concat([...parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes)));
    return answer(outgoing, '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>');
  };

  const put = async (key: string, incoming: IncomingMessage, outgoing: ServerResponse) => {
    const conditional = incoming.headers['if-none-match'] === '*' && !how.ignoresCondition;
    const takenBefore = objects.has(key);
    const body = await bodyOf(incoming);
    if (how.looksTooEarly) await wait(20);
    if (conditional && (how.looksTooEarly ? takenBefore : objects.has(key)))
      return refuse(outgoing, 412, 'PreconditionFailed');
    objects.set(key, body);
    return outgoing.writeHead(200, { etag: '"x"' }).end();
  };

  const get = (key: string, { headers, method }: IncomingMessage, outgoing: ServerResponse) => {
    const content = objects.get(key);
    if (content === undefined) return refuse(outgoing, 404, 'NoSuchKey');
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    const part = from && to && !how.ignoresRange ? content.subarray(Number(from), Number(to) + 1) : content;
    const etag = how.changesTags ? `"${looks++}"` : '"x"';
    const facts = { 'content-length': part.length, 'last-modified': new Date().toUTCString(), etag };
    outgoing.writeHead(from ? 206 : 200, facts);
    return outgoing.end(method === 'HEAD' ? undefined : part);
  };

  const list = (prefix: string, outgoing: ServerResponse) => {
    const entries = [...objects].filter(([key]) => key.startsWith(prefix));
    const contents = entries.map(
      ([key, { length }]) =>
        `<Contents><Key>${key}</Key><Size>${length}</Size><LastModified>2026-11-21T00:00:00.000Z</LastModified></Contents>`,
    );
    outgoing.writeHead(200, { 'content-type': 'application/xml' });
    outgoing.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`,
    );
  };

  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '', 'http://x');
    const key = url.pathname.split('/').slice(2).join('/');
    if (url.searchParams.has('list-type')) return list(url.searchParams.get('prefix') ?? '', outgoing);
    if (incoming.method === 'POST' && !url.searchParams.has('delete')) return upload(key, url, outgoing);
    if (url.searchParams.has('partNumber')) {
      return void putPart(Number(url.searchParams.get('partNumber')), incoming, outgoing);
    }
    if (url.searchParams.has('delete')) return refuse(outgoing, 501, 'NotImplemented');
    if (incoming.method === 'PUT') return void put(key, incoming, outgoing);
    if (incoming.method === 'DELETE') {
      objects.delete(key);
      return outgoing.writeHead(204).end();
    }
    return get(key, incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    objects,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function answer(outgoing: ServerResponse, body: string): ServerResponse {
  return outgoing.writeHead(200, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${body}`);
}

function refuse(outgoing: ServerResponse, status: number, code: string): ServerResponse {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
  return outgoing.writeHead(status, { 'content-type': 'application/xml' }).end(body);
}
