/**
 * A saved job: what is to be done, where, and when. It holds no passphrase, only the name of a file with one. What a
 * person may leave open is filled in when the job is made, so that it means the same for ever, whoever runs it.
 */
import { z } from 'zod';
import { isNbdUri } from '../../backup/nbd/uri.ts';
import { fail, reasonOf } from '../../errors.ts';
import { diskName } from '../../repository/manifest.ts';
import { openZone } from '../../repository/periods.ts';
import { checkRules } from '../../repository/retention.ts';
import { type Calendar, calendarProblem } from './calendar.ts';
import { parseInterval } from './interval.ts';

const absolutePath = z.string().refine((path) => path.startsWith('/'), { error: 'it is not an absolute path' });
const sourceText = z.string().refine((source) => source.startsWith('/') || isNbdUri(source), {
  error: 'it is not an absolute path, and no NBD address',
});
const someText = z.string().min(1, { error: 'it is empty' });
const limit = z.int().positive().nullable();

/** How object storage is reached, without its keys; absent for a folder. */
const storageSchema = z.strictObject({
  endpoint: someText.nullable(),
  pathStyle: z.boolean(),
  plainHttp: z.boolean(),
  uploadLimit: limit,
  downloadLimit: limit,
  cacheLimit: z.int().nonnegative().optional(),
});

/** An interval from one start to the next, or a calendar. */
export type Schedule = { readonly every: string } | Calendar;

const scheduleSchema = z
  .strictObject({
    every: z
      .string()
      .refine((text) => parseInterval(text) !== null, { error: 'it takes an interval such as 90m, 6h or 1d' })
      .optional(),
    calendar: someText.optional(),
    timeZone: someText.optional(),
  })
  .superRefine(({ every, calendar, timeZone }, context) => {
    const wrong = (message: string) => context.addIssue({ code: 'custom', message });
    if ((every === undefined) === (calendar === undefined)) wrong('it takes either every or calendar');
    else if ((calendar === undefined) !== (timeZone === undefined)) wrong('calendar and timeZone belong together');
    else if (calendar !== undefined && timeZone !== undefined) {
      const problem = calendarProblem({ calendar, timeZone });
      if (problem !== null) wrong(problem);
    }
  })
  .transform(
    ({ every, calendar = '', timeZone = '' }): Schedule => (every === undefined ? { calendar, timeZone } : { every }),
  );

const count = z.int().positive().optional();

/** Rules of forgetting (src/repository/retention.ts); the hours, days and so on are those of the time zone. */
const keepSchema = z
  .strictObject({
    keepLast: count,
    keepHourly: count,
    keepDaily: count,
    keepWeekly: count,
    keepMonthly: count,
    keepYearly: count,
    keepWithin: z.string().optional(),
    keepTags: z.array(someText).optional(),
    timeZone: someText,
  })
  .superRefine(({ timeZone, ...rules }, context) => {
    try {
      checkRules(rules);
      openZone(timeZone);
    } catch (error) {
      context.addIssue({ code: 'custom', message: reasonOf(error) });
    }
  });

const ofAnyBackup = {
  machine: diskName,
  snapshot: someText,
  tracker: someText,
  snapshotFolder: absolutePath.optional(),
  snapshotStore: z.string().refine(isNbdUri).optional(),
  snapshotSize: z
    .union([z.strictObject({ bytes: z.int().positive() }), z.strictObject({ percent: z.number().positive().max(100) })])
    .optional(),
  /** Milliseconds, as of `hookLimit`. */
  freezeLimit: z.int().positive().optional(),
  /** Commands for sh. */
  hooks: z
    .strictObject({
      pre: someText.optional(),
      freeze: someText.optional(),
      thaw: someText.optional(),
      post: someText.optional(),
    })
    .optional(),
  hookLimit: z.int().positive().optional(),
  /** Jobs that were saved before there was a choice leave it open. */
  allocation: z.enum(['auto', 'required', 'off']).default('auto'),
  type: z.enum(['manual', 'scheduled', 'snapshot', 'pre-deploy']),
  tags: z.array(someText),
  /** Seconds; a run that takes longer, or clearly will, is stopped. */
  maxDuration: z.int().positive().optional(),
  /** Which points of a disk stay after each backup; null: all. */
  keep: keepSchema.nullable(),
};

