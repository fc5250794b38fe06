/** The client that talks to a server: address, region, keys and connections. */
import { Agent as PlainAgent } from 'node:http';
import { Agent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { fail } from '../../../errors.ts';
import type { StorageSettings } from '../settings.ts';
import { Pace, PacedHandler } from './pace.ts';
import { Vigil } from './vigil.ts';

/** Requests at once are limited below this; the rest is for those that end. */
const connections = 96;
/** Milliseconds in which nothing moves after which a connection counts as dead. */
const silence = 60_000;
const connecting = 10_000;

export interface Connection {
  readonly client: S3Client;
  readonly handler: PacedHandler;
  readonly vigil: Vigil;
}

/** Makes a client. USAGE for an endpoint that is no URL, or is plain http without being allowed. */
export function connect(settings: StorageSettings): Connection {
  const { endpoint, pathStyle, plainHttp, uploadLimit, downloadLimit } = settings;
  if (endpoint !== null) checkEndpoint(endpoint, plainHttp);
  const options = { keepAlive: true, maxSockets: connections };
  const [httpAgent, httpsAgent] = [new PlainAgent(options), new Agent(options)];
  const vigil = new Vigil([httpAgent, httpsAgent], silence);
  const handler = new PacedHandler(
    { connectionTimeout: connecting, socketTimeout: 0, requestTimeout: 0, httpAgent, httpsAgent },
    uploadLimit === null ? null : new Pace(uploadLimit),
    downloadLimit === null ? null : new Pace(downloadLimit),
  );
  const client = new S3Client({
    ...(endpoint === null ? {} : { endpoint }),
    // A server of one's own has no regions, but a signature names one.
    ...(process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION || endpoint === null ? {} : { region: 'us-east-1' }),
    forcePathStyle: pathStyle,
    followRegionRedirects: true,
    // Our own retries know what may be repeated, and what was learnt from an answer that was lost.
    maxAttempts: 1,
    // The sums that newer clients add make older servers refuse, or store the framing; what is sent is signed with its SHA-256.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: handler,
  });
  return { client, handler, vigil };
}

function checkEndpoint(endpoint: string, plainHttp: boolean): void {
  const url = URL.parse(endpoint);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.search !== '') {
    throw fail('USAGE', { problem: `the endpoint of object storage must be a URL such as https://s3.example.com` });
  }
  if (url.protocol === 'http:' && !plainHttp) {
    const problem = `${endpoint} is plain http: what goes there can be read and changed on the way`;
    throw fail('USAGE', {
      problem: `${problem}; use https, or allow it with --s3-plain-http or STRATA_S3_PLAIN_HTTP=1`,
    });
  }
}
