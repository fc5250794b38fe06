/** The formats in which a restore point can be had, by name. */
import type { Format } from './format.ts';
import { qcow2 } from './qcow2.ts';
import { raw } from './raw.ts';
import { vhd } from './vhd.ts';
import { vhdx } from './vhdx.ts';
import { vmdk } from './vmdk.ts';

export const formats = { raw, vhd, vhdx, vmdk, qcow2 } as const satisfies Record<string, Format>;

export type FormatName = keyof typeof formats;
