/** Connecting to the export that is to be backed up. */
import { fail, fromNative } from '../../errors.ts';
import type { NbdExport } from '../../native/source.ts';
import { native } from '../../native.ts';
import type { Source } from '../source.ts';
import { certificatesOf } from './certificates.ts';
import { parseNbdUri } from './uri.ts';

/** What the server tells of zeros. */
const allocation = 'base:allocation';

/** A source of kind `nbd` that can be read. */
export interface ConnectedSource extends Source {
  readonly kind: 'nbd';
  readonly input: NbdExport;
  readonly size: number;
}

/**
 * Connects to a source of kind `nbd`, and asks for meta contexts besides that of zeros. `patience`: milliseconds that the server may be
 * silent. SOURCE_UNREACHABLE, SOURCE_EXPORT_MISSING, SOURCE_EMPTY.
 */
export async function connect(source: Source, contexts: readonly string[], patience: number): Promise<ConnectedSource> {
  const uri = parseNbdUri(source.path);
  const { path, socket, host, port, name } = uri;
  const certificates = await certificatesOf(uri);
  const at = socket === null ? { socket: '', host, port: String(port) } : { socket, host: '', port: '' };
  const asked = [allocation, ...contexts];
  const input = await native
    .openNbd({ path, ...at, name, certificates, contexts: asked, patience })
    .catch((error: unknown) => {
      throw fromNative(error, path);
    });
  const { size, readOnly } = native.nbdFacts(input);
  const refused =
    size === 0
      ? fail('SOURCE_EMPTY', { path })
      : Number.isSafeInteger(size)
        ? null
        : fail('SOURCE_OPEN', { path, reason: 'it says that it is larger than 8 PiB' });
  if (refused === null) return { ...source, kind: 'nbd', input, size, isShared: !readOnly };
  native.closeNbd(input);
  throw refused;
}
