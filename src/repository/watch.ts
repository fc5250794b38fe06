import type { Run } from '../native.ts';

const period = 200;

/** Waits for a run of the addon to end, tells its progress meanwhile, and cancels it when the signal comes. */
export async function watch<Outcome, Progress>(
  run: Run<Outcome, Progress>,
  signal: AbortSignal,
  report: (progress: Progress) => void,
): Promise<Outcome> {
  const cancel = () => run.cancel();
  const timer = setInterval(() => report(run.progress()), period);
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    const outcome = await run.finished;
    report(run.progress());
    return outcome;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', cancel);
  }
}
