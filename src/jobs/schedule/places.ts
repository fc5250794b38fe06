/** Where saved jobs and the records of their runs lie: for root in the folders of the system, for others in their own. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Places {
  /** One file a job. */
  readonly jobs: string;
  /** One folder a job. */
  readonly runs: string;
}

/** STRATA_CONFIG_DIR and STRATA_STATE_DIR name the two folders themselves. */
export function schedulePlaces(env: NodeJS.ProcessEnv = process.env): Places {
  const root = process.getuid?.() === 0;
  const config = join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'strata/jobs');
  const state = join(env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'strata/runs');
  return {
    jobs: resolve(env.STRATA_CONFIG_DIR || (root ? '/etc/strata/jobs' : config)),
    runs: resolve(env.STRATA_STATE_DIR || (root ? '/var/lib/strata/runs' : state)),
  };
}
