/** All file systems and volumes whose maps can be read. */
import type { AllocationParser } from './allocation.ts';
import { btrfsAllocation } from './btrfs/btrfs.ts';
import { exfatAllocation } from './exfat.ts';
import { extAllocation } from './ext/ext.ts';
import { fatAllocation } from './fat.ts';
import { lvmAllocation } from './lvm/lvm.ts';
import { ntfsAllocation } from './ntfs/ntfs.ts';
import { swapAllocation } from './swap.ts';
import { xfsAllocation } from './xfs/xfs.ts';

export const parsers: readonly AllocationParser[] = [
  extAllocation,
  xfsAllocation,
  btrfsAllocation,
  ntfsAllocation,
  fatAllocation,
  exfatAllocation,
  swapAllocation,
  lvmAllocation,
];
