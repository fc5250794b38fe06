/** A snapshot lent to the backup of one disk of several. */
import { reasonOf } from '../../errors.ts';
import type { Warning } from '../../repository/events.ts';
import type { Taken } from './take.ts';

export interface Loan {
  readonly taken: Taken;
  /** Removes it, unless its backup has settled what becomes of it. */
  giveBack(warn: (warning: Warning) => void, path: string): Promise<void>;
}

/** A snapshot that stays when an attempt fails: the next attempt must show the same instant. */
export function lend(taken: Taken): Loan {
  let settled = false;
  const settling = async (act: () => Promise<void>) => {
    settled = true;
    await act();
  };
  return {
    taken: {
      ...taken,
      finish: async (end) => {
        if (end !== 'abort') await settling(() => taken.finish(end));
      },
      keep: () => settling(() => taken.keep()),
    },
    giveBack: async (warn, path) => {
      if (settled) return;
      await settling(() => taken.finish('abort')).catch((error: unknown) => {
        warn({ code: 'CLEANUP', message: `the snapshot of ${path} is still there: ${reasonOf(error)}` });
      });
    },
  };
}
