/** An image file that native serves: a layout over an open point. */

import type { Content, OpenPoint } from '../native/images.ts';
import { native } from '../native.ts';
import type { Layout, Segment } from './formats/segment.ts';

/** Opens the image that `layout` describes. */
export function openImage(point: OpenPoint, layout: Layout): Content {
  const { segments, size } = layout;
  const kinds = new Uint8Array(segments.length);
  const starts = new Float64Array(segments.length);
  const sources = new Float64Array(segments.length);
  const literals: Uint8Array[] = [];
  let start = 0;
  let literal = 0;
  for (const [i, segment] of segments.entries()) {
    starts[i] = start;
    start += lengthOf(segment);
    switch (segment.kind) {
      case 'literal':
        sources[i] = literal;
        literals.push(segment.bytes);
        literal += segment.bytes.length;
        break;
      case 'disk':
        kinds[i] = 1;
        sources[i] = segment.offset;
        break;
      case 'zeros':
        kinds[i] = 2;
        break;
    }
  }
  return native.openImage({ point, kinds, starts, sources, literals: Buffer.concat(literals), size });
}

function lengthOf(segment: Segment): number {
  return segment.kind === 'literal' ? segment.bytes.length : segment.length;
}
