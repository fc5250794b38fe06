/**
 * The package fuse-native, for machines where the addon's own session cannot be had: libfuse 2, and every request goes
 * through JavaScript. It is loaded only when it is chosen. Its install script is not run (package.json, `allowScripts`):
 * all that it could do is to compile what the package brings compiled.
 */
import { reasonOf } from '../../errors.ts';
import { whyNoDevice } from './dev-fuse.ts';
import type { Driver } from './driver.ts';

export const fuseNative: Driver = {
  name: 'fuse-native',
  whyNot: async () => (await whyNoPackage()) ?? (await whyNoDevice()),
  start: async (options) => {
    const [{ default: Fuse }, { startSession }] = await Promise.all([
      import('fuse-native'),
      import('./fuse-native/session.ts'),
    ]);
    return startSession(Fuse, options);
  },
};

async function whyNoPackage(): Promise<string | null> {
  try {
    await import('fuse-native');
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND')
      return 'the package fuse-native is not installed (npm install --include=optional)';
    const reason = reasonOf(error).split('\n', 1)[0] ?? '';
    if (reason.includes('libfuse.so.2'))
      return `fuse-native needs libfuse 2 (Debian 12: apt-get install libfuse2; Debian 13: libfuse2t64): ${reason}`;
    return `the package fuse-native cannot be loaded: ${reason}`;
  }
}
