/** The guided first configuration: asks, shows all that it will write, writes, says what is next. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fail, isStrataError } from '../../errors.ts';
import { forgetByRulesJob } from '../../jobs/forget.ts';
import type { SavedJob } from '../../jobs/schedule/overview.ts';
import { schedulePlaces } from '../../jobs/schedule/places.ts';
import { carryOut, type Secrets, type SetupResult } from '../../jobs/setup/carry-out.ts';
import { type PlannedFile, plannedFiles, requireOurSheet } from '../../jobs/setup/files.ts';
import type { ExaminedPlace } from '../../jobs/setup/place.ts';
import { planSetup, type SetupChoices, type SetupPlan, wishedJobs } from '../../jobs/setup/plan.ts';
import { findStorageKeys } from '../../jobs/setup/storage-keys.ts';
import { installedJobs, isRoot, meetJobs, unitPlace, usualPasswordFile } from '../../jobs/setup/surroundings.ts';
import type { RetentionRules } from '../../repository/retention.ts';
import { complain } from '../output.ts';
import { describeSchedule } from '../schedule.ts';
import type { Session } from '../session.ts';
import { storageOf } from '../storage-options.ts';
import { printable } from '../table.ts';
import { askDisks, type ChosenDisks } from './ask-disks.ts';
import { askPassphrase, type ChosenPassphrase, passphraseNote } from './ask-passphrase.ts';
import { askPlace } from './ask-place.ts';
import { askConsolidation, askRetention, askSchedule, askUnits, timeZoneOf } from './ask-schedule.ts';
import { Asker } from './asker.ts';
import type { SetupOptions } from './options.ts';
import { nextLines, planLines } from './show.ts';

export async function setup(session: Session, options: SetupOptions): Promise<void> {
  const { signal } = session.job();
  const asker = new Asker({ yes: options.yes === true, quiet: options.quiet === true, signal });
  const places = schedulePlaces();
  let writing = false;
  try {
    const { plan, secrets } = await planned(session, asker, options);
    const files = await plannedFiles(plan);
    asker.say('', ...planLines(plan));
    if (options.dryRun) return session.answer(documentOf(plan, null), () => ['nothing was written']);
    if (!asker.yes) await review(asker, files);
    signal.throwIfAborted();
    writing = true;
    const result = await carryOut(plan, secrets, places, { signal, left: (message) => complain('warning', message) });
    session.answer(documentOf(plan, result), () => [
      ...doneLines(plan, result),
      ...nextLines(plan, environmentOf(plan)),
    ]);
    for (const message of result.warnings) session.warn(message);
  } catch (error) {
    if (!writing && isStrataError(error, 'INTERRUPTED')) asker.say('nothing was written');
    throw error;
  }
}

/** From questions to a plan. */
async function planned(
  session: Session,
  asker: Asker,
  options: SetupOptions,
): Promise<{ plan: SetupPlan; secrets: Secrets }> {
  const places = schedulePlaces();
  const place = await askPlace(asker, options.repo ?? (process.env.STRATA_REPO || undefined), storageOf(options));
  const encryption = encryptionOf(place, options);
  const { jobs, unreadable } = await meetJobs(places);
  for (const message of unreadable) session.warn(message);
  tellJobs(asker, jobs);
  const usualFile = usualPasswordFile(place.location, jobs, places);
  const context = {
    asker,
    place,
    named: session.passwordFile,
    usualFile,
    warn: (message: string) => session.warn(message),
  };
  if (!encryption && session.passwordFile !== undefined)
    throw fail('ENCRYPTION_EXPECTED', { location: place.location });
  const unlocking = encryption ? await askPassphrase(context) : null;
  if (unlocking !== null && (unlocking.write || place.existing === null)) asker.say(...passphraseNote(unlocking.file));
  const { disks, inUse } = await askDisks(asker, options, place.inBucket ? null : place.location);
  tellInUse(asker, inUse);
  const schedule = await askSchedule(asker, options);
  const existing = (rules: RetentionRules) => previewExisting(place, unlocking, disks, rules, timeZoneOf(options));
  const keep = await askRetention(asker, options, schedule, existing);
  const consolidation = await askConsolidation(asker, options, schedule);
  const isTimed = schedule !== null || (consolidation?.schedule ?? null) !== null;
  const units = await askUnits(asker, options, isTimed);
  const { keysFile, keys } = await askSavedKeys(session, asker, options, place, isTimed);
  const sheet = await askSheet(asker, options);
  const choices: Omit<SetupChoices, 'replace'> = {
    location: place.location,
    storage: place.storage,
    existing: place.existing?.id ?? null,
    encryption,
    passwordFile: unlocking?.file ?? null,
    writePassphrase: unlocking?.write ?? false,
    keysFile,
    disks,
    schedule,
    timeZone: timeZoneOf(options),
    keep,
    consolidation,
    units,
    sheet,
  };
  const installed = await installedJobs(jobs, units ?? unitPlace(!isRoot(), undefined), places);
  const replaced = await askReplace(session, asker, options, wishedJobs({ ...choices, replace: () => false }, jobs));
  const plan = planSetup(
    { ...choices, replace: (job) => replaced.has(job) },
    { jobsFolder: places.jobs, jobs, installed },
  );
  return { plan, secrets: { passphrase: unlocking?.passphrase ?? null, keys } };
}

