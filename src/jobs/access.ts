/** How a job gets at its repository: where it is, and who is asked for the passphrase when one is needed. */
import type { Emit, Warning } from '../repository/events.ts';
import { Keyring } from '../repository/keyring.ts';
import { whileReading } from '../repository/reading.ts';
import { Repository } from '../repository/repository.ts';
import type { RangeUse } from '../repository/stores/open.ts';
import type { StorageSettings } from '../repository/stores/settings.ts';
import type { ObjectStore } from '../repository/stores/store.ts';
import { estimateCost } from '../repository/stores/traffic.ts';

export interface RepositoryAccess {
  /** A folder, or `s3://BUCKET/PREFIX`. */
  readonly location: string;
  /** How object storage is reached. */
  readonly storage: StorageSettings;
  /** Only called for an encrypted repository. */
  readonly passphrase: () => Promise<string>;
  /** Whether a passphrase was given beforehand: then the repository is meant to be an encrypted one. */
  readonly passphraseGiven: boolean;
  /** Keys that were opened before, for who opens the repository often. */
  readonly keyring?: Keyring;
}

/** Milliseconds; a server tells whole seconds, and takes a while to answer. */
const mostClockError = 60_000;

interface HowToOpen {
  /** Reads from the store itself, not from copies that were made before. */
  readonly fresh?: boolean;
  readonly ranges?: RangeUse;
  /** Is given the store while a key is derived, for what needs none; not called where no key has to be. */
  readonly whileUnlocking?: (store: ObjectStore) => void;
  /** Hears what went over the network. */
  readonly emit?: Emit;
  /** Ends reading and storing of contents that is under way. */
  readonly signal?: AbortSignal;
}

/** A keyring for a face that opens the same repository for each of its calls. */
export function newKeyring(): Keyring {
  return new Keyring();
}

/** Opens the repository for the time of `work`. */
export async function withRepository<Result>(
  access: RepositoryAccess,
  work: (repo: Repository) => Promise<Result>,
  { fresh = false, ranges, whileUnlocking, emit, signal }: HowToOpen = {},
): Promise<Result> {
  const { location, storage, keyring } = access;
  const warn = (warning: Warning) => emit?.({ event: 'warning', ...warning });
  const how = { storage, keyring, fresh, ranges, whileUnlocking, warn, signal };
  const repo = await Repository.open(location, access.passphrase, how);
  try {
    if (emit) warnOfClock(repo, emit);
    return await work(repo);
  } finally {
    const { traffic } = repo.store;
    if (traffic !== null) emit?.({ event: 'traffic', ...traffic, estimate: estimateCost(traffic) });
    await repo.close();
  }
}

/** Leases of several machines tell by their clocks who is still at work. */
function warnOfClock({ store: { clockAhead } }: Repository, emit: Emit): void {
  if (clockAhead === null || Math.abs(clockAhead) < mostClockError) return;
  const way = clockAhead > 0 ? 'behind' : 'ahead of';
  const message = `the clock of this machine is ${Math.round(Math.abs(clockAhead) / 1000)} s ${way} that of the object storage; set it`;
  emit({ event: 'warning', code: 'CLOCK_WRONG', message });
}

/** Opens the repository for the time of `work`, under which collection frees nothing. */
export function withReading<Result>(
  access: RepositoryAccess,
  emit: Emit,
  work: (repo: Repository) => Promise<Result>,
  how: Omit<HowToOpen, 'emit'> = {},
): Promise<Result> {
  const warn = (warning: Warning) => emit({ event: 'warning', ...warning });
  return withRepository(access, (repo) => whileReading(repo, warn, () => work(repo)), {
    ranges: 'kept',
    ...how,
    emit,
  });
}

/** Whether the repository needs a passphrase. */
export function isEncrypted({ location, storage }: RepositoryAccess): Promise<boolean> {
  return Repository.isEncrypted(location, { storage });
}

/** The passphrase for another process that opens the repository; null when none is needed. */
export async function passphraseFor(access: RepositoryAccess): Promise<string | null> {
  return (await isEncrypted(access)) ? access.passphrase() : null;
}
