import { findHolders, type Holder } from '../mount/holders.ts';
import { fileSystemsOf, loopsOf } from '../mount/records/record.ts';
import { Records } from '../mount/records/records.ts';
import { mountPoint } from './umount.ts';

export type { Holder } from '../mount/holders.ts';

/** Who uses a mount or a drive; nobody when there is none of this id. */
export async function holdersJob(id: string): Promise<Holder[]> {
  const record = await new Records().read(id);
  if (record === null) return [];
  const own = mountPoint(record);
  return findHolders({
    folders: [...(own === null ? [] : [own]), ...fileSystemsOf(record).map(({ at }) => at)],
    devices: loopsOf(record).map(({ device }) => device),
  });
}
