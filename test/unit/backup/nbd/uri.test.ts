import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isNbdUri, nameOfExport, parseNbdUri } from '../../../../src/backup/nbd/uri.ts';
import { defaultDiskName } from '../../../../src/backup/source.ts';
import { jobOf } from '../../../../src/jobs/schedule/add.ts';
import { usualSettings } from '../../../../src/repository/stores/settings.ts';

describe('an NBD address', () => {
  it.each([
    ['nbd://web1/vda', { host: 'web1', port: 10809, name: 'vda', socket: null, tls: false }, 'nbd://web1/vda'],
    ['nbd://web1:10810', { host: 'web1', port: 10810, name: '' }, 'nbd://web1:10810/'],
    ['NBD://[::1]:1/a', { host: '::1', port: 1, name: 'a' }, 'nbd://[::1]:1/a'],
    ['nbd://h//a', { name: '/a' }, 'nbd://h//a'],
    ['nbd://h/../a/./b', { name: '../a/./b' }, 'nbd://h/../a/./b'],
    ['nbd://h/a%20b%0A%25%C3%A4', { name: 'a b\n%ä' }, 'nbd://h/a%20b%0A%25%C3%A4'],
    ['nbd+unix:///vda?socket=/run/x', { socket: '/run/x', host: '', name: 'vda' }, 'nbd+unix:///vda?socket=/run/x'],
    ['nbd+unix://?socket=x%20y', { socket: join(process.cwd(), 'x y'), name: '' }, null],
    ['nbds://h/a', { tls: true, certificates: null }, 'nbds://h/a'],
    [
      'nbds://h/a?tls-certificates=/etc/pki',
      { tls: true, certificates: '/etc/pki' },
      'nbds://h/a?tls-certificates=/etc/pki',
    ],
  ])('%s', (text, parts, path) => {
    const uri = parseNbdUri(text);
    expect(uri).toMatchObject(parts);
    if (path !== null) expect(uri.path).toBe(path);
    expect(parseNbdUri(uri.path)).toEqual(uri);
  });

  it.each([
    ['nbd://', 'names a host'],
    ['nbd:///vda', 'names a host'],
    ['nbd://h:0/a', 'no port 0'],
    ['nbd://h:65536/a', 'no port 65536'],
    ['nbd://h:x/a', 'names a host'],
    ['nbd://::1/a', 'names a host'],
    ['nbd://[h]/a', 'no IPv6'],
    ['nbd://a%2Fb/', 'names a host'],
    ['nbd://h/a#b', 'nothing after #'],
    ['nbd://h/a b', 'no spaces'],
    ['nbd://h/a\nb', 'no spaces'],
    ['nbd://h/a\x1b[31m', 'no spaces'],
    ['nbd://h/%ff', 'UTF-8'],
    ['nbd://h/%0', 'UTF-8'],
    ['nbd://h/%00', 'UTF-8'],
    [`nbd://h/${'a'.repeat(4097)}`, 'too long'],
    ['nbd+unix:///vda', 'needs ?socket'],
    ['nbd+unix://h/vda?socket=/x', 'no host'],
    ['nbd+unix:///vda?socket=', 'not empty'],
    ['nbd+unix:///vda?socket=/x&socket=/y', 'once'],
    ['nbd://h/a?socket=/x', 'needs ?socket'],
    ['nbd://h/a?tls-certificates=/x', 'goes with nbds'],
    ['nbd+ssh://h/a', 'nbd://, nbds:// or nbd+unix://'],
    ['nbds+unix:///a?socket=/x', 'nbd://, nbds:// or nbd+unix://'],
    ['nbds://h/a?tls-verify-peer=false', 'only socket and tls-certificates'],
  ])('%j is refused', (text, problem) => {
    expect(isNbdUri(text)).toBe(true);
    expect(() => parseNbdUri(text)).toThrow(problem);
    expect(() => parseNbdUri(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it.each(['nbd://joe:hunter2@h/a', 'nbds://hunter2@h/a#', 'nbd://h/a?tls-psk-file=hunter2'])(
    'shows no secret that it should not hold: %s',
    (text) => {
      expect(() => parseNbdUri(text)).toThrow(expect.not.stringContaining('hunter2'));
    },
  );

  it.each(['disk.img', '/dev/nbd0', 'nbd', 'nbd:localhost:10809', './nbd://x', 's3://b/k'])('%s is none', (text) => {
    expect(isNbdUri(text)).toBe(false);
  });

  it('means the same from every folder, in a saved job', () => {
    const settings = { kind: 'backup', source: 'nbd+unix:///vda?socket=x', keep: null, tracker: 'nbd-bitmap' } as const;
    const request = { name: 'j', location: '/repo', storage: usualSettings, passwordFile: undefined, settings };
    const job = jobOf({ ...request, every: undefined, calendar: undefined, timeZone: undefined });
    expect(job.settings).toMatchObject({ source: `nbd+unix:///vda?socket=${process.cwd()}/x`, disk: 'vda' });
  });

  it.each([
    ['nbd://web1/vda', 'vda'],
    ['nbd://web1/pool/vol1', 'vol1'],
    ['nbd://web1', 'web1'],
    ['nbd+unix:///?socket=/run/web1.nbd', 'web1.nbd'],
  ])('the disk of %s is called %s', (text, name) => {
    expect(nameOfExport(parseNbdUri(text))).toBe(name);
    expect(defaultDiskName(text)).toBe(name);
  });
});
