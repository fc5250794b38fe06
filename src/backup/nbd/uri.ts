/**
 * Exports of NBD servers as users write them: `nbd://HOST[:PORT]/EXPORT`, `nbds://…` with TLS, `nbd+unix:///EXPORT?socket=PATH`
 * (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md).
 *
 * Read by rules of our own: the URL of the web drops line breaks and `..`, which names of exports may have.
 */
import { isIPv6 } from 'node:net';
import { basename, resolve } from 'node:path';
import { fail, type StrataError } from '../../errors.ts';

export interface NbdUri {
  /** As reports show it: whole, with absolute paths. */
  readonly path: string;
  /** A unix socket, or null: then host and port. */
  readonly socket: string | null;
  readonly host: string;
  readonly port: number;
  /** Of the export; may be empty. */
  readonly name: string;
  readonly tls: boolean;
  /** Folder of certificates that was named. */
  readonly certificates: string | null;
}

const standardPort = 10809;
/** The protocol's limit of a name, in bytes. */
const longestName = 4096;

/** Whether a source is meant to be an export. */
export function isNbdUri(source: string): boolean {
  return /^nbds?(\+[a-z0-9]*)?:\/\//i.test(source);
}

/** USAGE when it is none. */
export function parseNbdUri(text: string): NbdUri {
  const [, scheme = '', authority = '', path = '', query = ''] =
    /^([a-z+0-9]+):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/is.exec(text) ?? [];
  // Nothing of it is shown before it is known to hold no secret.
  if (authority.includes('@')) throw refuse('an NBD address has no user and no password');
  if (/[\p{Cc}\p{Z}]/u.test(text)) throw refuse('an NBD address has no spaces: write them as %20');
  const tls = scheme.toLowerCase() === 'nbds';
  const unix = scheme.toLowerCase() === 'nbd+unix';
  if (!tls && !unix && scheme.toLowerCase() !== 'nbd')
    throw refuse('an export is named by nbd://, nbds:// or nbd+unix://, and by nothing after #');
  const { socket, certificates } = queryOf(query);
  if (unix !== (socket !== null)) throw refuse('nbd+unix:// needs ?socket=PATH, and only that has it');
  if (unix && authority !== '') throw refuse('nbd+unix:// has no host: three slashes stand before the export');
  if (certificates !== null && !tls) throw refuse('tls-certificates goes with nbds://');
  const name = decoded(path.slice(1));
  if (Buffer.byteLength(name) > longestName) throw refuse('the name of the export is too long');
  const place = unix ? { host: '', port: 0 } : hostOf(authority);
  const parts = { socket, ...place, name, tls, certificates };
  return { path: written(parts), ...parts };
}

/** What a disk is called when it is not said: the end of the export's name, or else where it is served. */
export function nameOfExport({ name, socket, host }: NbdUri): string {
  return basename(name) || (socket === null ? host : basename(socket));
}

function refuse(problem: string): StrataError {
  return fail('USAGE', { problem });
}

function hostOf(authority: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(authority) ?? [];
  const host = bracketed ?? decoded(plain ?? '');
  const port = Number(digits ?? standardPort);
  if (host === '' || /[/\\]/.test(host)) throw refuse('an NBD address names a host: nbd://HOST:PORT/EXPORT');
  if (bracketed !== undefined && !isIPv6(bracketed)) throw refuse(`${bracketed} is no IPv6 address`);
  if (port < 1 || port > 65535) throw refuse(`there is no port ${port}`);
  return { host, port };
}

function queryOf(query: string): { readonly socket: string | null; readonly certificates: string | null } {
  const found = { socket: null as string | null, certificates: null as string | null };
  for (const part of query.split('&').filter((it) => it !== '')) {
    const [, key, value = ''] = /^([^=]*)=(.*)$/.exec(part) ?? [];
    const field = key === 'socket' ? 'socket' : key === 'tls-certificates' ? 'certificates' : null;
    // What others know (tls-psk-file, tls-verify-peer …) must not be passed over in silence; its value may be a secret.
    if (field === null) throw refuse('of the words after ? only socket and tls-certificates are known');
    if (value === '' || found[field] !== null) throw refuse(`${key} is named once, and not empty`);
    found[field] = resolve(decoded(value));
  }
  return found;
}

function decoded(text: string): string {
  try {
    const plain = decodeURIComponent(text);
    if (!plain.includes('\0')) return plain;
  } catch {
    // Refused in the same words.
  }
  throw refuse('an NBD address has a wrong %: it stands for UTF-8');
}

function written({ socket, host, port, name, tls, certificates }: Omit<NbdUri, 'path'>): string {
  const encoded = (text: string) => encodeURIComponent(text).replaceAll('%2F', '/');
  if (socket !== null) return `nbd+unix:///${encoded(name)}?socket=${encoded(socket)}`;
  const at = isIPv6(host) ? `[${host}]` : encoded(host);
  const query = certificates === null ? '' : `?tls-certificates=${encoded(certificates)}`;
  return `${tls ? 'nbds' : 'nbd'}://${at}${port === standardPort ? '' : `:${port}`}/${encoded(name)}${query}`;
}
