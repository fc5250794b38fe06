/** The addon's own FUSE session: reads are served by native threads alone. */
import { fromNative } from '../../errors.ts';
import { native } from '../../native.ts';
import { whyNoDevice } from './dev-fuse.ts';
import type { Driver } from './driver.ts';

export const fuse: Driver = {
  name: 'fuse',
  whyNot: whyNoDevice,
  start: async (options) => {
    try {
      return native.startSession(options);
    } catch (error) {
      throw fromNative(error, options.mountPoint);
    }
  },
};