function encryptionOf({ existing, location }: ExaminedPlace, { encryption }: SetupOptions): boolean {
  if (existing === null) return encryption;
  const encrypted = existing.encryption !== 'none';
  if (encrypted && !encryption) {
    throw fail('USAGE', { problem: `--no-encryption: the repository at ${location} is encrypted already` });
  }
  return encrypted;
}

function tellJobs(asker: Asker, jobs: readonly SavedJob[]): void {
  if (jobs.length === 0) return;
  asker.say('jobs that are saved here already:');
  asker.say(
    ...jobs.map(({ name, kind, repository, schedule }) =>
      printable(`  ${name}  ${kind}  ${repository}  ${describeSchedule(schedule)}`),
    ),
  );
}

function tellInUse(asker: Asker, inUse: ChosenDisks['inUse']): void {
  for (const { source, at } of inUse) {
    asker.say(
      `  ${source} is mounted at ${at.join(', ')}: files that change while it is read may be torn;`,
      '  each backup will say so (exit code 3). A snapshot or an unmounted disk has no such files.',
    );
  }
}

/** What the rules would do to the points that are there already. */
async function previewExisting(
  { location, storage, existing }: ExaminedPlace,
  unlocking: ChosenPassphrase | null,
  disks: ChosenDisks['disks'],
  rules: RetentionRules,
  timeZone: string,
): Promise<string[]> {
  if (existing === null) return [];
  const access = {
    location,
    storage,
    passphrase: async () => unlocking?.passphrase ?? '',
    passphraseGiven: unlocking !== null,
  };
  const lines: string[] = [];
  for (const { machine, disk } of disks) {
    const request = { rules, machine, disk, timeZone, dryRun: true };
    const result = await forgetByRulesJob(access, request, () => undefined).catch((error: unknown) => {
      if (isStrataError(error, 'POINT_NOT_FOUND')) return null;
      throw error;
    });
    if (result === null) continue;
    const { forgotten, points } = result;
    lines.push(
      `  of ${points.length} points of ${machine}/${disk} that are there, ${forgotten.length} would be forgotten now`,
    );
  }
  return lines;
}

/** Runs that start without our environment need the keys where the AWS tools keep them. */
async function askSavedKeys(
  session: Session,
  asker: Asker,
  { saveKeys }: SetupOptions,
  { inBucket }: ExaminedPlace,
  scheduled: boolean,
): Promise<{ keysFile: string | null; keys: Secrets['keys'] }> {
  const none = { keysFile: null, keys: null };
  if (!inBucket) {
    if (saveKeys) throw fail('USAGE', { problem: '--save-keys goes with a repository in a bucket' });
    return none;
  }
  const { given, temporary, path, saved } = await findStorageKeys();
  if (given === null || saved || temporary || (!scheduled && !saveKeys)) {
    if (scheduled && !saved && (temporary || process.env.AWS_PROFILE)) {
      session.warn(`runs by the schedule do not see the key that is used here: put one into ${path} as [default]`);
    }
    return none;
  }
  const save = await asker.answer({
    option: '--save-keys',
    given: saveKeys,
    fallback: true,
    ask: () => asker.confirm(`Save the key in ${path}, where runs by the schedule find it?`, true),
  });
  if (save) return { keysFile: path, keys: given };
  session.warn(`runs by the schedule will not see the key that is used here: put one into ${path} as [default]`);
  return none;
}

