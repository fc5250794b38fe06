/**
 * Serves one mount by a driver's session itself: a disk of zeros with an overlay, images that are refused or not answered,
 * and a folder made on demand. `node session-child.ts DRIVER FOLDER`, where FOLDER holds `mount`. Tells its events as JSON
 * lines, and does what lines of standard input say.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fuse } from '../../src/mount/drivers/fuse.ts';
import { fuseNative } from '../../src/mount/drivers/fuse-native.ts';
import { createOverlay, openOverlay } from '../../src/mount/overlay.ts';
import type { Content } from '../../src/native/images.ts';
import type { TreeEntry } from '../../src/native/session.ts';
import { native } from '../../src/native.ts';
import { images, size } from './session-images.ts';

const [, , driverName, folder = ''] = process.argv;
const driver = driverName === 'fuse' ? fuse : fuseNative;
const seconds = 1_700_000_000;

const store = native.openReadStore({
  vault: native.createVault(randomBytes(32), false),
  packs: { folder: join(folder, 'packs') },
  blockSize: 65536,
  cacheBytes: 1 << 20,
  threads: 1,
});
const point = await native.openPoint({ store, chain: [], size, folder });

function zeros(): Content {
  const [kinds, starts, sources] = [Uint8Array.of(1), Float64Array.of(0), Float64Array.of(0)];
  return native.openImage({ point, kinds, starts, sources, literals: new Uint8Array(), size });
}

const path = join(folder, 'overlay');
const subject = { repository: 'r', point: '0'.repeat(24), size };
await createOverlay(path, subject);
const overlay = await openOverlay(path, subject, zeros());

const tree = (withFolder: boolean): TreeEntry[] => [
  { path: 'overlay.raw', kind: 'image', seconds, image: images.overlay, size, writable: true },
  { path: 'fixed.raw', kind: 'image', seconds, image: images.fixed, size },
  { path: 'refused.raw', kind: 'image', seconds, image: images.refused },
  { path: 'late.raw', kind: 'image', seconds, image: images.late, size },
  { path: 'text', kind: 'text', seconds, text: 'a text\n' },
  { path: 'folder', kind: 'folder', seconds, image: withFolder ? 0 : images.folder },
  ...(withFolder ? [{ path: 'folder/inside', kind: 'text', seconds, text: '' } as const] : []),
];

const tell = (event: unknown) => process.stdout.write(`${JSON.stringify(event)}\n`);

const session = await driver.start({
  mountPoint: join(folder, 'mount'),
  name: 'strata:test, with \\ and a comma',
  allowOther: false,
  writable: true,
  tree: tree(false),
  onEvent: (event) => {
    tell(event);
    if (event.event !== 'prepare') return;
    switch (event.image) {
      case images.overlay:
        return session.provide(event.image, overlay);
      case images.fixed:
        return session.provide(event.image, zeros());
      case images.refused:
        return session.refuse(event.image, constants.errno.EACCES);
      case images.folder:
        session.replace(tree(true));
        return session.refuse(event.image, 0);
    }
  },
});

const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  switch (line) {
    case 'counters':
      return tell({ event: 'counters', ...session.counters() });
    case 'provide':
      return session.provide(images.late, zeros());
    case 'stop':
      return session.stop();
  }
});
await session.finished;
tell({ event: 'finished' });
input.close();
process.stdin.destroy();
