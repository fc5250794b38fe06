/** `s3://BUCKET/PREFIX`: where a repository, or an exported image, lies in object storage. */
import { fail } from '../../../errors.ts';

export interface S3Address {
  readonly bucket: string;
  /** Without slashes at its ends; empty: the bucket itself. */
  readonly prefix: string;
}

/** Whether a location is meant to be one in object storage. */
export function isS3Location(location: string): boolean {
  return /^s3:\/\//i.test(location);
}

/** Reads an address: USAGE when it is none. Keys have only characters that no server and no proxy takes for others. */
export function parseS3Address(location: string): S3Address {
  const [, bucket = '', rest = ''] = /^s3:\/\/([^/]*)\/?(.*)$/i.exec(location) ?? [];
  const prefix = rest.replace(/\/+$/, '');
  const refuse = (problem: string) => fail('USAGE', { problem: `${location}: ${problem}` });
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw refuse('a bucket has 3 to 63 of a-z, 0-9, dot and hyphen');
  if (prefix === '') return { bucket, prefix };
  if (!/^[A-Za-z0-9!_.*'()/-]+$/.test(prefix)) throw refuse("a prefix has only letters, digits and ! - _ . * ' ( ) /");
  if (prefix.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw refuse('no part of a prefix is empty, "." or ".."');
  }
  if (prefix.length > 512) throw refuse('the prefix is longer than 512 characters');
  return { bucket, prefix };
}

/** The one way in which an address is written. */
export function formatS3Address({ bucket, prefix }: S3Address): string {
  return `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
}
