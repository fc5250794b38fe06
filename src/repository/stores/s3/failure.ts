/** What an object store's refusals mean: which of them pass, and what a person is told of the others. */
import { fail, reasonOf, type StrataError } from '../../../errors.ts';

/** What was tried: `GetObject` and the like are the permissions to grant, too. */
export interface Attempt {
  readonly verb: string;
  readonly bucket: string;
  readonly key: string;
  readonly endpoint: string;
  /** What to grant, when the verb does not tell. */
  readonly permission?: string | undefined;
}

interface Refusal {
  readonly name?: string;
  readonly code?: string;
  readonly Code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  readonly cause?: unknown;
}

/** Connections that broke or could not be made. */
const broken = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);

/** What servers say when they have too much to do, or lost a part of themselves for a moment. */
const passing = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'InternalError',
  'RequestTimeout',
  'RequestTimeoutException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'BandwidthLimitExceeded',
  'TimeoutError',
  'TruncatedBody',
]);

const missing = new Set(['NoSuchKey', 'NoSuchVersion', 'NotFound']);
const expired = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired']);
const unknownKeys = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'UnrecognizedClientException',
]);
const misrouted = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']);

/** The name that the server, or the system, gave a failure. */
export function nameOf(error: unknown): string {
  const { name, code, Code } = error as Refusal;
  if (code !== undefined && broken.has(code)) return code;
  return Code ?? (name === 'Error' ? code : name) ?? 'Error';
}

/** What the server, or the system, answered a request that failed in the end; nothing when it was stopped. */
export function answerOf(error: unknown): unknown {
  return (error as Error).cause ?? {};
}

export function statusOf(error: unknown): number | undefined {
  return (error as Refusal).$metadata?.httpStatusCode;
}

export function isMissing(error: unknown): boolean {
  return missing.has(nameOf(error)) || (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket');
}

/** Whether somebody else created the object: before this request, or at the same moment. */
export function isTaken(error: unknown): boolean {
  return statusOf(error) === 412 || (statusOf(error) === 409 && nameOf(error) !== 'BucketNotEmpty');
}

/** Whether trying again may help. */
export function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  return (
    isBroken(error) ||
    passing.has(nameOf(error)) ||
    status === 429 ||
    (status !== undefined && status >= 500 && status !== 501)
  );
}

/** Whether the connection failed, rather than the server refused. */
export function isBroken(error: unknown): boolean {
  return broken.has(nameOf(error)) || nameOf(error) === 'TimeoutError' || nameOf(error) === 'TruncatedBody';
}

/** Whether the server asks for fewer requests. */
export function isOverload(error: unknown): boolean {
  return statusOf(error) === 503 || statusOf(error) === 429 || nameOf(error) === 'SlowDown';
}

/** The failure as a person is told it. Names of keys that open the storage never stand in it. */
export function describeRefusal(error: unknown, { verb, bucket, key, endpoint, permission }: Attempt): StrataError {
  const name = nameOf(error);
  const status = statusOf(error);
  const what = key === '' ? `bucket ${bucket}` : `${key} in bucket ${bucket}`;
  const cause = { cause: error };
  if (name === 'NoSuchBucket') return fail('BUCKET_MISSING', { bucket, endpoint }, cause);
  if (expired.has(name)) return fail('STORAGE_EXPIRED', { bucket }, cause);
  if (name === 'RequestTimeTooSkewed') return fail('CLOCK_WRONG', { endpoint, reason: 'the server refuses it' }, cause);
  if (unknownKeys.has(name)) return fail('STORAGE_KEY_REFUSED', { endpoint, reason: name }, cause);
  if (misrouted.has(name) || status === 301) {
    const region = (error as Refusal).$response?.headers?.['x-amz-bucket-region'] ?? 'another one';
    return fail('REGION_WRONG', { bucket, region }, cause);
  }
  if (reasonOf(error) === 'Region is missing') return fail('REGION_MISSING', { bucket }, cause);
  if (name === 'CredentialsProviderError') return fail('STORAGE_KEY_MISSING', {}, cause);
  if (status === 403 || name === 'AccessDenied')
    return fail('STORAGE_FORBIDDEN', { verb, what, permission: permission ?? permissionFor(verb) }, cause);
  if (isMissing(error)) return fail('OBJECT_MISSING', { name: key }, cause);
  if (isBroken(error)) return fail('STORAGE_UNREACHABLE', { endpoint, reason: plainReason(error) }, cause);
  return fail('STORAGE_FAILED', { verb, what, reason: plainReason(error) }, cause);
}

/** What a policy has to allow for a request. */
function permissionFor(verb: string): string {
  const known: Readonly<Record<string, string>> = {
    HeadObject: 's3:GetObject',
    ListObjectsV2: 's3:ListBucket',
    HeadBucket: 's3:ListBucket',
    DeleteObjects: 's3:DeleteObject',
    CreateMultipartUpload: 's3:PutObject',
    UploadPart: 's3:PutObject',
    UploadPartCopy: 's3:PutObject and s3:GetObject',
    CompleteMultipartUpload: 's3:PutObject',
    ListMultipartUploads: 's3:ListBucketMultipartUploads',
    ListParts: 's3:ListMultipartUploadParts',
  };
  return known[verb] ?? `s3:${verb}`;
}

function plainReason(error: unknown): string {
  const name = nameOf(error);
  const reason = reasonOf(error).split('\n', 1)[0] ?? '';
  return reason.includes(name) ? reason : `${name}: ${reason}`;
}
