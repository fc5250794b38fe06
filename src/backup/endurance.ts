/** Looks after how long a run takes: says when it will take long, and stops it when it takes longer than it may. */
import { fail, type StrataError } from '../errors.ts';
import type { BackupProgress } from '../native/backup.ts';
import type { Warning } from '../repository/events.ts';
import type { Repository } from '../repository/repository.ts';
import { type Forecast, forecast, isHopeless } from './forecast.ts';
import type { BackupOrder } from './request.ts';
import type { Source } from './source.ts';

/** Seconds from which on a run is worth a warning, and what was seen until then. */
const long = 86_400;
const settled = 600;
const mib = 1024 ** 2;

interface Run {
  readonly repo: Repository;
  readonly order: BackupOrder;
  readonly source: Source;
  readonly warn: (warning: Warning) => void;
  readonly stop: (reason: StrataError) => void;
}

interface Outlook {
  readonly secondsLeft: number | null;
  readonly storeRate: number | null;
}

export class Endurance {
  readonly #run: Run;
  readonly #begun = performance.now();
  readonly #sentBefore: number;
  #told = false;

  constructor(run: Run) {
    this.#run = run;
    this.#sentBefore = run.repo.store.traffic?.bytesUp ?? 0;
  }

  /** How it goes on from here; a stream, whose end nobody knows, has no forecast. */
  look({ position, bytesStored }: Pick<BackupProgress, 'position' | 'bytesStored'>): Outlook {
    const { repo, order, source } = this.#run;
    const seconds = (performance.now() - this.#begun) / 1000;
    const { traffic } = repo.store;
    const arrived = traffic === null ? bytesStored : traffic.bytesUp - this.#sentBefore;
    const total = source.size;
    const found = total === null ? null : forecast({ seconds, position, total, stored: bytesStored, arrived });
    if (order.maxDuration === null) this.#warnOnce(seconds, found);
    else if (isHopeless(seconds, found, order.maxDuration)) this.#stopOnce(seconds, found, order.maxDuration);
    return { secondsLeft: found?.secondsLeft ?? null, storeRate: found?.rate ?? null };
  }

  #warnOnce(seconds: number, found: Forecast | null): void {
    if (this.#told || seconds < settled || found === null || seconds + found.secondsLeft < long) return;
    this.#told = true;
    const message = `this backup takes long: ${describe(found)}; --max-duration stops such a run early`;
    this.#run.warn({ code: 'TAKES_LONG', message });
  }

  #stopOnce(seconds: number, found: Forecast | null, limit: number): void {
    if (this.#told) return;
    this.#told = true;
    const path = this.#run.source.path;
    const words = found === null ? 'its time is over' : describe(found);
    this.#run.stop(fail('BACKUP_TOO_SLOW', { path, seconds: Math.round(seconds), limit, forecast: words }));
  }
}

function describe({ left, rate, secondsLeft }: Forecast): string {
  const hours = secondsLeft / 3600;
  const time = hours < 1 ? `${Math.ceil(secondsLeft / 60)} min` : `${hours.toFixed(1)} h`;
  return `${Math.ceil(left / mib)} MiB are left to store at ${Math.round(rate / 1024)} KiB/s, which takes about ${time} more`;
}
