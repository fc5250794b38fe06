/** The disk and nothing else. */
import type { Format } from './format.ts';
import type { Layout, PointDisk } from './segment.ts';

export const raw: Format = { fileName: 'disk.raw', sizeOf: ({ size }) => size, whyNot: () => null, layout };

/** The image has the disk's exact size, also when that is not a whole number of sectors. */
function layout(disk: PointDisk): Layout {
  return { size: disk.size, segments: [{ kind: 'disk', offset: 0, length: disk.size }] };
}
