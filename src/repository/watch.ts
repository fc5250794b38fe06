import type { Run } from '../native/run.ts';

const period = 200;

/**
 * Waits for a run of the addon to end, tells its progress meanwhile, and cancels it when the signal comes. When that came before,
 * the run counts as cancelled even if it was quicker.
 */
export async function watch<Outcome extends { readonly cancelled: boolean }, Progress>(
  run: Run<Outcome, Progress>,
  signal: AbortSignal,
  report: (progress: Progress) => void,
): Promise<Outcome> {
  const cancel = () => run.cancel();
  const timer = setInterval(() => report(run.progress()), period);
  signal.addEventListener('abort', cancel, { once: true });
  const late = signal.aborted;
  if (late) cancel();
  try {
    const outcome = await run.finished;
    report(run.progress());
    return late ? { ...outcome, cancelled: true } : outcome;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', cancel);
  }
}
