/** The drive that the file browser looks through: one at a time, detached when the browser is left or the program ends. */
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RepositoryAccess } from '../../jobs/access.ts';
import type { Job } from '../../jobs/job.ts';

/** A file system that can be looked into. */
export interface OpenFiles {
  readonly drive: string;
  /** Where it is mounted. */
  readonly root: string;
  readonly fileSystem: string | null;
}

interface Held {
  readonly drive: string;
  readonly folder: string;
}

export class Drives {
  #held: Held | undefined;
  /** Opening and closing happen one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Attaches a partition, or a disk without partitions, read-only. Throws when it cannot be mounted, and says why. */
  open(
    access: RepositoryAccess,
    { point, partition }: { readonly point: string; readonly partition: number | null },
    job: Job,
  ): Promise<OpenFiles> {
    return this.#next(async () => {
      await this.#close();
      const [{ attachJob }, { reportedFailure }] = await Promise.all([
        import('../../jobs/attach.ts'),
        import('../../jobs/job.ts'),
      ]);
      const folder = await mkdtemp(join(tmpdir(), 'strata-files-'));
      try {
        const request = { spec: point, partition, at: join(folder, 'at'), writable: false, overlay: null };
        const { id, partitions } = await attachJob(access, request, job);
        this.#held = { drive: id, folder };
        const found = partitions.find(({ mountedAt }) => mountedAt !== null);
        if (found !== undefined && found.mountedAt !== null) {
          return { drive: id, root: found.mountedAt, fileSystem: found.fileSystem };
        }
        await this.#close();
        const reason = partitions[0]?.reason;
        throw reportedFailure({
          code: reason?.code ?? 'MOUNT_FAILED',
          message: reason?.message ?? 'there is no file system to be opened',
          hint: reason?.hint ?? 'restore it to a file, and look with tools that know it',
          exitCode: 1,
        });
      } finally {
        if (this.#held === undefined) await rmdir(folder).catch(() => undefined);
      }
    });
  }

  /** Detaches it; what still uses it is named. */
  close(): Promise<void> {
    return this.#next(() => this.#close());
  }

  async #close(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    const { detachJob } = await import('../../jobs/detach.ts');
    const job = { report: () => undefined, signal: new AbortController().signal };
    await detachJob({ id: held.drive, force: false, commitTo: null }, job);
    this.#held = undefined;
    await rmdir(held.folder).catch(() => undefined);
  }

  #next<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
