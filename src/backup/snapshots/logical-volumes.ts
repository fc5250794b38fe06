/** Logical volumes, as the tools of LVM2 tell of them, and the snapshots that they make. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { fail, reasonOf } from '../../errors.ts';
import { deviceNumber } from '../../repository/devices.ts';
import { runCommand } from '../command.ts';
import type { Source } from '../source.ts';

export interface LogicalVolume {
  readonly group: string;
  readonly name: string;
  readonly uuid: string;
  /** Bytes. */
  readonly size: number;
  /** A thin one, one that was written over into a snapshot's room, or any other. */
  readonly kind: 'thin' | 'snapshot' | 'plain';
  readonly tags: readonly string[];
  /** Of a thin one: its number in the metadata of the pool, and the pool; null of others. */
  readonly thin: { readonly id: number; readonly pool: string; readonly poolUuid: string } | null;
}

/** All snapshots that Strata makes have it. */
const tag = 'strata';
const limit = 120_000;
const columns = [
  'vg_name',
  'lv_name',
  'lv_uuid',
  'lv_size',
  'lv_attr',
  'lv_tags',
  'thin_id',
  'pool_lv',
  'pool_lv_uuid',
];

const wholeNumber = z.string().regex(/^\d+$/).transform(Number).pipe(z.int());

const reportSchema = z.object({
  report: z.tuple([
    z.object({
      lv: z.array(
        z.object({
          vg_name: z.string().min(1),
          lv_name: z.string().min(1),
          lv_uuid: z.string().min(1),
          lv_size: wholeNumber,
          lv_attr: z.string().min(10),
          lv_tags: z.string(),
          thin_id: z.union([z.literal(''), wholeNumber]),
          pool_lv: z.string(),
          pool_lv_uuid: z.string(),
        }),
      ),
    }),
  ]),
});

/** Those of sources: asked once, for the tools look at all disks each time. */
const behind = new WeakMap<Source, Promise<LogicalVolume | null>>();

/** The logical volume that a source is; null when it is none. Fails when the tools cannot tell. */
export function volumeBehind(source: Source): Promise<LogicalVolume | null> {
  const known = behind.get(source) ?? find(source.path);
  behind.set(source, known);
  return known;
}

async function find(device: string): Promise<LogicalVolume | null> {
  const number = await deviceNumber(device);
  const uuid = await readFile(`/sys/dev/block/${number}/dm/uuid`, 'utf8').catch(() => '');
  const own = volumeUuid(uuid.trim());
  if (own === null) return null;
  const volume = await findOne(`lv_uuid=${own}`);
  if (volume === null) throw fail('IO', { what: `cannot look at ${device}`, reason: 'lvs does not list it' });
  return volume;
}

/** The volume of that name; null when there is none. */
export async function volumeNamed(group: string, name: string): Promise<LogicalVolume | null> {
  return findOne(`vg_name=${group} && lv_name=${name}`);
}

/** The UUID of a logical volume as LVM2 writes it, out of its device's; null when that is of something else. */
export function volumeUuid(deviceUuid: string): string | null {
  const [, own = ''] = /^LVM-[0-9A-Za-z]{32}([0-9A-Za-z]{32})$/.exec(deviceUuid) ?? [];
  return own === '' ? null : own.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
}

/** The path of its device. */
export function pathOf({ group, name }: Pick<LogicalVolume, 'group' | 'name'>): string {
  return `/dev/${group}/${name}`;
}

/** Makes a read-only snapshot of a volume. */
export async function makeSnapshot(origin: LogicalVolume, name: string, words: readonly string[]): Promise<void> {
  const always = ['--snapshot', '--permission', 'r', '--addtag', tag, '--yes', '--name', name];
  await act('lvcreate', [...always, ...words, `${origin.group}/${origin.name}`]);
}

/** Lets go of its device; the volume stays. */
export async function deactivate(volume: Pick<LogicalVolume, 'group' | 'name'>): Promise<void> {
  await act('lvchange', ['--activate', 'n', '--yes', `${volume.group}/${volume.name}`]);
}

/** Removes a snapshot that was made for `id`, if it is there; never a volume that somebody else gave such a name. */
export async function removeSnapshot(place: string, id: string): Promise<void> {
  const [group = '', name = ''] = place.split('/');
  if (name !== `strata-${id}`) return;
  await act('lvremove', ['--yes', '--select', `vg_name=${group} && lv_name=${name} && lv_tags={${tag}}`]);
}

/** What `lvs` says: fails unless it is what that prints. */
export function parseVolumes(output: string): LogicalVolume[] {
  const { report } = reportSchema.parse(JSON.parse(output));
  return report[0].lv.map((found) => {
    const [type = ''] = found.lv_attr;
    const { thin_id: id, pool_lv: pool, pool_lv_uuid: poolUuid } = found;
    return {
      group: found.vg_name,
      name: found.lv_name,
      uuid: found.lv_uuid,
      size: found.lv_size,
      kind: id !== '' ? 'thin' : 'sS'.includes(type) ? 'snapshot' : 'plain',
      tags: found.lv_tags.split(',').filter((text) => text !== ''),
      thin: id === '' ? null : { id, pool, poolUuid },
    };
  });
}

async function findOne(selection: string): Promise<LogicalVolume | null> {
  const form = ['--reportformat', 'json', '--units', 'b', '--nosuffix', '--options', columns.join(',')];
  const output = await act('lvs', [...form, '--select', selection]);
  try {
    return parseVolumes(output)[0] ?? null;
  } catch (error) {
    throw fail('IO', { what: 'cannot read what lvs says', reason: reasonOf(error) });
  }
}

async function act(program: string, words: readonly string[]): Promise<string> {
  // It complains of files that it was handed, which are none of its business.
  const { code, stdout, trouble } = await runCommand(program, words, { limit, env: { LVM_SUPPRESS_FD_WARNINGS: '1' } });
  if (code === 0) return stdout;
  const missing = code === null && trouble.includes('ENOENT');
  const reason = missing ? `the command ${program} is missing (apt-get install lvm2)` : trouble;
  throw fail('IO', { what: `${program} failed`, reason });
}
