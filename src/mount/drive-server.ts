/** Shows one file, the disk of a point: what a drive stands on. */
import type { Content } from '../native/images.ts';
import type { Session, SessionEvent, TreeEntry } from '../native/session.ts';
import type { Emit } from '../repository/events.ts';
import type { Point } from '../repository/points.ts';
import type { Shown } from './shown.ts';

/** Name of the file. */
export const driveFile = 'disk.raw';

const number = 1;

export class DriveServer implements Shown {
  readonly #point: Point;
  readonly #content: Content;
  readonly #writable: boolean;
  readonly #emit: Emit;
  #session: Session | undefined;

  constructor(point: Point, content: Content, writable: boolean, emit: Emit) {
    this.#point = point;
    this.#content = content;
    this.#writable = writable;
    this.#emit = emit;
  }

  async tree(): Promise<readonly TreeEntry[]> {
    const seconds = Math.floor(Date.parse(this.#point.time) / 1000);
    const { size } = this.#point;
    return [{ path: driveFile, kind: 'image', seconds, image: number, size, writable: this.#writable }];
  }

  attach(session: Session): void {
    this.#session = session;
    session.provide(number, this.#content);
  }

  async detach(): Promise<void> {
    this.#session = undefined;
  }

  readonly hear = (event: SessionEvent): void => {
    if (event.event === 'prepare') this.#session?.provide(number, this.#content);
    if (event.event !== 'damaged') return;
    const { offset, length, code, message } = event;
    this.#emit({ event: 'damaged', point: this.#point.id, file: driveFile, offset, length, code, message });
  };
}
