/** The formats in which a restore point can be had, by name. */
import type { Format } from './format.ts';
import { qcow2 } from './qcow2.ts';
import { raw } from './raw.ts';
import { vhd } from './vhd.ts';
import { vhdx } from './vhdx.ts';
import { vmdk } from './vmdk.ts';

export type FormatName = 'raw' | 'vhd' | 'vhdx' | 'vmdk' | 'qcow2';

export const formats: Readonly<Record<FormatName, Format>> = { raw, vhd, vhdx, vmdk, qcow2 };
