/** `./run bench`: every figure that the README claims. */
import { parseArgs } from 'node:util';
import { compareBlockSizes } from './block-size.ts';
import { type Comparison, compare } from './compare.ts';
import { contestants, steps } from './contestants.ts';
import { measureMounts } from './mount.ts';
import { measureReads } from './reads.ts';
import { circumstances, describe, markdownTable, median, saveResults } from './report.ts';
import { measureSparseDisk } from './sparse-disk.ts';
import { measureStorage } from './storage.ts';
import { judge, ratio } from './targets.ts';
import { measureUpkeep } from './upkeep.ts';

const usage = `usage: ./run bench [--size 4G] [--rounds 3]   beside dd, zstd, qemu-img, cp, restic and borg
       ./run bench blocksize [--size 4G]        every block size; writes docs/block-size.md
       ./run bench sparse16t                    a sparse disk of 16 TiB
       ./run bench mount [--size 4G] [--rounds 3]   reading a point by mount and NBD, beside zstd, restic, borg and qemu-nbd
       ./run bench reads [--size 4G] [--rounds 3]   trackers, allocation maps, stale free space beside partclone
       ./run bench storage [--size 4G] [--rounds 3] a bucket of a Ceph on this machine, beside a folder and rclone
       ./run bench upkeep [--size 1G]           merging, copying and collecting, beside cp and qemu-img
Works in TMPDIR (/tmp), which needs three times the size; keeps the figures in bench/results/.`;

function refuse(reason: string): never {
  console.error(`bench: ${reason}\n${usage}`);
  process.exit(2);
}

function parseSize(text: string): number {
  const match = /^(\d+)([MG])$/.exec(text);
  if (!match) refuse(`not a size: ${text}`);
  return Number(match[1]) * (match[2] === 'G' ? 2 ** 30 : 2 ** 20);
}

function parseRounds(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) refuse(`not a number of rounds: ${text}`);
  return Number(text);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { size: { type: 'string' }, rounds: { type: 'string', default: '3' } },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function comparisonTable(comparison: Comparison): string {
  const rows = steps.flatMap((step) =>
    contestants.flatMap(({ name, storage }) => {
      const found = comparison.measurements.filter((each) => each.step === step && each.contestant === name);
      if (found.length === 0) return [];
      const middle = (figure: 'wall' | 'cpu' | 'peak' | 'stored'): number => median(found.map((each) => each[figure]));
      const stores = storage !== undefined && step !== 'restore' && step !== 'verify';
      return [
        [
          `${step}: ${name}`,
          middle('wall').toFixed(2),
          name === 'strata' ? '' : (1 / ratio(comparison, step, name, 'wall')).toFixed(2),
          middle('cpu').toFixed(2),
          (middle('peak') / 2 ** 20).toFixed(0),
          stores ? (middle('stored') / 2 ** 20).toFixed(1) : '',
        ],
      ];
    }),
  );
  return markdownTable(['step', 'wall, s', 'times Strata', 'CPU, s', 'peak, MiB', 'stored, MiB'], rows);
}

const { positionals, values } = readArguments();
const sizeText = values.size ?? (positionals[0] === 'upkeep' ? '1G' : '4G');
const size = parseSize(sizeText);
const rounds = parseRounds(values.rounds);
if (positionals.length > 1) refuse('one measurement at a time');
switch (positionals[0]) {
  case undefined: {
    const comparison = compare(size, rounds);
    const context = circumstances();
    const verdicts = judge(comparison);
    saveResults('compare', context, { ...comparison, verdicts });
    const mebibytes = (comparison.usedBytes / 2 ** 20).toFixed(0);
    console.log(
      `${describe(context)} Image of ${sizeText} with ${mebibytes} MiB in use; medians of ${rounds} rounds.\n`,
    );
    console.log(`${comparisonTable(comparison)}\n`);
    for (const { target, limit, value, reached } of verdicts) {
      console.log(`${reached ? 'reached' : 'MISSED '}  ${target} ${limit}: ${value.toFixed(2)}`);
    }
    break;
  }
  case 'blocksize':
    compareBlockSizes(size);
    break;
  case 'sparse16t':
    measureSparseDisk();
    break;
  case 'mount':
    await measureMounts(size, rounds);
    break;
  case 'reads':
    measureReads(size, rounds);
    break;
  case 'storage':
    await measureStorage(size, rounds);
    break;
  case 'upkeep':
    measureUpkeep(size);
    break;
  default:
    refuse(`unknown measurement: ${positionals[0]}`);
}
