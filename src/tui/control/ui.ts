/** Joins the store and the engine: asks for what screens show, runs jobs, and puts what comes of it into the state. */
import { describeFailure, type Failure } from '../../jobs/job.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import type { CallName, Request, Result } from '../engine/calls.ts';
import { type Call, CallFailure, type CallOptions, type Engine } from '../engine/engine.ts';
import type { Place, PointsPart } from '../engine/protocol.ts';
import type { Action } from '../state/reducer.ts';
import type { KeyedSlots, Slots, State } from '../state/state.ts';
import type { Store } from '../state/store.ts';
import type { Role } from '../view/line.ts';
import { Queue } from './queue.ts';

export interface Surroundings {
  readonly store: Store;
  readonly startEngine: (ui: Ui) => Engine;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Leaves the terminal as it was, and stops until SIGCONT. */
  readonly suspend: () => void;
  readonly exit: () => void;
  /** The passphrase that the line or the environment gives. */
  readonly passphrase: () => Promise<string>;
}

export interface JobWish<Name extends CallName> {
  readonly action: string;
  readonly subject: string;
  readonly call: Name;
  readonly request: Request<Name>;
  /** What is told of what came of it. */
  readonly describe: (result: Result<Name>) => readonly string[];
  /** How it counts when it ended, but not well. */
  readonly ends?: (result: Result<Name>) => 'failed' | 'warnings' | undefined;
}

/** These go one after the other; a restore, a copy or an export waits for nobody. */
const inTurn: ReadonlySet<CallName> = new Set([
  'backup',
  'backupDisks',
  'verify',
  'repair',
  'synthesize',
  'consolidate',
  'collect',
]);

/** What is said of a job that was cancelled in the queue. */
const neverBegan: Failure = { code: 'INTERRUPTED', message: 'it had not begun yet', hint: '', exitCode: 130 };

/** The calls whose result is what is asked for. */
type CallGiving<Value> = { [Name in CallName]: Result<Name> extends Value ? Name : never }[CallName];

export class Ui {
  readonly #around: Surroundings;
  readonly #calls = new Map<number, { cancel(): void }>();
  #engine: Engine;
  #lastJob = 0;
  readonly #queue = new Queue();
  /** Answers that come late must not take the place of newer ones. */
  readonly #turns = new Map<string, number>();

  constructor(around: Surroundings) {
    this.#around = around;
    this.#engine = around.startEngine(this);
  }

  get state(): State {
    return this.#around.store.get();
  }

  get now(): number {
    return this.#around.now();
  }

  dispatch(action: Action): void {
    this.#around.store.dispatch(action);
  }

  /** Opens a repository, and reads what there is. Resolves when the engine has all that it needs for that. */
  async open(place: Place): Promise<void> {
    this.dispatch({ type: 'place', place });
    this.dispatch({ type: 'connection', to: 'opening' });
    this.#engine.open(place);
    // What is mounted is asked for after the disks: the engine would load what it needs for that first.
    this.loadPoints(() => this.load('mounts', 'mounts', {}));
    if (!place.passphraseGiven) return;
    try {
      this.#engine.answer(await this.#around.passphrase());
    } catch {
      // The engine asks, and then it is told what is wrong.
    }
  }

  /** Starts an engine in place of one that is gone. */
  restart(): void {
    this.#engine = this.#around.startEngine(this);
    const { place } = this.state;
    if (place !== null) void this.open(place);
  }

  /** The engine wants to know the passphrase. */
  async givePassphrase(ask: (problem: string | null) => void): Promise<void> {
    const { place, trouble } = this.state;
    if (place?.passphraseGiven && trouble?.code !== 'WRONG_PASSPHRASE') {
      this.#engine.answer(await this.#around.passphrase());
    } else ask(trouble?.code === 'WRONG_PASSPHRASE' ? trouble.message : null);
  }

