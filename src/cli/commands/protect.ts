import type { Command } from 'commander';
import type { ProtectResult } from '../../jobs/protect.ts';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatTime } from '../units.ts';

interface ProtectOptions {
  readonly dryRun?: true;
}

export function addProtect(program: Command): void {
  const command = program
    .command('protect')
    .summary('keep a restore point from being forgotten')
    .description(
      'Protects a restore point: it is not forgotten, neither by name nor by rules, until it is unprotected.',
    );
  addWork(command, true);
}

export function addUnprotect(program: Command): void {
  const command = program
    .command('unprotect')
    .summary('let a restore point be forgotten again')
    .description('Takes the protection of a restore point back. That forgets nothing.');
  addWork(command, false);
}

function addWork(command: Command, wanted: boolean): void {
  command
    .argument('<point>', 'the point')
    .option('--dry-run', 'say what would change, and change nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata ${command.name()} 5f0c
  $ strata ${command.name()} web1/sda@2026-11-20`,
    );
  perform<ProtectOptions, [string]>(command, async (session, options, spec) => {
    const { protectJob } = await import('../../jobs/protect.ts');
    const result = await protectJob(session.access(), spec, wanted, { dryRun: options.dryRun === true });
    session.answer(result, () => [describe(result)]);
    return exitCodes.done;
  });
}

function describe({ dryRun, point, machine, disk, time, changed, ...result }: ProtectResult): string {
  const state = result.protected ? 'protected' : 'unprotected';
  const verb = changed ? (dryRun ? 'would be' : 'is now') : 'is already';
  return `point ${point} (${machine}/${disk} ${formatTime(time)}) ${verb} ${state}`;
}
