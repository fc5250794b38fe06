import { expect, it } from 'vitest';
import { Progress } from '../../../src/cli/progress.ts';

const mib = 1024 ** 2;
const clear = '\r\u001b[K';

/** An output that keeps what is written, and a clock that stands until it is moved. */
function stage(terminal: { isTTY?: boolean; columns?: number }) {
  const written: string[] = [];
  const clock = { milliseconds: 5000 };
  const output = { ...terminal, write: (text: string) => written.push(text) };
  const progress = new Progress(output, () => clock.milliseconds);
  return { written, clock, progress };
}

it('redraws one line of a terminal at most ten times a second', () => {
  const { written, clock, progress } = stage({ isTTY: true, columns: 100 });
  for (let step = 0; step < 100; step++) {
    progress.update('backup', step * mib, 100 * mib);
    clock.milliseconds += 10;
  }
  expect(written).toHaveLength(10);
  expect(written.every((text) => text.startsWith(clear) && !text.includes('\n'))).toBe(true);
  expect(written[5]).toBe(
    `${clear}backup  [##########----------]   50 %  50.0 MiB of 100.0 MiB  100.0 MiB/s  500ms left`,
  );
});

it('cuts the line to the width of the terminal', () => {
  const { written, clock, progress } = stage({ isTTY: true, columns: 30 });
  clock.milliseconds += 1000;
  progress.update('backup', mib, 100 * mib);
  expect(written).toEqual([`${clear}backup    1 %  1.0 MiB of 100`]);
});

it('clears the line once, and draws it again after that', () => {
  const { written, progress } = stage({ isTTY: true, columns: 80 });
  progress.clear();
  progress.update('verify', 0, mib);
  progress.clear();
  progress.clear();
  progress.update('verify', 0, mib);
  const line = `${clear}verify  [--------------------]    0 %  0 B of 1.0 MiB`;
  expect(written).toEqual([line, clear, line]);
});

it('writes a line every ten seconds where there is no terminal, the first after ten', () => {
  const { written, clock, progress } = stage({});
  for (let second = 0; second <= 25; second++) {
    progress.update('backup', second * mib, undefined);
    clock.milliseconds += 1000;
  }
  progress.clear();
  expect(written).toEqual(['backup  10.0 MiB  1.0 MiB/s\n', 'backup  20.0 MiB  1.0 MiB/s\n']);
});

it('counts the rate from the last restart', () => {
  const { written, clock, progress } = stage({ isTTY: true, columns: 100 });
  clock.milliseconds += 60_000;
  progress.restart();
  clock.milliseconds += 1000;
  progress.update('restore', mib, 2 * mib);
  expect(written[0]).toContain('  1.0 MiB/s  1.0s left');
});
