/**
 * Whether $LogFile is clean: ntfs-3g's rule. One of its two restart pages is the newest; it must say that the volume was
 * dismounted, or that nobody was using the log. ntfs-3g and mkntfs leave a log without any page.
 *
 * A log that is not clean holds changes of $Bitmap and of file records that are not on the volume yet, or only some of
 * them: then clusters can be in use that $Bitmap has as free. Windows from 8 on keeps the log as version 2 while a volume is
 * in use, or when it only slept through its last shut-down; it goes back to version 1 when it dismounts.
 */
import { demand } from '../distrust.ts';
import { Fields } from '../fields.ts';
import { type FileTable, recordOf, type Value } from './file-table.ts';
import { attributeType, undoFixups } from './record.ts';

const pageMagic = 'RSTR';
const checkedMagic = 'CHKD';
const empty = '\xff\xff\xff\xff';
const volumeIsClean = 0x2;
const nobody = 0xffff;
const knownVersion = 1;

export async function requireCleanLog(table: FileTable): Promise<void> {
  const log = await table.value(await table.record(recordOf.log), attributeType.data);
  demand(log !== null && log.size >= 8192, 'its log is missing');
  const pages = await restartPages(table, log);
  if (pages.length === 0) return;
  const newest = pages.reduce((a, b) => (b.lsn > a.lsn ? b : a));
  demand(
    newest.version === knownVersion,
    'its log is kept open: it is mounted, or Windows only sleeps (fast start-up)',
  );
  demand(newest.clean, 'its log is not clean: it is mounted, or was not dismounted');
}

interface RestartPage {
  readonly lsn: bigint;
  readonly version: number;
  readonly clean: boolean;
}

/** The pages that are there; none of an empty log. The second one follows the first, which tells how long it is. */
async function restartPages(table: FileTable, log: Value): Promise<RestartPage[]> {
  const pages: RestartPage[] = [];
  let isEmpty = true;
  for (let at = 0; at + 512 <= log.size && pages.length < 2; at = at === 0 ? 512 : at * 2) {
    const magic = (await table.read(log, at, 4)).toString('latin1');
    if (magic !== empty) isEmpty = false;
    if (magic === pageMagic || magic === checkedMagic) pages.push(await readPage(table, log, at, magic));
  }
  demand(isEmpty || pages.length > 0, 'its log is damaged');
  return pages;
}

async function readPage(table: FileTable, log: Value, at: number, magic: string): Promise<RestartPage> {
  const what = 'a restart page of its log';
  const length = (await table.read(log, at, 24)).readUInt32LE(16);
  demand(length >= 512 && length <= 65536 && at + length <= log.size, `${what} has ${length} bytes`);
  const page = new Fields(undoFixups(await table.read(log, at, length), magic, what), 'little', what);
  const area = page.u16(24);
  const clean = (page.u16(area + 14) & volumeIsClean) !== 0 || page.u16(area + 12) === nobody;
  return { lsn: page.big(area), version: page.u16(28), clean };
}
