/**
 * Keys of object storage: never in a job, a unit or a log, but where the AWS tools keep them, so that runs find them
 * that start without our environment. The file belongs to its owner alone; what others wrote there is not changed.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fail, fromSystem } from '../../errors.ts';

export interface StorageKeys {
  readonly id: string;
  readonly secret: string;
  /** Null: whatever else names it. */
  readonly region: string | null;
}

export interface FoundKeys {
  /** Those of the environment; null when there are none. */
  readonly given: StorageKeys | null;
  /** Those of the environment end by themselves: a token belongs to them. */
  readonly temporary: boolean;
  /** The file of the AWS tools. */
  readonly path: string;
  /** Whether runs without our environment find keys in their files. */
  readonly saved: boolean;
  /** Whether this process finds keys in the environment, or under the profile that it names. */
  readonly usable: boolean;
}

/** What is there of keys. */
export async function findStorageKeys(env: NodeJS.ProcessEnv = process.env): Promise<FoundKeys> {
  const folder = join(env.HOME || homedir(), '.aws');
  const path = join(folder, 'credentials');
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = env;
  const given = id && secret ? { id, secret, region: env.AWS_REGION || env.AWS_DEFAULT_REGION || null } : null;
  // Runs by the schedule do not have our environment: for them the files lie where they usually do.
  const usual = await profilesIn([path, join(folder, 'config')]);
  const named = await profilesIn([env.AWS_SHARED_CREDENTIALS_FILE, env.AWS_CONFIG_FILE]);
  const usable = given !== null || [...usual, ...named].includes(env.AWS_PROFILE || 'default');
  const saved = usual.includes('default');
  return { given, temporary: Boolean(env.AWS_SESSION_TOKEN), path, saved, usable };
}

/** The file with the keys added as those that are used by default: USAGE when there are such already, or it cannot hold them. */
export async function withStorageKeys(path: string, { id, secret, region }: StorageKeys): Promise<string> {
  const text = (await textOf(path)) ?? '';
  if (profilesOf(text).includes('default')) throw fail('USAGE', { problem: `${path} has a default profile already` });
  for (const word of [id, secret, region ?? '-']) {
    if (!/^[\x21-\x7e]+$/.test(word)) throw fail('USAGE', { problem: 'a key of object storage has a blank in it' });
  }
  const lines = [
    '[default]',
    `aws_access_key_id = ${id}`,
    `aws_secret_access_key = ${secret}`,
    ...(region === null ? [] : [`region = ${region}`]),
  ];
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${lines.join('\n')}\n`;
}

async function profilesIn(paths: readonly (string | undefined)[]): Promise<string[]> {
  const texts = await Promise.all(paths.filter((path) => path !== undefined).map(textOf));
  return texts.flatMap((text) => profilesOf(text ?? ''));
}

/** Names of the sections; `[profile x]`, as the other file has it, is `x`. */
function profilesOf(text: string): string[] {
  return [...text.matchAll(/^\s*\[\s*(?:profile\s+)?([^\]\s]+)\s*\]/gm)].map(([, name]) => name ?? '');
}

async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw fromSystem(error, `cannot read ${path}`);
  });
}
