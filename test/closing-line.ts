/**
 * Prints the closing line of `./run test`, "N passed, N failed, N skipped", from the JSON reports of vitest and
 * googletest, and fails when anything failed. A report that is missing or of no test counts as a failure: what
 * did not run must not look like success.
 *
 * usage: node test/closing-line.ts FOLDER REPORT…
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface VitestReport {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

interface GoogleReport {
  readonly testsuites: readonly {
    readonly testsuite: readonly {
      readonly status: string;
      readonly result: string;
      readonly failures?: readonly unknown[];
    }[];
  }[];
}

function countVitest(report: VitestReport): Counts {
  const failed = report.numFailedTests;
  return {
    passed: report.numPassedTests,
    // A file that does not load, or an error outside the tests, fails the run without a failed test.
    failed: failed === 0 && !report.success ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function countGoogle(report: GoogleReport): Counts {
  const tests = report.testsuites.flatMap((suite) => suite.testsuite);
  const failed = tests.filter((test) => test.failures !== undefined).length;
  const skipped = tests.filter((test) => test.status === 'NOTRUN' || test.result === 'SKIPPED').length;
  return { passed: tests.length - failed - skipped, failed, skipped };
}

function count(folder: string, name: string): Counts {
  let report: VitestReport | GoogleReport;
  try {
    report = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as VitestReport | GoogleReport;
  } catch (error) {
    console.error(`run: no report of the ${name} tests: ${(error as Error).message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const counts = 'testsuites' in report ? countGoogle(report) : countVitest(report);
  return counts.passed + counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

const [folder = '.', ...names] = process.argv.slice(2);
const total = names
  .map((name) => count(folder, name))
  .reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }));
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;
