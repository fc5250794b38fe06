/** What Strata uses of the package fuse-native 2.2.6, which brings no types. */
declare module 'fuse-native' {
  /** 0, or a negative errno. */
  type Result = number;

  /** Numbers of 32 bits, except size, blocks and the times. */
  export interface Stat {
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
    readonly size: number;
    readonly nlink: number;
    readonly ino: number;
    readonly blksize: number;
    readonly blocks: number;
    /** Milliseconds since 1970. */
    readonly atime: number;
    readonly mtime: number;
    readonly ctime: number;
  }

  export interface Statfs {
    readonly bsize: number;
    readonly frsize: number;
    readonly files: number;
    readonly namemax: number;
  }

  /** What the kernel asks for. Whatever is thrown ends the process; whatever is not answered is waited for. */
  export interface Handlers {
    readonly getattr: (path: string, done: (result: Result, stat?: Stat) => void) => void;
    readonly readlink: (path: string, done: (result: Result, target?: string) => void) => void;
    readonly readdir: (path: string, done: (result: Result, names?: string[], stats?: Stat[]) => void) => void;
    readonly statfs: (path: string, done: (result: Result, statfs?: Statfs) => void) => void;
    /** The file's number is not 0 and below 2³¹. */
    readonly open: (path: string, flags: number, done: (result: Result, file?: number) => void) => void;
    readonly release: (path: string, file: number, done: (result: Result) => void) => void;
    /** `into` is libfuse's memory, to be filled before `done` is told how many bytes. */
    readonly read: Transfer;
    readonly write: Transfer;
    readonly fsync: (path: string, dataOnly: number, file: number, done: (result: Result) => void) => void;
    readonly getxattr: () => void;
    readonly listxattr: () => void;
  }

  type Transfer = (
    path: string,
    file: number,
    bytes: Buffer,
    length: number,
    offset: number,
    done: (result: Result) => void,
  ) => void;

  export interface Options {
    /** `false`: none. */
    readonly timeout: false;
    readonly allowOther: boolean;
    readonly defaultPermissions: boolean;
    readonly kernelCache: boolean;
    readonly subtype: string;
  }

  export default class Fuse {
    /** Runs `fusermount -uz` in a shell. */
    static unmount(mountPoint: string, done: (error: Error | null) => void): void;
    constructor(mountPoint: string, handlers: Handlers, options: Options);
    /** Told when the kernel is being answered. */
    mount(done: (error?: Error | null) => void): void;
    /** Calls `Fuse.unmount`, then lets the process end. */
    unmount(done: (error?: Error | null) => void): void;
    /** Not meant to be replaced. `answer` wants the memory that it was given, so that it can let go of it. */
    _op_getxattr: (
      answer: (result: Result, memory: ArrayBufferLike) => void,
      path: string,
      name: string,
      into: Buffer,
    ) => void;
    _op_listxattr: (answer: (result: Result, memory: ArrayBufferLike) => void, path: string, into: Buffer) => void;
  }
}
