import { describe, expect, it } from 'vitest';
import { describeRefusal, isPassing, isTaken } from '../../../../../src/repository/stores/s3/failure.ts';

const attempt = { verb: 'GetObject', bucket: 'backups', key: 'a/points/x', endpoint: 'https://s3.example.com' };

/** What the SDK throws when a server answers so. */
function answer(name: string, status: number): Error {
  return Object.assign(new Error(`says ${name}`), { name, $metadata: { httpStatusCode: status } });
}

function broken(code: string): Error {
  return Object.assign(new Error(`it was ${code}`), { code });
}

describe('what an object store refuses', () => {
  it.each([
    [answer('NoSuchBucket', 404), 'BUCKET_MISSING', 10],
    [answer('NoSuchKey', 404), 'OBJECT_MISSING', 13],
    [answer('NotFound', 404), 'OBJECT_MISSING', 13],
    [answer('AccessDenied', 403), 'STORAGE_FORBIDDEN', 1],
    [answer('InvalidAccessKeyId', 403), 'STORAGE_KEY_REFUSED', 1],
    [answer('SignatureDoesNotMatch', 403), 'STORAGE_KEY_REFUSED', 1],
    [answer('ExpiredToken', 400), 'STORAGE_EXPIRED', 1],
    [answer('RequestTimeTooSkewed', 403), 'CLOCK_WRONG', 1],
    [answer('PermanentRedirect', 301), 'REGION_WRONG', 1],
    [answer('AuthorizationHeaderMalformed', 400), 'REGION_WRONG', 1],
    [answer('CredentialsProviderError', 0), 'STORAGE_KEY_MISSING', 1],
    [answer('InternalError', 500), 'STORAGE_FAILED', 1],
    [broken('ECONNREFUSED'), 'STORAGE_UNREACHABLE', 1],
    [broken('ENOTFOUND'), 'STORAGE_UNREACHABLE', 1],
    [answer('TimeoutError', 0), 'STORAGE_UNREACHABLE', 1],
    [answer('Strange', 418), 'STORAGE_FAILED', 1],
  ])('%s is told as %s', (error, code, exitCode) => {
    expect(describeRefusal(error, attempt)).toMatchObject({ code, exitCode, cause: error });
  });

  it('names the permission to grant', () => {
    const denied = answer('AccessDenied', 403);
    expect(describeRefusal(denied, { ...attempt, verb: 'HeadObject' }).hint).toContain('grant s3:GetObject');
    expect(describeRefusal(denied, { ...attempt, verb: 'DeleteObjects' }).hint).toContain('grant s3:DeleteObject');
    expect(describeRefusal(denied, { ...attempt, verb: 'UploadPart' }).hint).toContain('grant s3:PutObject');
    expect(describeRefusal(denied, { ...attempt, verb: 'ListObjectsV2', key: '' })).toMatchObject({
      message: 'ListObjectsV2 of bucket backups is not allowed',
      hint: expect.stringContaining('grant s3:ListBucket'),
    });
  });

  it('passes, or does not', () => {
    const passing = [answer('SlowDown', 503), answer('InternalError', 500), broken('ECONNRESET'), answer('X', 429)];
    expect(passing.map(isPassing)).toEqual([true, true, true, true]);
    const lasting = [answer('AccessDenied', 403), answer('NoSuchKey', 404), answer('NotImplemented', 501)];
    expect(lasting.map(isPassing)).toEqual([false, false, false]);
  });

  it('tells who came too late, before or at once', () => {
    const late = [answer('PreconditionFailed', 412), answer('ConditionalRequestConflict', 409)];
    expect(late.map(isTaken)).toEqual([true, true]);
    expect(isTaken(answer('AccessDenied', 403))).toBe(false);
  });
});
