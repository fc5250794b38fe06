/** How a job gets at its repository: where it is, and who is asked for the passphrase when one is needed. */
import { fail } from '../errors.ts';
import type { Emit, Warning } from '../repository/events.ts';
import { whileReading } from '../repository/reading.ts';
import { Repository } from '../repository/repository.ts';

export interface RepositoryAccess {
  /** A folder. */
  readonly location: string;
  /** Only called for an encrypted repository. */
  readonly passphrase: () => Promise<string>;
  /** Whether a passphrase was given beforehand: then the repository is meant to be an encrypted one. */
  readonly passphraseGiven: boolean;
}

/** Opens the repository for the time of `work`. */
export async function withRepository<Result>(
  access: RepositoryAccess,
  work: (repo: Repository) => Promise<Result>,
): Promise<Result> {
  refuseUrl(access.location);
  const repo = await Repository.open(access.location, access.passphrase);
  try {
    return await work(repo);
  } finally {
    await repo.close();
  }
}

/** Opens the repository for the time of `work`, under which collection frees nothing. */
export function withReading<Result>(
  access: RepositoryAccess,
  emit: Emit,
  work: (repo: Repository) => Promise<Result>,
): Promise<Result> {
  const warn = (warning: Warning) => emit({ event: 'warning', ...warning });
  return withRepository(access, (repo) => whileReading(repo, warn, () => work(repo)));
}

/** `s3://bucket/x` is no folder named `s3:`. */
export function refuseUrl(location: string): void {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(location)?.[1];
  if (scheme) throw fail('NOT_SUPPORTED', { feature: `a repository at ${scheme}://`, instead: 'use a local folder' });
}

/** The passphrase for another process that opens the repository; null when none is needed. */
export async function passphraseFor(access: RepositoryAccess): Promise<string | null> {
  refuseUrl(access.location);
  return (await Repository.isEncrypted(access.location)) ? access.passphrase() : null;
}
