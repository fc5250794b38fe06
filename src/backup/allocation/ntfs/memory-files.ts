/** Files in which Windows keeps memory: it makes them anew when they are not there, or are empty. */
import type { Extents } from '../allocation.ts';
import { demand } from '../distrust.ts';
import type { Volume } from '../volume.ts';
import { readGeometry } from './boot-sector.ts';
import { FileTable } from './file-table.ts';
import { attributeType } from './record.ts';
import { findInRoot } from './root-folder.ts';
import { extentsOfRuns } from './runs.ts';

export interface MemoryFile {
  readonly name: string;
  readonly extents: Extents;
}

const hibernation = 'hiberfil.sys';
const names = ['pagefile.sys', 'swapfile.sys', hibernation];
/** How the file begins while it holds a sleeping Windows, or one that is waking up. */
const asleep = ['hibr', 'wake', 'rstr'];
const headLength = 4096;

/** Those of a volume that its parser trusts: what can be left out of a backup of it. */
export async function readMemoryFiles(volume: Volume): Promise<MemoryFile[]> {
  const table = await FileTable.open(volume, await readGeometry(volume));
  const files: MemoryFile[] = [];
  for (const [name, record] of await findInRoot(table, names)) {
    const value = await table.value(record, attributeType.data);
    files.push({ name, extents: extentsOfRuns(value?.runs ?? [], table.geometry.clusterSize) });
  }
  return files;
}

/** Distrusts a volume on which Windows sleeps: what it knows of the volume is in its memory. */
export async function requireAwake(table: FileTable): Promise<void> {
  const record = (await findInRoot(table, [hibernation])).get(hibernation);
  if (record === undefined) return;
  const value = await table.value(record, attributeType.data);
  demand(value !== null && value.size >= headLength, 'it belongs to a Windows that sleeps');
  if (value.written === 0) return;
  const head = (await table.read(value, 0, 4)).toString('latin1').toLowerCase();
  demand(!asleep.includes(head), 'it belongs to a Windows that sleeps');
}
