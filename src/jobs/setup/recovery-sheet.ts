/** The sheet that finds the backups again when this machine is gone. It never holds the passphrase, nor a key. */
import type { SetupPlan } from './plan.ts';

/** By this line a sheet is known that may be written anew. */
export const sheetHead = 'Strata recovery sheet';

/** The text of the sheet. `id` is that of the repository, null when it is yet to be made; `written` is ISO 8601 UTC. */
export function recoverySheet(
  { location, storage, passwordFile, jobs }: SetupPlan,
  id: string | null,
  written: string,
): string {
  const disks = jobs.flatMap((job) => (job.kind === 'backup' ? [job.settings] : []));
  const [first] = disks;
  const environment = [
    `export STRATA_REPO=${quoted(location)}`,
    ...(storage.endpoint === null ? [] : [`export STRATA_S3_ENDPOINT=${quoted(storage.endpoint)}`]),
    ...(storage.pathStyle ? ['export STRATA_S3_PATH_STYLE=1'] : []),
    ...(storage.plainHttp ? ['export STRATA_S3_PLAIN_HTTP=1'] : []),
  ];
  return `${sheetHead}
${'='.repeat(sheetHead.length)}

Print this, or keep it elsewhere than on the machine that is backed up.

Repository  ${location}
Id          ${id ?? '(made when the setup is carried out)'}
Written     ${written}
Disks       ${disks.map(({ machine, disk, source }) => `${machine}/${disk} (${source})`).join('\n            ')}

${passphraseNote(passwordFile)}
To get a disk back, on any Linux machine with Strata${location.startsWith('s3:') ? ' and a key to the bucket' : ''}:

    ${environment.join('\n    ')}
    strata points
    strata restore ${quoted(`${first?.machine ?? 'MACHINE'}/${first?.disk ?? 'DISK'}@latest`)} --to /dev/DISK --force
`;
}

function passphraseNote(passwordFile: string | null): string {
  if (passwordFile === null) return 'The repository is not encrypted: whoever gets at it can read everything.\n';
  return `The passphrase is not on this sheet. Without it nobody can read the backups, neither can the makers of Strata.
It lies in ${passwordFile} of the machine, which may be gone when you need it.
Write it here by hand, or where it is kept:

    ______________________________________________________
`;
}

/** A word for a shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
