/** All file systems and volumes whose maps can be read. */
import type { AllocationParser } from './allocation.ts';
import { extAllocation } from './ext/ext.ts';
import { lvmAllocation } from './lvm/lvm.ts';
import { swapAllocation } from './swap.ts';

export const parsers: readonly AllocationParser[] = [extAllocation, swapAllocation, lvmAllocation];
