import type { Command } from 'commander';
import type { Ability, Diagnosis, LeftMount, LeftSnapshot, LockState, Remains } from '../../jobs/doctor.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { table } from '../table.ts';
import { formatSize, formatTime } from '../units.ts';

interface DoctorOptions {
  readonly fix?: true;
  readonly dryRun?: true;
}

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .summary('tell what this machine can do, and what is left to clear up')
    .description(
      'Tells what this machine can do, what is missing and how to get it, and which mounts, drives and exports a killed ' +
        'process left; with a repository also what killed runs left there, and how much no restore point refers to. The exit ' +
        'code is 3 if something that is required is missing.',
    )
    .option('--fix', 'remove what killed processes left, here and in the repository')
    .option('--dry-run', 'with --fix: say what would go, and remove nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata doctor
  $ strata doctor --repo /backup/strata --fix`,
    );
  perform<DoctorOptions, []>(command, async (session, options) => {
    const { doctorJob } = await import('../../jobs/doctor.ts');
    const repository = session.hasRepository ? session.access() : null;
    const diagnosis = await doctorJob({ repository, fix: options.fix === true && options.dryRun !== true });
    session.answer(diagnosis, () => describe(diagnosis));
    return diagnosis.able ? exitCodes.done : exitCodes.warnings;
  });
}

function describe({ machine, remains, lock, fixed, mounts, snapshots }: Diagnosis): string[] {
  const abilities = table<Ability>(
    [
      { title: 'this machine', of: ({ name }) => name },
      { title: '', of: ({ found, required }) => (found ? 'yes' : required ? 'MISSING' : 'no') },
      { title: '', of: ({ detail }) => detail },
      { title: '', of: ({ remedy }) => remedy },
    ],
    machine,
  );
  const left = [...mounts.map(describeLeft), ...snapshots.map(describeSnapshot)];
  return [
    ...abilities,
    ...(left.length > 0 ? ['', ...left] : []),
    ...(remains === null ? [] : ['', ...describeRemains(remains, fixed)]),
    ...(lock === null ? [] : [describeLock(lock)]),
  ];
}

function describeLeft({ id, kind, cleared, trouble, overlay, keepsOverlay }: LeftMount): string {
  const state = cleared ? 'cleared up' : (trouble ?? 'can be cleared up with --fix');
  const kept = keepsOverlay ? `; what was written to it is in ${overlay}` : '';
  return `${kind} ${id}, left by a killed process: ${state}${kept}`;
}

function describeSnapshot({ provider, machine, disk, places, kept, cleared }: LeftSnapshot): string {
  const what = `${provider} snapshot of ${machine}/${disk}, ${places.join(', ')}`;
  if (kept) return `${what}: kept for the next backup`;
  return `${what}, left by a killed process: ${cleared ? 'cleared up' : 'the next backup clears it, or --fix'}`;
}

function describeLock({ mode, days, points, unlocked, soonestEnd }: LockState): string {
  const first =
    soonestEnd === null || unlocked > 0 ? '' : `; the first lock of ${points} points ends ${formatTime(soonestEnd)}`;
  const open = unlocked === 0 ? '' : `; ${unlocked} of ${points} points are NOT LOCKED: strata gc locks them`;
  return `object lock: ${days} days, ${mode}${first}${open}`;
}

const runNames = { backup: 'backup', synthesis: 'synthesis', collection: 'collection', reading: 'reader' } as const;

function describeRemains({ deadRuns, unusedPacks }: Remains, fixed: boolean): string[] {
  const runs = deadRuns.map(({ run, purpose, machine, disk, since }) => {
    const disks = machine === null ? '' : ` of ${machine}/${disk}`;
    const start = since === null ? '' : `, begun ${formatTime(since)}`;
    return `killed ${purpose === null ? 'run' : runNames[purpose]} ${run}${disks}${start}: ${fixed ? 'cleared up' : 'its leftovers can be removed with --fix'}`;
  });
  const packs =
    unusedPacks === null
      ? 'packs without use: not known, as a restore point is damaged; strata verify --all names it'
      : `packs without use: ${unusedPacks.count}, ${formatSize(unusedPacks.bytes)}`;
  return [...(runs.length > 0 ? runs : ['no killed run left anything']), packs];
}
