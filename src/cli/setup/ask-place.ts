/** Where the backups go: asked for until it was seen that a repository is there, or can be made. */
import { fail } from '../../errors.ts';
import { type ExaminedPlace, examinePlace } from '../../jobs/setup/place.ts';
import { findStorageKeys } from '../../jobs/setup/storage-keys.ts';
import type { StorageSettings } from '../../repository/stores/settings.ts';
import { formatSize, formatTime } from '../units.ts';
import type { Asker } from './asker.ts';

interface Wanted {
  readonly location: string;
  readonly storage: StorageSettings;
}

/** The place of --repo or STRATA_REPO, or one that is asked for. */
export async function askPlace(
  asker: Asker,
  given: string | undefined,
  storage: StorageSettings,
): Promise<ExaminedPlace> {
  if (given !== undefined) return take(asker, { location: given, storage });
  return asker.answer({
    option: '--repo',
    given: undefined,
    fallback: undefined,
    ask: () =>
      asker.untilTaken(
        () => askWhere(asker, storage),
        (wanted) => take(asker, wanted),
      ),
  });
}

async function askWhere(asker: Asker, storage: StorageSettings): Promise<Wanted> {
  const kind = await asker.choose('Where do the backups go?', [
    { value: 'folder', name: 'a folder', description: 'on another disk than those to back up' },
    { value: 'bucket', name: 'a bucket of object storage', description: 'S3: AWS, Ceph, MinIO and others' },
  ]);
  if (kind === 'folder') {
    const location = await asker.text('Folder:', {
      check: (text) => text.trim().startsWith('/') || 'a whole path, such as /srv/backups',
    });
    return { location, storage };
  }
  const bucket = await asker.text('Bucket, with a prefix if you like:', {
    check: (text) => text.trim() !== '' || 'such as company-backups/servers',
  });
  const address = bucket.replace(/^s3:\/\//i, '');
  return { location: `s3://${address}`, storage: await askServer(asker, storage) };
}

async function askServer(asker: Asker, storage: StorageSettings): Promise<StorageSettings> {
  if (storage.endpoint !== null) return storage;
  const endpoint = await asker.text('Address of the server (empty: AWS):');
  if (endpoint === '') return storage;
  const plain = /^http:/i.test(endpoint);
  const plainHttp =
    plain && (await asker.confirm('Plain http: others on the way can see and change it. Allow?', false));
  const pathStyle = await asker.confirm('Does the bucket stand in the path (usual beside AWS)?', true);
  return { ...storage, endpoint, plainHttp: storage.plainHttp || plainHttp, pathStyle: storage.pathStyle || pathStyle };
}

async function take(asker: Asker, { location, storage }: Wanted): Promise<ExaminedPlace> {
  if (/^s3:\/\//i.test(location)) await askKeys(asker, storage);
  asker.say(`trying ${location} …`);
  const place = await examinePlace(location, storage);
  const { existing, free, inBucket } = place;
  if (existing !== null) {
    const sealed = existing.encryption === 'none' ? 'not encrypted' : 'encrypted';
    asker.say(`  a repository, made ${formatTime(existing.created)}, ${sealed}; id ${existing.id}`);
    const use = asker.yes || (await asker.confirm('Use it?', true));
    if (!use) throw fail('REPOSITORY_EXISTS', { location: place.location });
    return place;
  }
  const proven = inBucket
    ? 'access, conditions and races are as they must be'
    : 'it can be written, and makes hard links';
  asker.say(`  ${proven}${free === null ? '' : `; ${formatSize(free)} free`}`);
  return place;
}

/** Keys that nothing else gives are used by this process; saving them is another question. */
async function askKeys(asker: Asker, { endpoint }: StorageSettings): Promise<void> {
  const { usable } = await findStorageKeys();
  if (usable || asker.yes) return;
  const has = await asker.choose('Neither the environment nor ~/.aws has a key.', [
    { value: 'type', name: 'type one', description: 'saved only if you say so later' },
    { value: 'role', name: 'this machine has a role', description: 'its provider gives it keys' },
  ]);
  if (has === 'role') return;
  process.env.AWS_ACCESS_KEY_ID = await asker.text('Key id:', { check: (text) => text.trim() !== '' || 'it is empty' });
  process.env.AWS_SECRET_ACCESS_KEY = (await asker.secret('Secret key:')).trim();
  if (endpoint !== null || process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION) return;
  process.env.AWS_REGION = await asker.text('Region of the bucket:', { fallback: 'us-east-1' });
}
