/** Where drivers of the kernel show themselves: tests play one in a folder of their own. */
import { join } from 'node:path';

/** A path in /proc, /sys or /dev, in the folder that STRATA_DRIVER_ROOT names where it is set. */
export function placed(path: string): string {
  return join(process.env.STRATA_DRIVER_ROOT || '/', path);
}
