import { Argument, type Command, Option } from 'commander';
import { fail } from '../../errors.ts';
import type { AddResult, JobSettings } from '../../jobs/schedule/add.ts';
import { perform } from '../action.ts';
import { diskOf } from '../disk-name.ts';
import { exitCodes } from '../exit-codes.ts';
import { collect, duration, percent, span, text, wholeNumber } from '../option-values.ts';
import { addRetentionOptions, type RetentionOptions, rulesOf } from '../retention-options.ts';
import { describeSchedule } from '../schedule.ts';
import { addSnapshotOptions, type SnapshotOptions, snapshotOptions, snapshotRequestOf } from '../snapshot-options.ts';
import { fields } from '../table.ts';
import { allocationPolicies, pointTypes } from './backup.ts';

type Kind = Exclude<JobSettings['kind'], 'backup-disks'>;

interface AddOptions extends RetentionOptions, SnapshotOptions {
  readonly source?: readonly string[];
  readonly allDisks?: true;
  readonly machine?: string;
  readonly disk?: string;
  readonly snapshot?: string;
  readonly tracker?: string;
  readonly allocation?: (typeof allocationPolicies)[number];
  readonly type?: (typeof pointTypes)[number];
  readonly tag?: readonly string[];
  readonly maxDuration?: number;
  readonly sample?: number;
  readonly only?: readonly string[];
  readonly maxChain?: number;
  readonly fullEvery?: number;
  readonly mode?: 'reference' | 'copy';
  readonly grace?: number;
  readonly maxUnused?: number;
  readonly every?: string;
  readonly calendar?: string;
  readonly replace?: true;
  readonly dryRun?: true;
}

const day = 86_400_000;

const keepOptions = [
  'keepLast',
  'keepHourly',
  'keepDaily',
  'keepWeekly',
  'keepMonthly',
  'keepYearly',
  'keepWithin',
  'keepTag',
] as const;

/** Options that not every kind of job takes. */
const optionsOf = {
  backup: [
    ...(['source', 'allDisks', 'machine', 'disk', 'snapshot', 'tracker', 'allocation', 'type', 'tag'] as const),
    'maxDuration',
    ...snapshotOptions,
    ...keepOptions,
  ],
  verify: ['sample'],
  consolidate: ['only', 'maxChain', 'fullEvery', 'mode', 'grace', 'maxUnused', ...keepOptions],
} as const satisfies Record<Kind, readonly (keyof AddOptions)[]>;

