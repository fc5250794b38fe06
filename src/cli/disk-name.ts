/** How a disk is named on the command line. */
import { fail } from '../errors.ts';

/** `web1/sda` as its two names; USAGE for anything else. */
export function diskOf(name: string): { readonly machine: string; readonly disk: string } {
  const [, machine, disk] = /^([^/]+)\/([^/]+)$/.exec(name) ?? [];
  if (machine === undefined || disk === undefined) {
    throw fail('USAGE', { problem: `${name} is no disk; write MACHINE/DISK, as strata points shows it` });
  }
  return { machine, disk };
}