async function askSheet(asker: Asker, { recoverySheet }: SetupOptions): Promise<string | null> {
  const usual = join(homedir(), 'strata-recovery.txt');
  const given = recoverySheet === false ? '' : recoverySheet;
  if (given) await requireOurSheet(resolve(given));
  const path = await asker.answer({
    option: '--recovery-sheet',
    given,
    fallback: '',
    ask: () =>
      asker.untilTaken(
        async () => {
          const wanted = await asker.confirm(
            'Write a sheet that says how to get at the backups (no passphrase on it)?',
            true,
          );
          return wanted ? asker.text('Its file:', { fallback: usual }) : '';
        },
        async (file) => {
          if (file !== '') await requireOurSheet(resolve(file));
          return file;
        },
      ),
  });
  return path === '' ? null : resolve(path);
}

/** Names of the jobs that may be replaced. */
async function askReplace(
  session: Session,
  asker: Asker,
  { replace }: SetupOptions,
  wished: ReturnType<typeof wishedJobs>,
): Promise<ReadonlySet<string>> {
  const replaced = new Set<string>();
  for (const { job, instead, same } of wished) {
    if (instead === null || same) continue;
    const agreed = await asker.answer({
      option: '--replace',
      given: replace,
      fallback: false,
      ask: () => {
        asker.say(
          `  there is a job ${job.name} already: ${JSON.stringify({ schedule: instead.schedule, ...instead.settings })}`,
        );
        return asker.confirm(`Put the new one in place of ${job.name}?`, false);
      },
    });
    if (agreed) replaced.add(job.name);
    else session.warn(`job ${job.name} stays as it was, with other settings; --replace puts the new one in its place`);
  }
  return replaced;
}

async function review(asker: Asker, files: readonly PlannedFile[]): Promise<void> {
  for (;;) {
    const answer = await asker.choose('Go on?', [
      { value: 'write', name: 'write it' },
      { value: 'show', name: 'show what will be in the files' },
      { value: 'stop', name: 'stop, and write nothing' },
    ]);
    if (answer === 'write') return;
    if (answer === 'stop') throw fail('INTERRUPTED', { action: 'setup' });
    for (const { path, text } of files) asker.say(`==> ${path}`, text === null ? '(a secret)\n' : text);
  }
}

function doneLines({ location, kept }: SetupPlan, { id, written }: SetupResult): string[] {
  return [
    `repository  ${location}`,
    `id          ${id}`,
    ...written.filter((path) => path !== location).map((path) => `wrote       ${path}`),
    ...kept.map(({ name }) => `kept        job ${name}`),
    '',
  ];
}

/** What a shell needs for the commands that come next, beside jobs, which know it themselves. */
function environmentOf({ location, storage, passwordFile }: SetupPlan): string {
  const variables = [
    `STRATA_REPO=${location}`,
    ...(passwordFile === null ? [] : [`STRATA_PASSWORD_FILE=${passwordFile}`]),
    ...(storage.endpoint === null ? [] : [`STRATA_S3_ENDPOINT=${storage.endpoint}`]),
    ...(storage.pathStyle ? ['STRATA_S3_PATH_STYLE=1'] : []),
    ...(storage.plainHttp ? ['STRATA_S3_PLAIN_HTTP=1'] : []),
  ];
  return `export ${variables.join(' ')}`;
}

function documentOf(
  { location, existing, passwordFile, steps, kept, jobs }: SetupPlan,
  result: SetupResult | null,
): object {
  return {
    dryRun: result === null,
    repository: location,
    id: result?.id ?? existing,
    made: existing === null,
    passwordFile,
    steps,
    written: result?.written ?? [],
    kept,
    jobs: jobs.map(({ name }) => name),
  };
}
