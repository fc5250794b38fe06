/** The addon's own FUSE session: reads are served by native threads alone. */
import { access, constants } from 'node:fs/promises';
import { fromNative, reasonOf } from '../../errors.ts';
import { native } from '../../native.ts';
import type { Driver } from './driver.ts';

export const fuse: Driver = {
  name: 'fuse',
  whyNot: async () => {
    try {
      await access('/dev/fuse', constants.R_OK | constants.W_OK);
      return null;
    } catch (error) {
      return `/dev/fuse cannot be used (${reasonOf(error)})`;
    }
  },
  start: async (options) => {
    try {
      return native.startSession(options);
    } catch (error) {
      throw fromNative(error, options.mountPoint);
    }
  },
};