  answer(passphrase: string | null): void {
    this.#engine.answer(passphrase);
  }

  lost(failure: Failure): void {
    this.dispatch({ type: 'connection', to: 'lost', trouble: failure });
    this.log(failure.message, 'error');
  }

  /** Asks for something that a screen shows. */
  load<Slot extends Exclude<keyof Slots, 'points'>, Name extends CallGiving<Slots[Slot]>>(
    slot: Slot,
    name: Name,
    request: Request<Name>,
    then?: (result: Result<Name>) => void,
  ): void {
    const isLatest = this.#takeTurn(slot);
    this.dispatch({ type: 'asked', slot, now: this.now });
    this.call(name, request).result.then(
      (value) => {
        if (!isLatest()) return;
        this.dispatch({ type: 'came', slot, value, now: this.now });
        then?.(value);
      },
      (error: unknown) => {
        if (isLatest()) this.dispatch({ type: 'failed', slot, failure: this.failureOf(error) });
      },
    );
  }

  /** The same, of one of several. */
  loadOf<Slot extends keyof KeyedSlots, Name extends CallGiving<KeyedSlots[Slot]>>(
    slot: Slot,
    key: string,
    name: Name,
    request: Request<Name>,
  ): void {
    this.dispatch({ type: 'asked-of', slot, key, now: this.now });
    this.call(name, request).result.then(
      (value) => this.dispatch({ type: 'came-of', slot, key, value, now: this.now }),
      (error: unknown) => this.dispatch({ type: 'failed-of', slot, key, failure: this.failureOf(error) }),
    );
  }

  /** All points. Of the first list the disks come before them; `then` is called when they have come, or could not. */
  loadPoints(then: () => void = () => undefined): void {
    const isLatest = this.#takeTurn('points');
    const points: ListedPoint[] = [];
    this.dispatch({ type: 'asked', slot: 'points', now: this.now });
    const onPart = (part: PointsPart) => {
      if ('points' in part) points.push(...part.points);
      if ('points' in part || !isLatest()) return;
      this.dispatch({ type: 'disks', disks: part.disks });
      this.dispatch({ type: 'connection', to: 'ready' });
      then();
    };
    this.call('points', {}, { onPart }).result.then(
      ({ damaged }) => {
        if (!isLatest()) return;
        this.dispatch({ type: 'came', slot: 'points', value: points, now: this.now });
        this.dispatch({ type: 'connection', to: 'ready' });
        for (const { message } of damaged) this.log(message, 'error');
        if (damaged.length > 0) this.notice(`${damaged.length} records cannot be read: ! shows them`, 'error');
      },
      (error: unknown) => {
        if (!isLatest()) return;
        const failure = this.failureOf(error);
        then();
        this.dispatch({ type: 'failed', slot: 'points', failure });
        if (this.state.connection !== 'lost') this.dispatch({ type: 'connection', to: 'failed', trouble: failure });
        // Then it is asked for again, with what was wrong.
        if (failure.code === 'WRONG_PASSPHRASE') this.loadPoints();
      },
    );
  }

  /** Points came or went: the lists are asked for again. */
  readAgain(): void {
    this.loadPoints();
    this.contentsChanged();
  }

  /** What lies in the repository changed: it is asked for again, if anybody has looked at it. */
  contentsChanged(): void {
    if (this.state.slots.contents.at !== null) this.load('contents', 'contents', {});
  }

