/**
 * One run of one command, as its action sees it: the repository named on the line, where results go, and for long
 * actions the job, with its events on the terminal and its signal tied to Ctrl-C.
 */
import type { Logger } from 'pino';
import { fail } from '../errors.ts';
import type { RepositoryAccess } from '../jobs/access.ts';
import type { Job, JobEvent, StorageAccount } from '../jobs/job.ts';
import type { StrataEvent } from '../repository/events.ts';
import type { StorageSettings } from '../repository/stores/settings.ts';
import { complain, printDocument, printEvent, printResult } from './output.ts';
import { isPassphraseGiven, openingPassphrase } from './passphrase.ts';
import { Progress } from './progress.ts';
import { type StorageOptions, storageOf } from './storage-options.ts';
import { formatSize } from './units.ts';

/** The options that every command takes. */
export interface GlobalOptions extends StorageOptions {
  readonly repo?: string;
  readonly passwordFile?: string;
  readonly json?: true;
  readonly quiet?: true;
  readonly verbose?: true;
}

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Session {
  readonly json: boolean;
  readonly #location: string | undefined;
  readonly #storage: StorageSettings;
  readonly #passwordFile: string | undefined;
  readonly #name: string;
  readonly #log: Logger | undefined;
  readonly #progress: Progress | undefined;
  readonly #interrupt = new AbortController();
  #label = '';
  #warned = false;
  #account: StorageAccount | undefined;

  private constructor(options: GlobalOptions, name: string, log: Logger | undefined) {
    this.#location = options.repo ?? (process.env.STRATA_REPO || undefined);
    this.#storage = storageOf(options);
    this.#passwordFile = options.passwordFile;
    this.#name = name;
    this.#log = log;
    this.json = options.json === true;
    this.#progress = this.json || options.quiet ? undefined : new Progress(process.stderr);
  }

  /** `name` is the command's, for messages. */
  static async open(options: GlobalOptions, name: string): Promise<Session> {
    return new Session(options, name, options.verbose ? await openLog() : undefined);
  }

  /** Whether a warning was given; the exit code tells. */
  get warned(): boolean {
    return this.#warned;
  }

  /** The repository that --repo or STRATA_REPO names. */
  access(): RepositoryAccess {
    const location = this.#location;
    if (location === undefined) throw fail('USAGE', { problem: 'no repository was named; use --repo or STRATA_REPO' });
    this.#log?.debug({ location }, 'repository');
    return { location, storage: this.#storage, ...this.passphrase() };
  }

  /** Who is asked for the passphrase of a repository. */
  passphrase(): Omit<RepositoryAccess, 'location' | 'storage'> {
    return {
      passphrase: () => openingPassphrase(this.#passwordFile, this.#interrupt.signal),
      passphraseGiven: isPassphraseGiven(this.#passwordFile),
    };
  }

  /** The file with the passphrase that the line or the environment names. */
  get passwordFile(): string | undefined {
    return this.#passwordFile ?? (process.env.STRATA_PASSWORD_FILE || undefined);
  }

  /** Whether the line or the environment names a repository. */
  get hasRepository(): boolean {
    return this.#location !== undefined;
  }

  /** The result of a query: one document for a program, lines for a person. */
  answer(document: unknown, lines: () => readonly string[]): void {
    if (this.json) printDocument(document);
    else printResult(lines());
  }

  /** The result of a job, for a person; a program had it as the last event. */
  conclude(lines: readonly string[]): void {
    this.#progress?.clear();
    if (!this.json) printResult([...lines, ...describeStorage(this.#account)]);
  }

  warn(message: string): void {
    this.#warned = true;
    this.#progress?.clear();
    complain('warning', message);
  }

  /** Hears what a query has to say beside its result. */
  readonly listen = (event: StrataEvent): void => {
    if (event.event === 'warning') this.warn(event.message);
  };

  /** What a long action needs. From here on a first Ctrl-C ends it cleanly, a second one at once. */
  job(): Job {
    for (const signal of stopSignals) process.on(signal, this.#stop);
    return { report: this.#report, signal: this.#interrupt.signal };
  }

  close(): void {
    this.#progress?.clear();
    for (const signal of stopSignals) process.off(signal, this.#stop);
  }

  readonly #stop = (): void => {
    if (this.#interrupt.signal.aborted) process.exit(130);
    this.#interrupt.abort(fail('INTERRUPTED', { action: this.#name }));
    this.#tell('stopping; once more stops at once');
  };

  readonly #report = (event: JobEvent): void => {
    if (this.json) printEvent(event);
    if (event.event !== 'progress' && this.#log) {
      this.#progress?.clear();
      this.#log.debug({ event }, event.event);
    }
    switch (event.event) {
      case 'started':
        this.#label = event.group === undefined ? event.action : `${event.action} of ${event.disk}`;
        break;
      case 'stage':
        this.#progress?.restart();
        break;
      case 'progress':
        this.#progress?.update(this.#label, event.position, event.total ?? undefined, event.secondsLeft ?? undefined);
        break;
      case 'warning':
        this.warn(event.message);
        break;
      case 'damaged':
        this.warn(`${[event.point, event.file].filter(Boolean).join(' ')}: ${event.message}`);
        break;
      case 'resumed':
        this.#tell(
          `run ${event.run.slice(0, 8)} broke off; ${event.packs} packs of it (${formatSize(event.bytes)}) are used`,
        );
        break;
      case 'snapshot':
        if (event.act === 'cleared')
          this.#tell(`the snapshot of ${event.source} that a killed run had left was removed`);
        break;
      case 'listening':
        this.#progress?.clear();
        if (!this.json) printResult([`listening on ${event.uri}; Ctrl-C ends it`]);
        break;
      case 'result':
        this.#account = event.storage;
        break;
      case 'mounted':
      case 'hook':
      case 'tracked':
      case 'traffic':
      case 'error': // the command itself says it
        break;
    }
  };

  #tell(message: string): void {
    if (!this.#progress) return;
    this.#progress.clear();
    process.stderr.write(`strata: ${message}\n`);
  }
}

/** What a person is told of the object storage. */
function describeStorage(account: StorageAccount | undefined): string[] {
  if (account === undefined) return [];
  const { requests, bytesUp, bytesDown, retries, fromCache, estimate } = account;
  const count = Object.values(requests).reduce((sum, n) => sum + n, 0);
  const again = retries === 0 ? '' : `, ${retries} tried again`;
  const kept = fromCache.bytes === 0 ? '' : `, ${formatSize(fromCache.bytes)} from the cache`;
  const cost = estimate < 0.01 ? 'less than a cent' : `$${estimate.toFixed(2)}`;
  return [
    `storage  ${count} requests${again}, ${formatSize(bytesUp)} up, ${formatSize(bytesDown)} down${kept}; about ${cost} at AWS's list prices`,
  ];
}

async function openLog(): Promise<Logger> {
  const { destination, pino, stdTimeFunctions } = await import('pino');
  return pino({ level: 'debug', base: null, timestamp: stdTimeFunctions.isoTime }, destination({ fd: 2, sync: true }));
}
