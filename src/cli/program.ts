/** The command tree. Commands load what they need when they run, so that building the tree is cheap. */
import { Command } from 'commander';
import description from '../../package.json' with { type: 'json' };
import { addAttach } from './commands/attach.ts';
import { addBackup } from './commands/backup.ts';
import { addCompletion } from './commands/completion.ts';
import { addConsolidate } from './commands/consolidate.ts';
import { addDetach } from './commands/detach.ts';
import { addDiff } from './commands/diff.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExport } from './commands/export.ts';
import { addForget } from './commands/forget.ts';
import { addGc } from './commands/gc.ts';
import { addInit } from './commands/init.ts';
import { addJob } from './commands/job.ts';
import { addKey } from './commands/key.ts';
import { addMount } from './commands/mount.ts';
import { addMounts } from './commands/mounts.ts';
import { addNbd } from './commands/nbd.ts';
import { addPoints } from './commands/points.ts';
import { addProtect, addUnprotect } from './commands/protect.ts';
import { addRepair } from './commands/repair.ts';
import { addRestore } from './commands/restore.ts';
import { addRuns } from './commands/runs.ts';
import { addServeDrive } from './commands/serve-drive.ts';
import { addSetup } from './commands/setup.ts';
import { addShow } from './commands/show.ts';
import { addSynthesize } from './commands/synthesize.ts';
import { addTui } from './commands/tui.ts';
import { addUmount } from './commands/umount.ts';
import { addUndelete } from './commands/undelete.ts';
import { addVerify } from './commands/verify.ts';
import { text } from './option-values.ts';
import { storageOptions } from './storage-options.ts';

const summary = `Backs up whole disks and volumes as restore points, and gives them back bit for bit.

POINT is an id, a unique beginning of one, MACHINE/DISK@latest, or MACHINE/DISK@TIME (the newest not after TIME).
Sizes take K, M, G or T (binary). Results go to standard output, progress and messages to standard error.`;

const notes = `
Environment:
  STRATA_REPO             the repository, when --repo is not given
  STRATA_PASSWORD         its passphrase; or STRATA_PASSWORD_FILE, a file with it
  STRATA_S3_ENDPOINT      the server of an s3:// repository, when it is not AWS; STRATA_S3_PATH_STYLE=1 and
                          STRATA_S3_PLAIN_HTTP=1 stand for the options of these names
  STRATA_LIMIT_CACHE      what copies of it may take in $XDG_CACHE_HOME/strata/storage, where they can be deleted at
                          any time, when --limit-cache is not given
  AWS_ACCESS_KEY_ID, …    its keys and region, as the AWS tools read them; ~/.aws and AWS_PROFILE, too
  NO_COLOR                no colours

Exit codes:
  0 done  1 failed  2 wrong usage  3 done with warnings  10 no repository there  11 locked
  12 wrong passphrase  13 damaged data found  130 interrupted`;

export function buildProgram(): Command {
  const program = new Command('strata')
    .description(summary)
    .version(description.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .option('--repo <path>', 'the repository: a folder, or s3://BUCKET/PREFIX', text)
    .option('--password-file <file>', 'file with the passphrase', text)
    .option('--json', 'print JSON: a document, or for long actions a line for each event')
    .option('-q, --quiet', 'no progress')
    .option('-v, --verbose', 'log what is done to standard error, and where a failure came from')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => {} }) // run.ts says it
    .exitOverride()
    .addHelpText('after', notes);
  for (const option of storageOptions()) program.addOption(option);
  for (const add of [addSetup, addInit, addBackup, addPoints, addShow, addRestore, addExport]) add(program);
  for (const add of [addVerify, addRepair, addDiff, addForget, addProtect, addUnprotect]) add(program);
  for (const add of [addSynthesize, addConsolidate, addGc, addUndelete]) add(program);
  for (const add of [addMount, addUmount, addAttach, addDetach, addMounts, addNbd]) add(program);
  for (const add of [addJob, addRuns]) add(program);
  for (const add of [addKey, addDoctor, addTui, addCompletion, addServeDrive]) add(program);
  return program;
}
