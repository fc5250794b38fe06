/** Where an NBD server listens, as users write it and as clients are told. */
import { isIPv6 } from 'node:net';
import { fail } from '../../errors.ts';

export type NbdAddress =
  /** A unix socket. */
  | { readonly path: string }
  /** Port 0 takes any that is free. */
  | { readonly host: string; readonly port: number };

/** NBD's port at IANA, for this machine only. */
export const defaultAddress = { host: '127.0.0.1', port: 10809 } as const;

/** Reads `HOST`, `HOST:PORT` or `[IPV6]:PORT`: USAGE when it is none of them. */
export function parseHostPort(text: string): NbdAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits ?? defaultAddress.port);
  if (host === undefined || port > 65535 || (bracketed !== undefined && !isIPv6(bracketed))) {
    throw fail('USAGE', { problem: `${text} is not HOST:PORT (an IPv6 address stands in brackets)` });
  }
  return { host, port };
}

/** How messages name an address. */
export function addressText(address: NbdAddress): string {
  if ('path' in address) return address.path;
  return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** What clients connect to: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md. */
export function uriOf(address: NbdAddress, name: string, tls: boolean): string {
  const scheme = tls ? 'nbds' : 'nbd';
  const encoded = encodeURIComponent(name);
  if ('path' in address) return `${scheme}+unix:///${encoded}?socket=${encodeURIComponent(address.path)}`;
  return `${scheme}://${addressText(address)}/${encoded}`;
}
