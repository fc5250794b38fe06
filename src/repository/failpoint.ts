/**
 * Faults on request, for the tests that break a run at every step it takes.
 *
 * `STRATA_FAILPOINT=NAME:N:FAULT` makes the N-th passage through the point NAME (`*` = any point of TypeScript)
 * kill the process, or fail as the system call that follows would; with `N-` every passage from the N-th on.
 * `STRATA_FAILPOINT_TRACE=FILE` appends the name of each point passed, so that a test knows how many there are.
 * The addon counts its own points, `native.*`.
 * With neither set a point is an empty function.
 */
import { appendFileSync } from 'node:fs';
import { constants } from 'node:os';

const faults = { kill: null, eio: 'EIO', enospc: 'ENOSPC' } as const;

/** Passes a failpoint: usually does nothing. */
export const failpoint = armFailpoint(process.env);

/** Makes the function that a process with this environment passes its failpoints through. */
export function armFailpoint(env: NodeJS.ProcessEnv): (name: string) => void {
  const trace = env.STRATA_FAILPOINT_TRACE;
  const request = env.STRATA_FAILPOINT;
  if (!trace && !request) return () => {};
  const armed = request ? parseRequest(request) : null;
  let passed = 0;
  return (name) => {
    if (trace) appendFileSync(trace, `${name}\n`);
    if (armed === null || (armed.name !== '*' && armed.name !== name)) return;
    passed += 1;
    if (armed.onward ? passed >= armed.passage : passed === armed.passage) strike(name, armed.fault);
  };
}

interface Request {
  readonly name: string;
  readonly passage: number;
  readonly onward: boolean;
  readonly fault: keyof typeof faults;
}

function parseRequest(request: string): Request {
  const [, name, passage, onward, fault] = /^([\w.*]+):([1-9]\d*)(-?):(kill|eio|enospc)$/.exec(request) ?? [];
  if (!name || !passage || !fault) throw new Error(`STRATA_FAILPOINT is not NAME:N:kill|eio|enospc: ${request}`);
  return { name, passage: Number(passage), onward: onward === '-', fault: fault as keyof typeof faults };
}

function strike(name: string, fault: keyof typeof faults): void {
  const code = faults[fault];
  if (code === null) {
    process.kill(process.pid, 'SIGKILL');
    return;
  }
  throw Object.assign(new Error(`${code}: failpoint ${name}`), { code, errno: -constants.errno[code] });
}