const backupSettings = z.strictObject({ source: sourceText, disk: diskName, ...ofAnyBackup });

const backupDisksSettings = z.strictObject({
  /** Null: the disks that the machine has when it runs. */
  disks: z
    .array(z.strictObject({ source: absolutePath, disk: diskName }))
    .min(1)
    .nullable(),
  ...ofAnyBackup,
});

const verifySettings = z.strictObject({
  /** Of the blocks of all points, chosen at random. */
  samplePercent: z.number().positive().max(100),
});

const consolidateSettings = z
  .strictObject({
    /** Null: all disks of the repository. */
    disks: z
      .array(z.strictObject({ machine: diskName, disk: diskName }))
      .min(1)
      .nullable(),
    maxChain: z.int().positive().nullable(),
    /** Milliseconds. */
    fullEvery: z.int().positive().nullable(),
    mode: z.enum(['reference', 'copy']),
    /** Null: nothing is forgotten, and nothing collected. */
    keep: keepSchema.nullable(),
    /** Milliseconds. */
    grace: z.int().nonnegative(),
    /** Part of all packs, above 0 and up to 1. */
    maxUnused: z.number().positive().max(1).nullable(),
  })
  .refine(({ maxChain, fullEvery, keep }) => maxChain !== null || fullEvery !== null || keep !== null, {
    error: 'it takes a longest chain, an age of the full, or rules what to keep',
  });

const common = {
  format: z.literal(1),
  name: z.string(),
  /** Where the repository is. */
  repository: someText,
  storage: storageSchema.optional(),
  /** A file with its passphrase; null when it needs none, or whoever starts the job gives it. */
  passwordFile: absolutePath.nullable(),
  /** Null for a job that is only run by hand. */
  schedule: scheduleSchema.nullable(),
  /** When these settings were made: nothing was due before. */
  saved: z.iso.datetime(),
};

const jobSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.literal('backup'), settings: backupSettings }),
  z.strictObject({ ...common, kind: z.literal('backup-disks'), settings: backupDisksSettings }),
  z.strictObject({ ...common, kind: z.literal('verify'), settings: verifySettings }),
  z.strictObject({ ...common, kind: z.literal('consolidate'), settings: consolidateSettings }),
]);

export type KeepRules = z.infer<typeof keepSchema>;

export type SavedJob = Readonly<z.infer<typeof jobSchema>>;

/** USAGE unless this can be the name of a job: of its file, its folder and its units. */
export function requireJobName(name: string): void {
  if (/^[a-z0-9][a-z0-9\-_.]{0,63}$/.test(name)) return;
  const takes = 'it takes up to 64 of a-z, 0-9, -, _ and ., a letter or digit first';
  throw fail('USAGE', { problem: `"${name}" cannot be the name of a job: ${takes}` });
}

/** Checks a job that is about to be saved: USAGE with the first thing that is wrong. */
export function checkJob(candidate: unknown): SavedJob {
  const checked = jobSchema.safeParse(candidate);
  if (checked.success) return checked.data;
  throw fail('USAGE', { problem: reasonOfIssue(checked.error.issues) }, { cause: checked.error });
}

/** The job that a file holds: JOB_UNREADABLE when it is none, or of another name. */
export function parseJob(path: string, name: string, text: string): SavedJob {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw fail('JOB_UNREADABLE', { path, reason: 'it is not JSON' }, { cause });
  }
  const checked = jobSchema.safeParse(content);
  if (!checked.success) {
    throw fail('JOB_UNREADABLE', { path, reason: reasonOfIssue(checked.error.issues) }, { cause: checked.error });
  }
  if (checked.data.name !== name) throw fail('JOB_UNREADABLE', { path, reason: `it is of job ${checked.data.name}` });
  return checked.data;
}

function reasonOfIssue([issue]: readonly z.core.$ZodIssue[]): string {
  const place = issue?.path.join('.') ?? '';
  if (issue?.code === 'unrecognized_keys') return `unknown: ${[...issue.path, issue.keys[0]].join('.')}`;
  return place === '' ? (issue?.message ?? '') : `${place}: ${issue?.message}`;
}
