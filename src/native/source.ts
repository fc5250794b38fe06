/** Reading single places of a source, and exports of NBD servers. */

/** A file, a device or an export, for reading single places of it; opaque. */
export interface SourceReader {
  readonly __sourceReader: never;
}

/** A disk that an NBD server exports, connected; opaque. */
export interface NbdExport {
  readonly __nbdExport: never;
}

export interface NbdOptions {
  /** As reports show it. */
  readonly path: string;
  /** Path of a unix socket, or '' with a host and a port. */
  readonly socket: string;
  readonly host: string;
  readonly port: string;
  /** Of the export. */
  readonly name: string;
  /** Folder with ca-cert.pem, for TLS; '' without. */
  readonly certificates: string;
  /** Meta contexts to ask for. */
  readonly contexts: readonly string[];
  /** Milliseconds that the server may be silent, and that a broken connection is tried anew. */
  readonly patience: number;
}

export interface NbdFacts {
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Those asked for that the server has. */
  readonly contexts: readonly string[];
  /** That are there now; and how often one was lost and made again. */
  readonly connections: number;
  readonly losses: number;
}

export interface NativeSource {
  /** For reading single places just as a backup reads all: a device past the machine's cache, which may be old. Throws SOURCE_OPEN. */
  openSource(options: { source: string | NbdExport; kind: 'file' | 'device' | 'nbd'; size: number }): SourceReader;
  /** Exactly so many bytes, at most 64 MiB, which must lie within the size. Rejects with SOURCE_READ, SOURCE_SIZE_CHANGED. */
  readSource(source: SourceReader, range: { offset: number; length: number }): Promise<Buffer>;
  closeSource(source: SourceReader): void;
  /** Connects. Rejects with LIBNBD_MISSING, SOURCE_UNREACHABLE, SOURCE_EXPORT_MISSING. */
  openNbd(options: NbdOptions): Promise<NbdExport>;
  nbdFacts(opened: NbdExport): NbdFacts;
  /** What has any flag of a context: offset, length, offset, length … Rejects with SOURCE_READ, SOURCE_LOST, SOURCE_SIZE_CHANGED. */
  nbdFlagged(opened: NbdExport, context: string): Promise<Float64Array>;
  closeNbd(opened: NbdExport): void;
  /** Version of libnbd; null where it cannot be loaded. */
  nbdLibrary(): string | null;
}
