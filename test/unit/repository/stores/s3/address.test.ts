import { describe, expect, it } from 'vitest';
import { absoluteLocation } from '../../../../../src/repository/stores/open.ts';
import { formatS3Address, isS3Location, parseS3Address } from '../../../../../src/repository/stores/s3/address.ts';

describe('an address in object storage', () => {
  it.each([
    ['s3://backups', { bucket: 'backups', prefix: '' }],
    ['s3://backups/', { bucket: 'backups', prefix: '' }],
    ['s3://backups/a', { bucket: 'backups', prefix: 'a' }],
    ['S3://my.bucket-1/a/b_c.d/', { bucket: 'my.bucket-1', prefix: 'a/b_c.d' }],
  ])('%s is read', (location, address) => {
    expect(parseS3Address(location)).toEqual(address);
    expect(parseS3Address(formatS3Address(address))).toEqual(address);
  });

  it.each([
    's3://',
    's3:///x',
    's3://ab/x',
    's3://Backups/x',
    's3://-backups/x',
    's3://backups//x',
    's3://backups/a//b',
    's3://backups/a/../b',
    's3://backups/.',
    's3://backups/a b',
    's3://backups/ä',
    's3://backups/a?b',
    's3://backups/a%20b',
    `s3://backups/${'a'.repeat(513)}`,
  ])('%s is refused', (location) => {
    expect(() => parseS3Address(location)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('is not taken for a folder, nor a folder for one', () => {
    expect(['s3://b/x', 'S3://b', 's3:/b', './s3:', 'b'].map(isS3Location)).toEqual([true, true, false, false, false]);
    expect(absoluteLocation('s3://bucket/x/')).toBe('s3://bucket/x');
    expect(absoluteLocation('/a/../b')).toBe('/b');
    expect(() => absoluteLocation('sftp://host/x')).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
  });
});
