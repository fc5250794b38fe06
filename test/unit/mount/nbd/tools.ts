/** The NBD clients of others, as their users run them. */
import { execFileSync } from 'node:child_process';

/** What is missing of them; empty when nothing is. */
export const noQemu = missing('qemu-img', 'package qemu-utils');
export const noQemuIo = missing('qemu-io', 'package qemu-utils');
export const noNbdinfo = missing('nbdinfo', 'package libnbd-bin');
export const noNbdcopy = missing('nbdcopy', 'package libnbd-bin');

const absent = [noQemu, noQemuIo, noNbdinfo, noNbdcopy].filter((tool) => tool !== '');
if (absent.length > 0) console.warn(`test/unit/mount/nbd: tests are skipped, there is no ${absent.join(', ')}`);

function missing(program: string, origin: string): string {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return '';
  } catch {
    return `${program} (${origin})`;
  }
}
