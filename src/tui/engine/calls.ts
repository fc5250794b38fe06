/** What can be asked of the engine: each call is one of jobs/, loaded when it is first made. */
import { mkdir } from 'node:fs/promises';
import type { RepositoryAccess } from '../../jobs/access.ts';
import type { BackupRequest } from '../../jobs/backup.ts';
import type { BackupDisksRequest } from '../../jobs/backup-disks.ts';
import type { CollectionRequest } from '../../jobs/collect.ts';
import type { ConsolidationRequest } from '../../jobs/consolidate.ts';
import type { CopyOutRequest } from '../../jobs/files/copy-out.ts';
import type { VersionsRequest } from '../../jobs/files/versions.ts';
import type { Job } from '../../jobs/job.ts';
import type { NbdRequest } from '../../jobs/nbd.ts';
import type { RepairRequest } from '../../jobs/repair.ts';
import type { RestoreRequest } from '../../jobs/restore.ts';
import type { SynthesisRequest } from '../../jobs/synthesize.ts';
import { disksOfPoints } from '../state/disks.ts';
import type { NewJob } from '../state/intent.ts';
import type { Drives } from './drives.ts';
import type { PointsPart } from './protocol.ts';

export interface Context {
  readonly access: RepositoryAccess;
  readonly job: Job;
  readonly drives: Drives;
  /** Sends pieces of the list of points ahead of the result. */
  readonly send: (part: PointsPart) => void;
  /** Says by which passphrase the repository opens from now on. */
  readonly learn: (passphrase: string) => void;
}

/** Long lists come in pieces of so many, so that reading one does not hold up drawing. */
const piece = 1000;

/** A job's `emit`, for calls that only give warnings. */
function listen({ job }: Context) {
  return (event: object) => job.report({ time: new Date().toISOString(), ...event } as Parameters<Job['report']>[0]);
}

async function saveJob({ access: { location, storage } }: Context, request: NewJob, dryRun: boolean) {
  const [{ addSavedJob }, { schedulePlaces }] = await Promise.all([
    import('../../jobs/schedule/add.ts'),
    import('../../jobs/schedule/places.ts'),
  ]);
  return addSavedJob({ location, storage, timeZone: undefined, replace: false, dryRun, ...request }, schedulePlaces());
}

