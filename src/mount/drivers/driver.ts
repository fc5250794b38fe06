/** What a mount needs of the system that makes it: the addon's FUSE session is one, fuse-native another. */
import type { Session, SessionOptions } from '../../native/session.ts';

export interface Driver {
  readonly name: 'fuse' | 'fuse-native';
  /** Why it cannot be used on this machine; null when it can. */
  whyNot(): Promise<string | null>;
  /** Mounts; throws MOUNT_FAILED. */
  start(options: SessionOptions): Promise<Session>;
}
