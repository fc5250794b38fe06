import type { Session, SessionEvent, TreeEntry } from '../native/session.ts';

/** What a mount shows, and who answers when more of it is asked for. */
export interface Shown {
  /** The tree as it is now. */
  tree(): Promise<readonly TreeEntry[]>;
  /** Begins to answer a session that shows the tree. */
  attach(session: Session): void;
  /** Answers no more. */
  detach(): Promise<void>;
  /** Hears what the session has to say. */
  readonly hear: (event: SessionEvent) => void;
}