export const calls = {
  async points({ access, send }: Context, _request: object) {
    const { pointsJob } = await import('../../jobs/points.ts');
    const { points, damaged } = await pointsJob(access, {});
    send({ disks: disksOfPoints(points) });
    for (let at = 0; at < points.length; at += piece) send({ points: points.slice(at, at + piece) });
    return { damaged };
  },
  async show(context: Context, { point }: { point: string }) {
    const { showJob } = await import('../../jobs/show.ts');
    return showJob(context.access, point, listen(context));
  },
  async blockMap(context: Context, { point, cells }: { point: string; cells: number }) {
    const { blockMapJob } = await import('../../jobs/block-map.ts');
    return blockMapJob(context.access, point, cells, listen(context));
  },
  async diff(context: Context, { a, b }: { a: string; b: string }) {
    const { diffJob } = await import('../../jobs/diff.ts');
    return diffJob(context.access, a, b, listen(context));
  },
  async contents({ access }: Context, _request: object) {
    const { contentsJob } = await import('../../jobs/contents.ts');
    return contentsJob(access);
  },
  async doctor({ access }: Context, _request: object) {
    const { doctorJob } = await import('../../jobs/doctor.ts');
    return doctorJob({ repository: access, fix: false });
  },
  async runs(context: Context, { limit }: { limit: number }) {
    const [{ listedRuns }, { schedulePlaces }] = await Promise.all([
      import('../../jobs/schedule/overview.ts'),
      import('../../jobs/schedule/places.ts'),
    ]);
    const { runs, unreadable } = await listedRuns({ job: undefined, limit }, schedulePlaces());
    for (const message of unreadable) listen(context)({ event: 'warning', message });
    return runs;
  },
  async savedJobs(context: Context, _request: object) {
    const [{ listJobs }, { schedulePlaces }] = await Promise.all([
      import('../../jobs/schedule/overview.ts'),
      import('../../jobs/schedule/places.ts'),
    ]);
    const { jobs, unreadable } = await listJobs(schedulePlaces());
    for (const message of unreadable) listen(context)({ event: 'warning', message });
    return jobs;
  },
  async mounts(context: Context, _request: object) {
    const { mountsJob } = await import('../../jobs/mounts.ts');
    return mountsJob(listen(context));
  },
  async holders(_context: Context, { id }: { id: string }) {
    const { holdersJob } = await import('../../jobs/holders.ts');
    return holdersJob(id);
  },
  async mount(context: Context, { directory }: { directory: string }) {
    const { startInBackground } = await import('../../jobs/background.ts');
    await mkdir(directory, { recursive: true });
    const warn = listen(context);
    return startInBackground(context.access, ['mount', directory, '--foreground'], (warning) =>
      warn({ ...warning, event: 'warning' }),
    );
  },
  async umount(_context: Context, { directory, force }: { directory: string; force: boolean }) {
    const { umountJob } = await import('../../jobs/umount.ts');
    return umountJob(directory, force);
  },
  async detach({ job }: Context, { id, force }: { id: string; force: boolean }) {
    const { detachJob } = await import('../../jobs/detach.ts');
    return detachJob({ id, force, commitTo: null }, job);
  },
  async clearLeftovers(_context: Context, _request: object) {
    const { doctorJob } = await import('../../jobs/doctor.ts');
    return doctorJob({ repository: null, fix: true });
  },
  async openFiles({ access, job, drives }: Context, request: { point: string; partition: number | null }) {
    return drives.open(access, request, job);
  },
  async closeFiles({ drives }: Context, _request: object) {
    return drives.close();
  },
  async folder(_context: Context, { root, folder }: { root: string; folder: string }) {
    const { listFolder } = await import('../../jobs/files/browse.ts');
    return listFolder(root, folder);
  },
  async find({ job }: Context, { root, folder, text }: { root: string; folder: string; text: string }) {
    const { findFiles } = await import('../../jobs/files/browse.ts');
    return findFiles(root, folder, text, 1000, job.signal);
  },
  async copyOut({ job }: Context, request: CopyOutRequest) {
    const { copyOutJob } = await import('../../jobs/files/copy-out.ts');
    return copyOutJob(request, job);
  },
  async fileVersions({ access, job }: Context, request: VersionsRequest) {
    const { fileVersionsJob } = await import('../../jobs/files/versions.ts');
    return fileVersionsJob(access, request, job);
  },
  async nbd({ access, job }: Context, request: NbdRequest) {
    const { nbdJob } = await import('../../jobs/nbd.ts');
    return nbdJob(access, request, job);
  },
  async repair({ access, job }: Context, request: RepairRequest) {
    const { repairJob } = await import('../../jobs/repair.ts');
    return repairJob(access, request, job);
  },
  async addKey({ access }: Context, { label, passphrase }: { label: string; passphrase: string }) {
    const { addKeyJob } = await import('../../jobs/keys.ts');
    return addKeyJob(access, { label, passphrase: async () => passphrase, dryRun: false });
  },
  async changePassphrase({ access, learn }: Context, { passphrase }: { passphrase: string }) {
    const { changePassphraseJob } = await import('../../jobs/keys.ts');
    const changed = await changePassphraseJob(access, { passphrase: async () => passphrase, dryRun: false });
    learn(passphrase);
    return changed;
  },
  async removeKey({ access }: Context, { id }: { id: string }) {
    const { removeKeyJob } = await import('../../jobs/keys.ts');
    return removeKeyJob(access, { id, dryRun: false });
  },
  async isEncrypted({ access }: Context, _request: object) {
    const { isEncrypted } = await import('../../jobs/access.ts');
    return isEncrypted(access);
  },
  addJob(context: Context, request: NewJob) {
    return saveJob(context, request, false);
  },
  /** Checks a job as saving it does, and says what its rules come to. */
  async planJob(context: Context, request: NewJob) {
    const { job, path } = await saveJob(context, request, true);
    const [{ previewJob }, { localTimeZone }] = await Promise.all([
      import('../../jobs/schedule/preview.ts'),
      import('../../jobs/schedule/calendar.ts'),
    ]);
    const preview = await previewJob(job, context.access, listen(context));
    return { path, timeZone: localTimeZone(), ...preview };
  },
  async restore({ access, job }: Context, request: RestoreRequest) {
    const { restoreJob } = await import('../../jobs/restore.ts');
    return restoreJob(access, request, job);
  },
  async backup({ access, job }: Context, request: BackupRequest) {
    const { backupJob } = await import('../../jobs/backup.ts');
    return backupJob(access, request, job);
  },
  async backupDisks({ access, job }: Context, request: BackupDisksRequest) {
    const { backupDisksJob } = await import('../../jobs/backup-disks.ts');
    return backupDisksJob(access, request, job);
  },
  /** The disks of this machine, as they can be backed up. */
  async localDisks({ access }: Context, _request: object) {
    const { findDisksFor } = await import('../../jobs/setup/disks.ts');
    return findDisksFor(access.location);
  },
  async verify({ access, job }: Context, { points, all }: { points: readonly string[]; all: boolean }) {
    const { verifyJob } = await import('../../jobs/verify.ts');
    return verifyJob(access, { specs: points, all, samplePercent: 100 }, job);
  },
  async synthesize({ access, job }: Context, request: SynthesisRequest) {
    const { synthesizeJob } = await import('../../jobs/synthesize.ts');
    return synthesizeJob(access, request, job);
  },
  async consolidate({ access, job }: Context, request: ConsolidationRequest) {
    const { consolidateJob } = await import('../../jobs/consolidate.ts');
    return consolidateJob(access, request, job);
  },
  async collect({ access, job }: Context, request: CollectionRequest) {
    const { collectJob } = await import('../../jobs/collect.ts');
    return collectJob(access, request, job);
  },
  async undelete({ access }: Context, { point }: { point: string }) {
    const { undeleteJob } = await import('../../jobs/collect.ts');
    return undeleteJob(access, point);
  },
  async protect({ access }: Context, { point, wanted }: { point: string; wanted: boolean }) {
    const { protectJob } = await import('../../jobs/protect.ts');
    return protectJob(access, point, wanted, { dryRun: false });
  },
  async forget({ access }: Context, { points, dryRun }: { points: readonly string[]; dryRun: boolean }) {
    const { forgetJob } = await import('../../jobs/forget.ts');
    return forgetJob(access, points, { dryRun });
  },
};

export type Calls = typeof calls;
export type CallName = keyof Calls;
export type Request<Name extends CallName> = Parameters<Calls[Name]>[1];
export type Result<Name extends CallName> = Awaited<ReturnType<Calls[Name]>>;
