/** Mounts. */
import type { Content } from './images.ts';

/** An entry of a mount's tree; folders come before what is in them. */
export interface TreeEntry {
  /** From the mount's root, without a slash at its beginning. */
  readonly path: string;
  readonly kind: 'folder' | 'link' | 'text' | 'image';
  /** When it changed: seconds since 1970. */
  readonly seconds: number;
  /** Target of a link; content of a text file. */
  readonly text?: string;
  /** Of an image, and of a folder whose entries are made when it is looked into: the number that `prepare` names. 0: made. */
  readonly image?: number;
  /** Bytes of an image, when they are known without it. */
  readonly size?: number;
  readonly writable?: boolean;
  /** Extended attributes, by the part of their name after `user.strata.`. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export type SessionEvent =
  /** The kernel is being answered. */
  | { readonly event: 'ready' }
  /** Somebody waits for an image or a folder: answer with `provide` or `refuse`. */
  | { readonly event: 'prepare'; readonly image: number }
  /** A read failed with EIO. */
  | {
      readonly event: 'damaged';
      readonly image: number;
      readonly offset: number;
      readonly length: number;
      readonly code: string;
      readonly message: string;
    };

export interface SessionOptions {
  readonly mountPoint: string;
  /** What the mount table shows as its source. */
  readonly name: string;
  readonly allowOther: boolean;
  readonly writable: boolean;
  readonly tree: readonly TreeEntry[];
  readonly onEvent: (event: SessionEvent) => void;
}

/** A FUSE mount of this process, which must never touch it itself. */
export interface Session {
  /** Settles when the mount is gone, whoever unmounted it. */
  readonly finished: Promise<void>;
  /** Shows another tree from now on. */
  replace(tree: readonly TreeEntry[]): void;
  /** Answers a `prepare`. */
  provide(image: number, content: Content): void;
  /** Answers a `prepare` with an errno; 0 for a folder: `replace` has made its entries. */
  refuse(image: number, errno: number): void;
  /** Lets go of an image, so that it is asked for anew; false when somebody has it open or waits for it. */
  release(image: number): boolean;
  /** Lets go of the mount, whoever uses it. */
  stop(): void;
  counters(): {
    readonly reads: number;
    readonly bytes: number;
    readonly errors: number;
    /** Open files. */
    readonly handles: number;
    /** Images kept open. */
    readonly images: number;
    /** Readers that wait for an image. */
    readonly waiting: number;
  };
}

export interface NativeSession {
  /** Mounts; throws MOUNT_FAILED. */
  startSession(options: SessionOptions): Session;
}
