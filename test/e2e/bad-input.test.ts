/** Everything that can be asked wrongly: one clear line, what to do, the right exit code, and nothing written. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { readPoint } from '../../src/repository/points.ts';
import { sealRecord } from '../../src/repository/record.ts';
import { Repository } from '../../src/repository/repository.ts';
import { openBench, passphrase, treeDigest } from './strata.ts';

const bench = await openBench();
const work = bench.path('work');
const at = (name: string) => join(work, name);
const repo = at('repo');
const point = { id: '', twin: '' };
const known = { STRATA_PASSWORD: passphrase };

beforeAll(async () => {
  await mkdir(at('folder'), { recursive: true });
  await writeFile(at('folder/file'), 'not a repository');
  await writeFile(at('disk.img'), 'contents of a disk');
  await writeFile(at('other.img'), 'contents of another');
  await writeFile(at('empty.img'), '');
  await writeFile(at('empty.pass'), '\n');
  await bench.document(['init', '--repo', at('sealed')], { env: known });
  await bench.document(['init', '--repo', repo, '--no-encryption']);
  const events = await bench.events(['backup', at('disk.img'), '--repo', repo, '--machine', 'm', '--disk', 'd']);
  point.id = events.at(-1).point;
  point.twin = await addTwin(point.id);
  await mkdir(at('newer'));
  await writeFile(at('newer/strata.json'), (await readFile(join(repo, 'strata.json'), 'utf8')).replace(': 1,', ': 2,'));
  await mkdir(at('garbled'));
  await writeFile(at('garbled/strata.json'), '{"format": 1, ');
});

/** Adds a copy of a point with an id that begins the same, and gives it. */
async function addTwin(id: string): Promise<string> {
  const opened = await Repository.open(repo, async () => '');
  const twin = id.slice(0, -1) + (id.endsWith('0') ? '1' : '0');
  const { manifest } = await readPoint(opened, id);
  for (const column of ['loc', 'dig']) {
    await copyFile(join(repo, `maps/${id}.${column}`), join(repo, `maps/${twin}.${column}`));
  }
  const name = `points/${twin}`;
  await opened.store.put(name, sealRecord(opened.vault, name, { ...manifest, id: twin, disk: 'twin' }));
  await opened.close();
  return twin;
}

