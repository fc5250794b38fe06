/** The guided first configuration: asks, shows all that it will write, writes, says what is next. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fail, isStrataError } from '../../errors.ts';
import type { RepositoryAccess } from '../../jobs/access.ts';
import { schedulePlaces } from '../../jobs/schedule/places.ts';
import { carryOut, type Secrets } from '../../jobs/setup/carry-out.ts';
import { type PlannedFile, plannedFiles, requireOurSheet } from '../../jobs/setup/files.ts';
import type { ExaminedPlace } from '../../jobs/setup/place.ts';
import { planSetup, type SetupChoices, type SetupPlan, wishedJobs } from '../../jobs/setup/plan.ts';
import { previewExisting } from '../../jobs/setup/preview-existing.ts';
import { installedJobs, isRoot, meetJobs, unitPlace, usualPasswordFile } from '../../jobs/setup/surroundings.ts';
import type { RetentionRules } from '../../repository/retention.ts';
import { complain } from '../output.ts';
import type { Session } from '../session.ts';
import { storageOf } from '../storage-options.ts';
import { askDisks, type ChosenDisks } from './ask-disks.ts';
import { askReplace, tellJobs } from './ask-jobs.ts';
import { askSavedKeys } from './ask-keys.ts';
import { askPassphrase, passphraseNote } from './ask-passphrase.ts';
import { askPlace } from './ask-place.ts';
import { askConsolidation, askRetention, askSchedule, askUnits, timeZoneOf } from './ask-schedule.ts';
import { Asker } from './asker.ts';
import type { SetupOptions } from './options.ts';
import { documentOf, doneLines, environmentOf, nextLines, planLines } from './show.ts';

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
  const existing = async (rules: RetentionRules) => {
    if (place.existing === null) return [];
    const tried = { rules, timeZone: timeZoneOf(options), disks };
    const found = await previewExisting(accessTo(place, unlocking?.passphrase), tried, session.listen);
    return found.map(({ text }) => text);
  };
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

function accessTo({ location, storage }: ExaminedPlace, passphrase: string | undefined): RepositoryAccess {
  const passphraseGiven = passphrase !== undefined;
  return { location, storage, passphrase: async () => passphrase ?? '', passphraseGiven };
}

function encryptionOf({ existing, location }: ExaminedPlace, { encryption }: SetupOptions): boolean {
  if (existing === null) return encryption;
  const encrypted = existing.encryption !== 'none';
  if (encrypted && !encryption) {
    throw fail('USAGE', { problem: `--no-encryption: the repository at ${location} is encrypted already` });
  }
  return encrypted;
}

function tellInUse(asker: Asker, inUse: ChosenDisks['inUse']): void {
  for (const { source, at } of inUse) {
    asker.say(
      `  ${source} is mounted at ${at.join(', ')}: files that change while it is read may be torn;`,
      '  each backup will say so (exit code 3). A snapshot or an unmounted disk has no such files.',
    );
  }
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
