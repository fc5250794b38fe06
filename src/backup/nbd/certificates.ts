/** Where the certificates for an `nbds://` export lie, as libnbd looks for them. */
import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fail } from '../../errors.ts';
import type { NbdUri } from './uri.ts';

/**
 * The folder: SOURCE_OPEN when no authority's certificate is in it. Without one libnbd takes the system's authorities, and 1.14 for
 * one (Debian 12) then looks at no server's certificate at all.
 */
export async function certificatesOf({ path, tls, certificates }: NbdUri): Promise<string> {
  if (!tls) return '';
  const ofUser = [join(homedir(), '.pki/libnbd'), join(homedir(), '.config/pki/libnbd')];
  const usual = process.geteuid?.() === 0 ? ['/etc/pki/libnbd'] : ofUser;
  const folders = certificates === null ? usual : [certificates];
  for (const folder of folders) {
    if (await isReadable(join(folder, 'ca-cert.pem'))) return folder;
  }
  const reason = `no ca-cert.pem can be read in ${folders.join(' or ')}; name its folder by ?tls-certificates=`;
  throw fail('SOURCE_OPEN', { path, reason });
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}
