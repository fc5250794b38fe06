import { Argument, type Command } from 'commander';
import { perform } from '../action.ts';
import { type Candidate, complete } from '../completion/complete.ts';
import { completionScript, type Shell, shells } from '../completion/scripts.ts';
import { exitCodes } from '../exit-codes.ts';
import { printResult } from '../output.ts';
import { isPassphraseGiven, openingPassphrase } from '../passphrase.ts';
import { storageOf } from '../storage-options.ts';
import { formatTime } from '../units.ts';

export function addCompletion(program: Command): void {
  const command = program
    .command('completion')
    .summary('print a completion script for a shell')
    .description('Prints a script that makes the shell complete commands, options, files and restore points.')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  $ source <(strata completion bash)          in ~/.bashrc
  $ source <(strata completion zsh)           in ~/.zshrc, after compinit
  $ strata completion fish | source           in ~/.config/fish/config.fish`,
    );
  perform<object, [Shell]>(command, async (_session, _options, shell) => {
    printResult(completionScript[shell].trimEnd().split('\n'));
    return exitCodes.done;
  });

  const answer = program.command('__complete', { hidden: true }).argument('[words...]');
  perform<object, [string[]]>(answer, async (_session, _options, words) => {
    const { candidates, files } = await complete(program, words, pointsOf);
    printResult(candidates.map(({ value, description }) => (description ? `${value}\t${description}` : value)));
    if (files) printResult([':files']);
    return exitCodes.done;
  });
}

async function pointsOf(repo: string | undefined): Promise<Candidate[]> {
  const location = repo ?? process.env.STRATA_REPO;
  if (!location) return [];
  const { pointsJob } = await import('../../jobs/points.ts');
  const { points } = await pointsJob(
    {
      location,
      storage: storageOf({}),
      passphrase: () => openingPassphrase(undefined),
      passphraseGiven: isPassphraseGiven(undefined),
    },
    {},
  );
  return points.map((point) => ({
    value: point.id,
    description: `${point.machine}/${point.disk} ${formatTime(point.time)} ${point.kind}`,
  }));
}