export function addJobAdd(job: Command): void {
  const command = job
    .command('add')
    .summary('save a job')
    .description(
      'Saves a job under a name: what the command of that name does, with the repository of --repo or STRATA_REPO and ' +
        'the passphrase of the file that --password-file or STRATA_PASSWORD_FILE names. It runs by hand (job run), and ' +
        'with a schedule when that is due (job install).',
    )
    .argument('<name>', 'up to 64 of a-z, 0-9, -, _ and ., a letter or digit first')
    .addArgument(new Argument('<kind>', 'what it does').choices(Object.keys(optionsOf)))
    .option('--every <interval>', 'run it so often, from start to start: 90m, 6h, 1d', text)
    .option('--calendar <cron>', 'minute, hour, day of the month, month, day of the week: "30 1 * * *"', text)
    .option(
      '--source <path>',
      'backup: block device, image file or export of an NBD server (nbd://, nbds://, nbd+unix://); may be given several times',
      collect,
    )
    .option('--all-disks', 'backup: all disks that this machine has then, but for the one that holds the repository')
    .option('--machine <name>', "backup: machine the disk belongs to (default: this host's name)", text)
    .option('--disk <name>', 'backup: name of the disk (default: the base name of the source)', text)
    .option('--snapshot <policy>', 'backup: auto, required, off, or the name of a provider (default: auto)', text)
    .option('--tracker <name>', 'backup: auto, off, or the name of a change tracker (default: auto)', text)
    .addOption(
      new Option('--allocation <policy>', 'backup: leave out what file systems do not use (default: auto)').choices(
        allocationPolicies,
      ),
    )
    .addOption(new Option('--type <type>', 'backup: type of its points (default: scheduled)').choices(pointTypes))
    .option('--tag <tag>', 'backup: mark its points; may be given several times', collect)
    .option('--max-duration <time>', 'backup: stop when it takes longer, or clearly will: 8h, 90min', duration)
    .option('--sample <percent>', 'verify: read only so many of the blocks, chosen at random', percent)
    .option('--only <machine/disk>', 'consolidate: this disk; may be given several times (default: all)', collect)
    .option('--max-chain <n>', 'consolidate: merge chains of more than n points', wholeNumber(1))
    .option('--full-every <time>', 'consolidate: merge chains whose full is so much older, such as 30d', span)
    .addOption(new Option('--mode <mode>', 'consolidate: how (default: reference)').choices(['reference', 'copy']))
    .option('--grace <time>', 'consolidate: how long the trash is kept (default: 24h)', span)
    .option('--max-unused <percent>', 'consolidate: rewrite sparse packs until no more is unused', percent);
  addSnapshotOptions(command, 'backup: ');
  addRetentionOptions(command)
    .option('--replace', 'put it in place of the job of that name')
    .option('--dry-run', 'check it, and save nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ strata job add root backup --source /dev/vg0/root --calendar '30 1 * * *' --time-zone Europe/Berlin
  $ strata job add all backup --all-disks --keep-daily 30 --calendar '0 3 * * *'
  $ strata job add mail backup --source /dev/vg0/mail --tag mail --every 90m --keep-hourly 24 --keep-daily 30
  $ strata job add check verify --sample 5 --every 7d
  $ strata job add tidy consolidate --max-chain 30 --keep-daily 14 --keep-monthly 12 --calendar '0 5 * * 0'`,
    );
  perform<AddOptions, [string, Kind]>(command, async (session, options, name, kind) => {
    const { addSavedJob } = await import('../../jobs/schedule/add.ts');
    const { schedulePlaces } = await import('../../jobs/schedule/places.ts');
    const { every, calendar, timeZone } = options;
    const { location, storage } = session.access();
    const result = await addSavedJob(
      {
        name,
        location,
        storage,
        passwordFile: session.passwordFile,
        every,
        calendar,
        timeZone,
        settings: settingsOf(kind, options),
        replace: options.replace === true,
        dryRun: options.dryRun === true,
      },
      schedulePlaces(),
    );
    session.answer(result, () => describe(result));
    if (result.stale) session.warn(`the units that are installed are older; run: strata job install ${name}`);
    return exitCodes.done;
  });
}

function settingsOf(kind: Kind, options: AddOptions): JobSettings {
  const taken: readonly string[] = optionsOf[kind];
  const misplaced = Object.values(optionsOf)
    .flat()
    .find((name) => options[name] !== undefined && !taken.includes(name));
  if (misplaced) throw fail('USAGE', { problem: `${wordOf(misplaced)} does not go with a ${kind} job` });
  if (kind === 'verify') return { kind, samplePercent: options.sample };
  const keep = rulesOf(options);
  if (kind === 'consolidate') {
    const { only, maxChain = null, fullEvery = null, mode = 'reference', grace = day, maxUnused } = options;
    const disks = only === undefined ? null : only.map(diskOf);
    return { kind, disks, maxChain, fullEvery, mode, keep, grace, maxUnused: maxUnused ? maxUnused / 100 : null };
  }
  const {
    source: sources = [],
    allDisks,
    machine,
    disk,
    snapshot,
    tracker,
    allocation,
    type,
    tag,
    maxDuration,
  } = options;
  const about = {
    machine,
    snapshot,
    tracker,
    allocation,
    type,
    tags: tag,
    maxDuration,
    ...snapshotRequestOf(options),
    keep,
  };
  const [source] = sources;
  if (allDisks && source !== undefined) throw fail('USAGE', { problem: '--all-disks does not go with --source' });
  if (!allDisks && source === undefined)
    throw fail('USAGE', { problem: 'a backup job needs --source, or --all-disks' });
  if (source !== undefined && sources.length === 1) return { kind, source, disk, ...about };
  if (disk !== undefined) throw fail('USAGE', { problem: '--disk goes with one source' });
  return { kind: 'backup-disks', disks: allDisks ? null : sources.map((each) => ({ source: each })), ...about };
}

/** `keepLast` → `--keep-last`. */
function wordOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function describe({ dryRun, path, job }: AddResult): string[] {
  return fields([
    [dryRun ? 'would save' : 'saved', `${job.kind} job ${job.name}`],
    ['file', path],
    ['repository', job.repository],
    ['schedule', describeSchedule(job.schedule)],
  ]);
}
