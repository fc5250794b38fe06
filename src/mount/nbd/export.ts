/** The one export of a server, and what clients are told of it before they use it. */
import type { BlockTarget } from './block-target.ts';
import { transmissionFlag } from './constants.ts';

export interface Export {
  /** Clients may ask for it by this name or, as the default export, by none. */
  readonly name: string;
  /** For humans; '' when there is nothing to say. */
  readonly description: string;
  /** A power of two: what reads and writes are best aligned to. */
  readonly preferredBlock: number;
  readonly target: BlockTarget;
}

/**
 * "Transmission flags". Several connections are fine for a writable export, too: all of them share the one target,
 * and a flush of it is a flush for all.
 */
export function transmissionFlags({ target }: Export, structured: boolean): number {
  const { hasFlags, readOnly, sendFlush, sendFua, sendTrim, sendWriteZeroes, sendFastZero, sendDf, canMultiConn } =
    transmissionFlag;
  const access = target.readOnly ? readOnly : sendFlush | sendFua | sendTrim | sendWriteZeroes | sendFastZero;
  return hasFlags | canMultiConn | access | (structured ? sendDf : 0);
}