  call<Name extends CallName>(name: Name, request: Request<Name>, options: CallOptions = {}): Call<Result<Name>> {
    return this.#engine.call(name, request, {
      onEvent: (event) => {
        if (event.event === 'warning') this.log(`${name}: ${event.message}`, 'warn');
      },
      ...options,
    });
  }

  /** The job that was asked for last. */
  get lastJob(): number {
    return this.#lastJob;
  }

  /** Runs something long, when it is its turn; it is seen on the screen of jobs. */
  async run<Name extends CallName>(wish: JobWish<Name>): Promise<Result<Name> | null> {
    const id = ++this.#lastJob;
    const { action, subject } = wish;
    const goesInTurn = inTurn.has(wish.call);
    const isQueued = goesInTurn && this.#queue.isBusy;
    this.dispatch({ type: 'job-began', id, action, subject, isQueued, now: this.now });
    this.log(`job ${id} ${action} ${subject}: ${isQueued ? 'queued' : 'began'}`, 'text');
    if (isQueued) this.notice(`${action} ${subject} begins when what is at work has ended: 5`);
    const waiting = new AbortController();
    this.#calls.set(id, { cancel: () => waiting.abort(new CallFailure(neverBegan)) });
    const begin = () => {
      if (isQueued) this.dispatch({ type: 'job-started', id, now: this.now });
      return this.#start(id, wish);
    };
    try {
      const result = await (goesInTurn ? this.#queue.next(waiting.signal, begin) : begin());
      const outcome = wish.describe(result);
      const state = wish.ends?.(result);
      this.dispatch({ type: 'job-ended', id, outcome, failure: null, now: this.now, ...(state ? { state } : {}) });
      const role = state === 'failed' ? 'error' : state === 'warnings' ? 'warn' : 'ok';
      this.tell(`${action} ${subject}: ${outcome[0] ?? 'done'}`, role);
      return result;
    } catch (error) {
      const failure = this.failureOf(error);
      this.dispatch({ type: 'job-ended', id, outcome: [], failure, now: this.now });
      this.notice(`${action} ${subject}: ${failure.message}`, 'error');
      return null;
    } finally {
      this.#calls.delete(id);
    }
  }

  #start<Name extends CallName>(id: number, wish: JobWish<Name>): Promise<Result<Name>> {
    const call = this.call(wish.call, wish.request, {
      onEvent: (event) => {
        this.dispatch({ type: 'job-event', id, event, now: this.now });
        if (event.event === 'warning') this.log(`job ${id}: ${event.message}`, 'warn');
      },
    });
    this.#calls.set(id, call);
    return call.result;
  }

  cancel(job: number): void {
    this.dispatch({ type: 'job-stopping', id: job });
    this.#calls.get(job)?.cancel();
  }

  /** Does something short; what goes wrong is said. */
  async attempt<Outcome>(what: string, result: Promise<Outcome>): Promise<Outcome | null> {
    try {
      return await result;
    } catch (error) {
      const failure = this.failureOf(error);
      this.notice(`${what}: ${failure.message}`, 'error');
      return null;
    }
  }

  /** Says something for a few seconds. */
  notice(text: string, role: Role = 'text'): void {
    this.dispatch({ type: 'notice', text, role, now: this.now });
  }

  log(text: string, role: Role = 'text'): void {
    this.dispatch({ type: 'log', text, role, now: this.now });
  }

  /** Says something, and keeps it in the log. */
  tell(text: string, role: Role = 'text'): void {
    this.notice(text, role);
    this.log(text, role);
  }

  suspend(): void {
    this.#around.suspend();
  }

  /** Ends the engine, then the screen. */
  async quit(): Promise<void> {
    this.notice('ending what is at work …', 'warn');
    await this.close();
    this.#around.exit();
  }

  /** Ends the engine, and with it what is at work. */
  close(): Promise<void> {
    return this.#engine.close();
  }

  /** What went wrong, which the log keeps. */
  failureOf(error: unknown): Failure {
    const failure = error instanceof CallFailure ? error.failure : describeFailure(error);
    this.log(`${failure.code}: ${failure.message}; ${failure.hint}`, 'error');
    return failure;
  }

  #takeTurn(of: string): () => boolean {
    const turn = (this.#turns.get(of) ?? 0) + 1;
    this.#turns.set(of, turn);
    return () => this.#turns.get(of) === turn;
  }
}
