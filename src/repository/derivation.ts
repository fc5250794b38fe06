/**
 * Keys from passphrases. That takes longer than all else that a process does before it can show a repository, so one that
 * knows where it is going begins with it, before the rest of it is loaded: this file needs hardly anything.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, fromNative } from '../errors.ts';
import { native } from '../native.ts';

/** scrypt, as a key file names it. */
export interface Derivation {
  readonly N: number;
  readonly r: number;
  readonly p: number;
  /** Hexadecimal. */
  readonly salt: string;
}

/** What new key files have. */
export const usualCost = { N: 65536, r: 8, p: 1 } as const;

/** Those that were begun early, by what they are made of. */
const begun = new Map<string, Promise<Buffer>>();

/** The 32 bytes that a passphrase gives: PASSPHRASE_EMPTY. */
export async function derive(passphrase: string, wanted: Derivation): Promise<Buffer> {
  if (passphrase === '') throw fail('PASSPHRASE_EMPTY', {});
  const name = nameOf(passphrase, wanted);
  const early = begun.get(name);
  begun.delete(name);
  try {
    return await (early ?? compute(passphrase, wanted));
  } catch (error) {
    throw fromNative(error, 'the passphrase');
  }
}

/**
 * Begins with the first key of a repository in a folder. Nothing that is read here is believed: `derive` finds it only when
 * the same is asked for, and what cannot be read is left to who opens the repository.
 */
export function deriveEarly(folder: string, passphrase: string): void {
  try {
    const [name = ''] = readdirSync(join(folder, 'keys'));
    const { kdf } = JSON.parse(readFileSync(join(folder, 'keys', name), 'utf8')) as { readonly kdf: Derivation };
    const { N, r, p, salt } = kdf;
    if (N !== usualCost.N || r !== usualCost.r || p !== usualCost.p || !/^[0-9a-f]{64}$/.test(salt)) return;
    const early = compute(passphrase, { ...usualCost, salt });
    early.catch(() => undefined); // said to who asks for it
    begun.set(nameOf(passphrase, { ...usualCost, salt }), early);
  } catch {
    // There is none, or none that is as usual.
  }
}

function compute(passphrase: string, { N, r, p, salt }: Derivation): Promise<Buffer> {
  const given = { passphrase: Buffer.from(passphrase.normalize('NFC')), salt: Buffer.from(salt, 'hex') };
  return native.deriveKey({ ...given, N, r, p, length: 32 });
}

function nameOf(passphrase: string, { N, r, p, salt }: Derivation): string {
  return JSON.stringify([passphrase.normalize('NFC'), N, r, p, salt]);
}