interface Case {
  readonly words: readonly string[] | (() => readonly string[]);
  readonly code: number;
  readonly message: string | RegExp;
  /** Repository on the line; the good one by default. */
  readonly repo?: string | null;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

const option = (words: string[], accepted: string): Case => ({
  words,
  code: 2,
  message: new RegExp(`option '.*${words.at(-2)}.*' argument '${words.at(-1)}' is invalid. ${accepted}`),
});

const cases: Readonly<Record<string, Case>> = {
  'a source that is missing': {
    words: ['backup', at('missing.img')],
    code: 1,
    message: `source ${at('missing.img')} does not exist`,
  },
  'a source that is empty': {
    words: ['backup', at('empty.img')],
    code: 1,
    message: `source ${at('empty.img')} is empty`,
  },
  'standard input that is empty': { words: ['backup', '-'], code: 1, message: 'source - is empty' },
  'a source that is a directory': {
    words: ['backup', at('folder')],
    code: 1,
    message: `source ${at('folder')} is a directory; Strata backs up disks and image files`,
  },
  'a source that is no disk': {
    words: ['backup', '/dev/null'],
    code: 1,
    message: 'source /dev/null is neither a block device, a file nor a pipe',
  },
  'a source in the repository': {
    words: ['backup', join(repo, 'strata.json')],
    code: 1,
    message: `source ${join(repo, 'strata.json')} lies inside the repository`,
  },
  'a source without a name': { words: ['backup', ''], code: 2, message: 'the source is empty' },
  'a machine that is no name': {
    words: ['backup', at('disk.img'), '--machine', '../up'],
    code: 2,
    message: /\.\.\/up/,
  },
  'a disk that is no name': { words: ['backup', at('disk.img'), '--disk', 'a/b'], code: 2, message: /a\/b/ },
  'a snapshot that nobody makes': {
    words: ['backup', at('disk.img'), '--snapshot', 'freeze'],
    code: 1,
    message: /no snapshot of .*disk.img can be made: freeze: it is no block device/,
  },
  'a snapshot provider that is not there': {
    words: ['backup', at('disk.img'), '--snapshot', 'vss'],
    code: 2,
    message:
      /there is no snapshot provider vss; there are reflink, btrfs, zfs, thin, lvm, iterate, dattobd, elastio-snap, dm-snapshot, freeze/,
  },
  'a policy for allocation maps that is none': {
    words: ['backup', at('disk.img'), '--allocation', 'some'],
    code: 2,
    message: /Allowed choices are auto, required, off/,
  },
  'allocation maps that are required and refused': {
    words: ['backup', at('disk.img'), '--allocation', 'required', '--no-allocation-map'],
    code: 2,
    message: /cannot be used with/,
  },
  'a tracker that is not there': {
    words: ['backup', at('disk.img'), '--tracker', 'usn'],
    code: 2,
    message: /there is no tracker usn; there are reflink, zfs, thin, dattobd, elastio-snap, dm-era, hints/,
  },

  'no repository named': { words: ['points'], repo: null, code: 2, message: /no repository was named; use --repo/ },
  'a repository that is missing': {
    words: ['points'],
    repo: at('missing'),
    code: 10,
    message: `no repository at ${at('missing')}: there is no strata.json`,
  },
  'a folder that is no repository': { words: ['points'], repo: at('folder'), code: 10, message: /^no repository at / },
  'a file that is no repository': { words: ['points'], repo: at('disk.img'), code: 10, message: /^no repository at / },
  'a repository elsewhere': {
    words: ['points'],
    repo: 's3://bucket/prefix',
    code: 1,
    message: 'no region is set for bucket bucket',
  },
  'a new repository elsewhere': {
    words: ['init'],
    repo: 'sftp://host/path',
    code: 1,
    message: 'a repository at sftp:// is not supported yet',
  },
  'a repository of a newer format': {
    words: ['backup', at('disk.img')],
    repo: at('newer'),
    code: 1,
    message: 'the repository has format 2, this Strata reads up to 1',
  },
  'a garbled repository': { words: ['points'], repo: at('garbled'), code: 13, message: /strata\.json is damaged/ },
  'a repository made twice': { words: ['init'], code: 1, message: `there is a repository at ${repo} already` },
  'a new repository among files': {
    words: ['init'],
    repo: at('folder'),
    env: known,
    code: 1,
    message: `${at('folder')} is not empty and not a repository`,
  },
  'a new repository in a file': {
    words: ['init'],
    repo: at('disk.img'),
    code: 1,
    message: `no repository can be made at ${at('disk.img')}: it is not a folder`,
  },

  'a wrong passphrase': {
    words: ['points'],
    repo: at('sealed'),
    env: { STRATA_PASSWORD: 'wrong' },
    code: 12,
    message: 'wrong passphrase: it opens none of the 1 keys of the repository',
  },
  'no passphrase': {
    words: ['points'],
    repo: at('sealed'),
    env: { STRATA_PASSWORD: '' },
    code: 12,
    message: 'the repository is encrypted and no passphrase was given',
  },
  'no passphrase for a new repository': {
    words: ['init'],
    repo: at('new'),
    env: { STRATA_PASSWORD: '' },
    code: 12,
    message: 'the repository is encrypted and no passphrase was given',
  },
  'an empty passphrase': {
    words: ['init', '--password-file', at('empty.pass')],
    repo: at('new'),
    code: 2,
    message: 'the passphrase is empty',
  },
  'a passphrase file that is missing': {
    words: ['points', '--password-file', at('missing.pass')],
    repo: at('sealed'),
    code: 2,
    message: `--password-file: cannot read ${at('missing.pass')}: no such file or directory`,
  },
  'no new passphrase': {
    words: ['key', 'add'],
    repo: at('sealed'),
    env: known,
    code: 2,
    message: /no new passphrase was given/,
  },
  'a key that is not there': {
    words: ['key', 'remove', 'abcd'],
    repo: at('sealed'),
    env: known,
    code: 1,
    message: 'the repository has no key abcd',
  },
  'a passphrase where there are none': {
    words: ['key', 'passwd'],
    code: 1,
    message: 'the repository is not encrypted and has no passphrases',
  },

  'an unknown point': { words: ['show', 'ffffffff'], code: 1, message: 'no restore point ffffffff' },
  'an ambiguous point': {
    words: () => ['show', point.id.slice(0, 20)],
    code: 1,
    message: /^[0-9a-f]{20} means several restore points: /,
  },
  'a prefix too short': { words: ['show', 'f'], code: 2, message: /f is too short for a point/ },
  'a point that is nothing': { words: ['show', 'newest'], code: 2, message: /newest is neither the id of a point nor/ },
  'a point at no time': { words: ['show', 'm/d@noon'], code: 2, message: /noon is no time/ },
  'a point before the first': {
    words: ['show', 'm/d@2001-01-01T00:00:00Z'],
    code: 1,
    message: 'no restore point m/d@2001-01-01T00:00:00Z',
  },
  'a point of an unknown disk': { words: ['show', 'm/e@latest'], code: 1, message: 'no restore point m/e@latest' },
  'an unknown point among others': {
    words: () => ['forget', point.id, 'ffffffff'],
    code: 1,
    message: 'no restore point ffffffff',
  },

  'a target that exists': {
    words: () => ['restore', point.id, '--to', at('other.img')],
    code: 1,
    message: `target ${at('other.img')} exists`,
  },
  'a target that is no file': {
    words: () => ['restore', point.id, '--to', at('folder'), '--force'],
    code: 1,
    message: `target ${at('folder')} is neither a file nor a block device`,
  },
  'a target in no folder': {
    words: () => ['restore', point.id, '--to', at('missing/x.img')],
    code: 1,
    message: `target ${at('missing')} does not exist`,
  },
  'a target in the repository': {
    words: () => ['restore', point.id, '--to', join(repo, 'x.img')],
    code: 1,
    message: `target ${join(repo, 'x.img')} lies inside the repository`,
  },
  'a delta to nothing': {
    words: () => ['restore', point.id, '--to', at('missing.img'), '--delta'],
    code: 1,
    message: `target ${at('missing.img')} does not exist`,
  },
  'no target': {
    words: () => ['restore', point.id],
    code: 2,
    message: "required option '--to <target>' not specified",
  },
  'a delta of an image': {
    words: () => ['restore', point.id, '--to', at('x.vhdx'), '--format', 'vhdx', '--delta'],
    code: 2,
    message: '--delta does not go with --format vhdx: only raw targets are compared',
  },
  'a partition as an image': {
    words: () => ['restore', point.id, '--to', at('x.vhdx'), '--format', 'vhdx', '--partition', '1'],
    code: 2,
    message: '--partition does not go with --format vhdx: it makes an image of a whole disk',
  },
  'an image that exists': {
    words: () => ['export', point.id, '--to', at('other.img'), '--format', 'vmdk'],
    code: 1,
    message: `target ${at('other.img')} exists`,
  },
  'an image that is no file': {
    words: () => ['export', point.id, '--to', at('folder'), '--format', 'qcow2', '--force'],
    code: 1,
    message: `target ${at('folder')} is neither a file nor a block device`,
  },
  'an image in the repository': {
    words: () => ['export', point.id, '--to', join(repo, 'x.qcow2'), '--format', 'qcow2'],
    code: 1,
    message: `target ${join(repo, 'x.qcow2')} lies inside the repository`,
  },
  'an image of no format': {
    words: () => ['export', point.id, '--to', at('x.img')],
    code: 2,
    message: "required option '--format <format>' not specified",
  },
  'an image on another host': {
    words: () => ['export', point.id, '--to', 'sftp://host/x', '--format', 'qcow2'],
    code: 1,
    message: 'writing to sftp:// is not supported yet',
  },
  'a name that a VMDK cannot say': {
    words: () => ['export', point.id, '--to', at('"x".vmdk'), '--format', 'vmdk'],
    code: 2,
    message: /^cannot write a VMDK to .*: a descriptor cannot name an extent with a quote/,
  },
  'a partition that is not there': {
    words: () => ['restore', point.id, '--to', at('x.img'), '--partition', '1'],
    code: 1,
    message: /has no partition 1; it has none/,
  },
  'a passphrase for a repository that says it is not encrypted': {
    words: ['backup', at('disk.img')],
    env: known,
    code: 1,
    message: `a passphrase was given, but repository ${repo} is not encrypted: nothing was stored there`,
  },

  'garbage as block size': option(['init', '--block-size', '100K'], 'It takes a power of two'),
  'garbage as type': option(['backup', 'x', '--type', 'yearly'], 'Allowed choices are manual'),
  'garbage as compression level': option(
    ['backup', 'x', '--compression', '20'],
    'It takes a whole number from 1 to 19',
  ),
  'garbage as rate limit': option(['backup', 'x', '--rate-limit', 'fast'], 'It takes a size'),
  'garbage as longest duration': option(['backup', 'x', '--max-duration', 'soon'], 'It takes a time such as'),
  'garbage as limit of the cache': option(['points', '--limit-cache', '5X'], 'It takes a size'),
  'garbage as tag': option(['backup', 'x', '--tag', ''], 'It takes a text that is not empty'),
  'garbage as machine': option(['backup', 'x', '--machine', ''], 'It takes a text that is not empty'),
  'garbage as limit': option(['points', '--limit', '-1'], 'It takes a whole number of 0 or more'),
  'garbage as sample': option(['verify', '--all', '--sample', '200'], 'It takes a percentage'),
  'garbage as format': option(['restore', 'x', '--to', 'y', '--format', 'iso'], 'Allowed choices are raw'),
  'garbage as partition': option(['restore', 'x', '--to', 'y', '--partition', '0'], 'It takes a whole number of 1'),
  'garbage as shell': {
    words: ['completion', 'tcsh'],
    code: 2,
    message: /'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish/,
  },
  'an unknown option': {
    words: ['points', '--machin', 'm'],
    code: 2,
    message: "unknown option '--machin' (Did you mean --machine?)",
  },
  'an unknown command': { words: ['bakup'], code: 2, message: "unknown command 'bakup' (Did you mean backup?)" },
  'a command that comes later': { words: ['copy'], code: 2, message: /^unknown command 'copy'/ },
  'a missing operand': { words: ['show'], code: 2, message: "missing required argument 'point'" },
  'an operand too many': { words: ['points', 'x'], code: 2, message: /^too many arguments for 'points'/ },
  'nothing to verify': { words: ['verify'], code: 2, message: 'verify takes points, or --all' },
  'too much to verify': { words: ['verify', 'ffff', '--all'], code: 2, message: 'verify takes points, or --all' },
  'nothing to forget': { words: ['forget'], code: 2, message: /^forget takes points, or rules such as --keep-last 7/ },
  'points and rules to forget by': {
    words: ['forget', 'ffff', '--keep-last', '1'],
    code: 2,
    message: /^forget takes points, or rules such as --keep-last 7/,
  },
  'a machine for points to forget': {
    words: ['forget', 'ffff', '--machine', 'm'],
    code: 2,
    message: '--machine, --disk and --time-zone go with rules (--keep-last …), not with points',
  },
  'a machine without points to forget': {
    words: ['forget', '--keep-last', '1', '--machine', 'x'],
    code: 1,
    message: 'no restore point of x/any disk',
  },
  'no point to protect': { words: ['protect'], code: 2, message: "missing required argument 'point'" },
  'an unknown point to unprotect': { words: ['unprotect', 'ffff'], code: 1, message: 'no restore point ffff' },
  'a time zone that is none': {
    words: ['forget', '--keep-daily', '1', '--time-zone', 'Berlin'],
    code: 2,
    message: 'Berlin is no time zone; write one such as Europe/Berlin or UTC',
  },
  'a machine whose time zone is none': {
    words: ['forget', '--keep-daily', '1'],
    env: { TZ: 'Nowhere/Land' },
    code: 2,
    message: 'the time zone of this machine is not known; name one',
  },
  'garbage as time to keep': {
    words: ['forget', '--keep-within', '30'],
    code: 2,
    message: 'keep-within takes a time such as 30d, 12h or 1y6m, not "30"',
  },
  'no number of days to keep': option(['forget', '--keep-daily', '0'], 'It takes a whole number of 1 or more'),
  'a negative number of points to keep': option(['forget', '--keep-last', '-1'], 'It takes a whole number of 1'),
  'an empty tag to keep': option(['forget', '--keep-tag', ''], 'It takes a text that is not empty'),
  'a mount point that is missing': {
    words: ['mount', at('missing')],
    code: 2,
    message: `cannot mount at ${at('missing')}: there is no such folder`,
  },
  'a mount point that is a file': {
    words: ['mount', at('disk.img')],
    code: 2,
    message: `cannot mount at ${at('disk.img')}: it is not a folder`,
  },
  'a mount point inside the repository': {
    words: ['mount', join(repo, 'packs')],
    code: 2,
    message: /: it and the repository lie within each other$/,
  },
  'a mount point around the repository': {
    words: ['mount', work],
    code: 2,
    message: /: it and the repository lie within each other$/,
  },
  'a mount of no repository': {
    words: ['mount', at('folder')],
    repo: at('folder'),
    code: 10,
    message: `no repository at ${at('folder')}: there is no strata.json`,
  },
  'a mount with a wrong passphrase': {
    words: ['mount', at('folder')],
    repo: at('sealed'),
    env: { STRATA_PASSWORD: 'guess' },
    code: 12,
    message: /passphrase/,
  },
  'garbage as cache size': option(['mount', 'x', '--cache-size', 'big'], 'It takes a size'),
  'garbage as driver': option(['mount', 'x', '--driver', 'magic'], 'Allowed choices are fuse'),
  'an unmount of nothing': {
    words: ['umount', at('folder')],
    code: 2,
    message: `nothing of Strata is mounted at ${at('folder')}`,
  },
  'a drive of an unknown point': { words: ['attach', 'ffffffff'], code: 1, message: /ffffffff/ },
  'an overlay without writes': {
    words: ['attach', 'ffff', '--overlay', 'x'],
    code: 2,
    message: '--overlay needs --writable',
  },
  'an overlay that is something else': {
    words: () => ['attach', point.id, '--writable', '--overlay', at('disk.img')],
    code: 2,
    message: `cannot use the overlay ${at('disk.img')}: it is not an overlay`,
  },
  'a drive that is not there': { words: ['detach', '0123abcd'], code: 1, message: 'no drive 0123abcd is attached' },
  'garbage as drive': { words: ['detach', '../x'], code: 1, message: 'no drive ../x is attached' },
  'garbage as address': {
    words: () => ['nbd', point.id, '--listen', 'nowhere:x'],
    code: 2,
    message: 'nowhere:x is not HOST:PORT (an IPv6 address stands in brackets)',
  },
  'two addresses': {
    words: ['nbd', 'ffff', '--listen', 'localhost', '--socket', 'x'],
    code: 2,
    message: '--socket and --listen exclude each other',
  },
  'half a certificate': {
    words: ['nbd', 'ffff', '--tls-key', 'x'],
    code: 2,
    message: 'TLS needs both --tls-certificate and --tls-key',
  },
};

test.for(Object.entries(cases))('%s', async ([, wrong]) => {
  const words = typeof wrong.words === 'function' ? wrong.words() : wrong.words;
  const place = wrong.repo === null ? [] : ['--repo', wrong.repo ?? repo];
  const before = await treeDigest(work);
  const { env = {}, input = '' } = wrong;
  const { code, stdout, stderr } = await bench.strata([...place, ...words], { env, input });
  const [first = '', ...hint] = stderr.split('\n');
  expect({ code, stdout }, stderr).toEqual({ code: wrong.code, stdout: '' });
  expect(first.slice(0, 8)).toBe('strata: ');
  if (typeof wrong.message === 'string') expect(first.slice(8)).toBe(wrong.message);
  else expect(first.slice(8)).toMatch(wrong.message);
  expect(hint).toEqual([expect.stringMatching(/^ {2}\S/), '']);
  expect(await treeDigest(work), 'something was written').toBe(before);
});

test('with --json the failure is the last line, too', async () => {
  for (const words of [
    ['show', 'ffffffff'],
    ['backup', at('missing.img')],
    ['points', '--limit', 'x'],
  ]) {
    const { code, stdout, stderr } = await bench.strata([...words, '--repo', repo, '--json']);
    const failure = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    expect(failure).toEqual({
      event: 'error',
      time: expect.stringMatching(/Z$/),
      code: expect.stringMatching(/^[A-Z_]+$/),
      message: expect.any(String),
      hint: expect.any(String),
      exitCode: code,
    });
    expect(stderr).toBe(`strata: ${failure.message}\n  ${failure.hint}\n`);
  }
});

test('--verbose tells where a failure came from, and only that does', async () => {
  const words = ['show', 'ffffffff', '--repo', repo];
  expect((await bench.strata(words)).stderr).not.toContain('    at ');
  expect((await bench.strata([...words, '-v'])).stderr).toContain('    at ');
});
