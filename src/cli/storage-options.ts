/** How object storage is reached, as the line and the environment say. */
import { Option } from 'commander';
import { fail } from '../errors.ts';
import type { StorageSettings } from '../repository/stores/settings.ts';
import { size, sizeOrNone, text } from './option-values.ts';
import { parseSize } from './units.ts';

export interface StorageOptions {
  readonly s3Endpoint?: string;
  readonly s3PathStyle?: true;
  readonly s3PlainHttp?: true;
  readonly limitUpload?: number;
  readonly limitDownload?: number;
  readonly limitCache?: number;
}

export function storageOptions(): Option[] {
  return [
    new Option('--s3-endpoint <url>', 'server of an s3:// repository, when it is not AWS').argParser(text),
    new Option('--s3-path-style', 'ask it for https://host/bucket/… rather than https://bucket.host/…'),
    new Option('--s3-plain-http', 'allow an http:// endpoint'),
    new Option('--limit-upload <size>', 'at most so many bytes a second to object storage').argParser(size),
    new Option('--limit-download <size>', 'at most so many bytes a second from object storage').argParser(size),
    new Option(
      '--limit-cache <size>',
      'copies of one repository kept in ~/.cache/strata/storage (default: 4G)',
    ).argParser(sizeOrNone),
  ];
}

/** The settings; an option goes before a variable. */
export function storageOf(options: StorageOptions, env: NodeJS.ProcessEnv = process.env): StorageSettings {
  return {
    endpoint: options.s3Endpoint ?? (env.STRATA_S3_ENDPOINT || null),
    pathStyle: options.s3PathStyle === true || isSet(env.STRATA_S3_PATH_STYLE),
    plainHttp: options.s3PlainHttp === true || isSet(env.STRATA_S3_PLAIN_HTTP),
    uploadLimit: options.limitUpload ?? null,
    downloadLimit: options.limitDownload ?? null,
    cacheLimit: options.limitCache ?? limitOf(env.STRATA_LIMIT_CACHE),
  };
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const bytes = parseSize(text);
  if (bytes === undefined) throw fail('USAGE', { problem: `STRATA_LIMIT_CACHE is no size: ${text}` });
  return bytes;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0';
}
