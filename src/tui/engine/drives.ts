/** The drive that the file browser looks through: one at a time, detached when the browser is left or the program ends. */
import type { RepositoryAccess } from '../../jobs/access.ts';
import type { OpenPartition, PartitionOfPoint } from '../../jobs/files/open.ts';
import type { Job } from '../../jobs/job.ts';

/** A file system that can be looked into. */
export type OpenFiles = Omit<OpenPartition, 'close'>;

export class Drives {
  #held: OpenPartition | undefined;
  /** Opening and closing happen one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Attaches a partition, or a disk without partitions, read-only. Throws when it cannot be mounted, and says why. */
  open(access: RepositoryAccess, request: PartitionOfPoint, job: Job): Promise<OpenFiles> {
    return this.#next(async () => {
      await this.#close();
      const { openPartition } = await import('../../jobs/files/open.ts');
      this.#held = await openPartition(access, request, job);
      const { drive, root, fileSystem } = this.#held;
      return { drive, root, fileSystem };
    });
  }

  /** Detaches it; what still uses it is named. */
  close(): Promise<void> {
    return this.#next(() => this.#close());
  }

  async #close(): Promise<void> {
    await this.#held?.close();
    this.#held = undefined;
  }

  #next<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
