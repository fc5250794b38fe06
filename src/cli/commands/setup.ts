import type { Command } from 'commander';
import { perform } from '../action.ts';
import { exitCodes } from '../exit-codes.ts';
import { collect, text, wholeNumber } from '../option-values.ts';
import { addRetentionOptions } from '../retention-options.ts';
import type { SetupOptions } from '../setup/options.ts';

export function addSetup(program: Command): void {
  const command = program
    .command('setup')
    .summary('a guided first configuration: repository, disks, schedule, retention')
    .description(
      'Asks where backups go, of which disks, when, and how long they stay; tries the place, shows everything that it ' +
        'will write, and then makes the repository, saves the jobs and has systemd start them. It can be run again: what ' +
        'is there is used. Each question is an option, too, and is not asked then; with --yes none is.',
    )
    .option('--no-encryption', 'a new repository: readable for everybody who gets at it')
    .option('--source <path>', 'back up this disk, partition or image file; may be given several times', collect)
    .option('--machine <name>', "name of this machine in the repository (default: this host's name)", text)
    .option('--every <interval>', 'back up so often: 90m, 6h, 1d', text)
    .option('--calendar <cron>', 'back up at these times (default: "30 1 * * *", every night)', text)
    .option('--by-hand', 'save the jobs without a schedule');
  addRetentionOptions(command)
    .option('--keep-all', 'forget nothing (default: 14 daily, 8 weekly, 12 monthly)')
    .option('--max-chain <n>', 'consolidation: merge chains of more than n points (default: 30)', wholeNumber(1))
    .option('--consolidate <cron>', 'when chains are merged and space is freed (default: "0 5 * * 0")', text)
    .option('--no-consolidate', 'save no consolidation job')
    .option('--install', 'have systemd start the jobs (default: where it runs)')
    .option('--no-install', 'save the jobs only')
    .option('--user', "install for the user's own systemd (default: unless root)")
    .option('--unit-dir <folder>', 'write the units there, and tell no systemd', text)
    .option(
      '--save-keys',
      'add the key of the bucket to ~/.aws/credentials (default: if it is only in the environment)',
    )
    .option('--no-save-keys', 'leave the key where it is')
    .option('--recovery-sheet <file>', 'write a sheet that says where the backups are, without the passphrase', text)
    .option('--no-recovery-sheet', 'write none')
    .option('--replace', 'put the new jobs in place of others of their names')
    .option('-y, --yes', 'ask nothing: what no option answers is as it is by default')
    .option('--dry-run', 'show what would be written, and write nothing')
    .addHelpText(
      'after',
      `
A file of --password-file that is not there yet is written, with the passphrase that you type or that STRATA_PASSWORD
holds; by default it lies beside the folder of the jobs. Nobody can recover a passphrase: keep it somewhere else, too.
A bucket with object lock is made a repository by strata init --lock-days; setup uses it then.

Examples:
  $ strata setup
  $ strata setup --yes --repo /srv/backups --password-file /root/.strata-password --source /dev/sda
  $ strata setup --yes --repo s3://company-backups/web1 --password-file /root/pass --source /dev/vda --every 6h`,
    );
  perform<SetupOptions, []>(command, async (session) => {
    const { setup } = await import('../setup/setup.ts');
    await setup(session, command.optsWithGlobals<SetupOptions>());
    return exitCodes.done;
  });
}
