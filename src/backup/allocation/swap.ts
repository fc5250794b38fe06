/** Swap: nothing in it outlives the machine's running, only its header is kept. One that hibernates is not marked so. */
import type { AllocationParser, Extents } from './allocation.ts';
import { demand, unlessDistrusted } from './distrust.ts';
import { extentsOf } from './extents.ts';
import { Fields } from './fields.ts';

const page = 4096;
const magic = 'SWAPSPACE2';

export const swapAllocation: AllocationParser = async ({ size, read }) => {
  if (size < 2 * page) return null;
  const header = new Fields(await read(0, page), 'little', 'header');
  if (header.text(page - magic.length, magic.length) !== magic) return null;
  return unlessDistrusted('swap', async (): Promise<Extents> => {
    const [version, lastPage] = [header.u32(1024), header.u32(1028)];
    const end = (lastPage + 1) * page;
    demand(version === 1 && lastPage > 0 && end <= size, 'its header is damaged');
    return extentsOf([
      [0, page],
      [end, size - end],
    ]);
  });
};
