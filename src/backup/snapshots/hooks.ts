/**
 * Commands of the user around a backup: `pre` before it and `post` after it, whatever came of it; `freeze` and `thaw`
 * around the making of the snapshot, in which applications bring their files to rest and go on.
 *
 * `thaw` runs whenever `freeze` was started, whatever came of that.
 */
import { fail, isStrataError } from '../../errors.ts';
import type { Emit, Warning } from '../../repository/events.ts';
import { runCommand } from '../command.ts';

export const hookNames = ['pre', 'freeze', 'thaw', 'post'] as const;

export type HookName = (typeof hookNames)[number];

export interface HookOrder {
  /** Each a command for sh. */
  readonly commands: { readonly [Name in HookName]?: string | undefined };
  /** Milliseconds that each may take. */
  readonly limit: number;
  /** Whether a hook that fails before the reading stops the run. */
  readonly required: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly emit: Emit;
  readonly warn: (warning: Warning) => void;
}

/** Runs a hook, if there is one; true when it ended well. HOOK_FAILED or a warning when not. */
async function runHook(order: HookOrder, name: HookName, mayStop: boolean, outcome = ''): Promise<boolean> {
  const command = order.commands[name];
  if (command === undefined) return false;
  const started = Date.now();
  const env = { ...order.environment, STRATA_HOOK: name, STRATA_OUTCOME: outcome };
  const { code, trouble } = await runCommand('sh', ['-c', command], { limit: order.limit, env });
  const ok = code === 0;
  order.emit({ event: 'hook', hook: name, ok, seconds: (Date.now() - started) / 1000, reason: ok ? null : trouble });
  if (ok) return true;
  const failure = fail('HOOK_FAILED', { hook: name, reason: trouble });
  if (mayStop && order.required) throw failure;
  order.warn({ code: 'HOOK_FAILED', message: failure.message });
  return false;
}

/** Does something between `pre` and `post`; that gets `done` or a code of errors.ts as STRATA_OUTCOME. */
export async function betweenHooks<Result>(
  order: HookOrder,
  work: () => Promise<Result>,
  outcomeOf: (result: Result) => string = () => 'done',
): Promise<Result> {
  await runHook(order, 'pre', true);
  let outcome = 'done';
  try {
    const result = await work();
    outcome = outcomeOf(result);
    return result;
  } catch (error) {
    outcome = isStrataError(error) ? error.code : 'UNEXPECTED';
    throw error;
  } finally {
    await runHook(order, 'post', false, outcome);
  }
}

/** Does something while the applications rest; tells it whether they do. */
export async function whileResting<Result>(
  order: HookOrder,
  work: (resting: boolean) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(await runHook(order, 'freeze', true));
  } finally {
    if (order.commands.freeze !== undefined || order.commands.thaw !== undefined) await runHook(order, 'thaw', false);
  }
}
