/** A record while this process makes or ends what it tells of: each piece is written down before it is made. */
import { type Here, thisProcess } from '../../repository/here.ts';
import { clientOf, identityOf, type ProcessIdentity } from '../processes.ts';
import type { MountRecord, Piece } from './record.ts';
import { newRecordId, type Records } from './records.ts';

/** What is known of a mount or a drive before anything of it is made. */
export interface Subject {
  /** By default a new one. */
  readonly id?: string | undefined;
  readonly kind: MountRecord['kind'];
  readonly repository: string;
  readonly point: string | null;
  readonly standsOn: string | null;
  readonly overlay: string | null;
  readonly throwaway?: boolean | undefined;
}

export class Journal {
  readonly #records: Records;
  readonly #self: ProcessIdentity;
  #record: MountRecord;

  private constructor(records: Records, record: MountRecord, here: Here) {
    this.#records = records;
    this.#record = record;
    this.#self = identityOf(here);
  }

  /** Writes the first record of a new mount or drive. */
  static async begin(records: Records, subject: Subject, here: Here = thisProcess()): Promise<Journal> {
    const record: MountRecord = {
      format: 1,
      ...subject,
      id: subject.id ?? newRecordId(),
      state: 'making',
      since: new Date(here.now()).toISOString(),
      bootId: here.bootId,
      uri: null,
      owner: identityOf(here),
      client: clientOf(here),
      pieces: [],
    };
    const journal = new Journal(records, record, here);
    await records.create(record);
    return journal;
  }

  /** Takes a record over to end what it tells of: when this process dies meanwhile, the janitor goes on. */
  static async end(records: Records, record: MountRecord, here: Here = thisProcess()): Promise<Journal> {
    const journal = new Journal(records, record, here);
    await journal.#write({ state: 'ending', owner: journal.#self });
    return journal;
  }

  get id(): string {
    return this.#record.id;
  }

  get record(): MountRecord {
    return this.#record;
  }

  /** Writes down a piece that is to be made next. */
  async add(piece: Piece): Promise<void> {
    await this.#write({ pieces: [...this.#record.pieces, piece] });
  }

  /** Writes down what has become known of the last piece. */
  async amend(piece: Piece): Promise<void> {
    await this.#write({ pieces: this.#record.pieces.with(-1, piece) });
  }

  /** Strikes out the last piece, which was undone or could not be made. */
  async drop(): Promise<void> {
    await this.#write({ pieces: this.#record.pieces.slice(0, -1) });
  }

  /** All is made, and of use as long as `owner` lives; null when it needs nobody. `uri`: of an export. */
  async settle(owner: ProcessIdentity | null, uri: string | null = null): Promise<void> {
    await this.#write({ state: 'ready', owner, uri });
  }

  /** All is undone. */
  async close(): Promise<void> {
    await this.#records.remove(this.id);
  }

  async #write(change: Partial<MountRecord>): Promise<void> {
    const record = { ...this.#record, ...change };
    await this.#records.write(record);
    this.#record = record;
  }
}
