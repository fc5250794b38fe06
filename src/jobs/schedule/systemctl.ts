/** systemd as it runs here, if it does. */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface Manager {
  readonly user: boolean;
}

const longestAnswer = 60_000;

/** Whether a systemd runs that could be told of units. */
export async function isRunning({ user }: Manager): Promise<boolean> {
  const folder = user
    ? `${process.env.XDG_RUNTIME_DIR || `/run/user/${process.getuid?.()}`}/systemd`
    : '/run/systemd/system';
  return stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Runs systemctl; null when it did that, else its complaint. */
export async function systemctl({ user }: Manager, words: readonly string[]): Promise<string | null> {
  try {
    await promisify(execFile)('systemctl', [...(user ? ['--user'] : []), '--no-ask-password', ...words], {
      timeout: longestAnswer,
    });
    return null;
  } catch (error) {
    const { code, stderr = '' } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') return 'there is no systemctl';
    return stderr.trim().split('\n', 1)[0] || `systemctl ended with ${code}`;
  }
}
