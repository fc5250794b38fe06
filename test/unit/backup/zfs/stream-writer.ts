/** Writes streams as `zfs send` does (include/sys/zfs_ioctl.h of OpenZFS), on its own: it shares no code with the reader. */

export type StreamRecord =
  | { readonly type: 'object'; readonly object: number; readonly bonus?: number }
  | { readonly type: 'free-objects'; readonly first: number; readonly count: number }
  | {
      readonly type: 'write';
      readonly object: number;
      readonly offset: number;
      readonly length: number;
      /** Bytes of its content when that is compressed. */
      readonly compressed?: number;
    }
  | { readonly type: 'free'; readonly object: number; readonly offset: number; readonly length: number | bigint }
  | {
      readonly type: 'embedded';
      readonly object: number;
      readonly offset: number;
      readonly length: number;
      readonly bytes: number;
    }
  | { readonly type: 'spill'; readonly object: number; readonly length: number };

export interface StreamHead {
  readonly kind: 'file' | 'volume';
  readonly from: bigint;
  readonly to: bigint;
  readonly littleEndian?: boolean;
  /** Bits of `drr_versioninfo` above the lowest two. */
  readonly features?: bigint;
}

const numbers = { object: 1, 'free-objects': 2, write: 3, free: 4, spill: 7, embedded: 8 } as const;

export function writeStream(head: StreamHead, records: readonly StreamRecord[]): Buffer {
  const { kind, from, to, littleEndian: little = true, features = (1n << 16n) | (1n << 17n) | (1n << 22n) } = head;
  const parts: Uint8Array[] = [];
  const mask = (1n << 64n) - 1n;
  const sums = [0n, 0n, 0n, 0n] as [bigint, bigint, bigint, bigint];
  const put = (bytes: Uint8Array) => {
    parts.push(bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += 4) {
      sums[0] = (sums[0] + BigInt(view.getUint32(at, little))) & mask;
      for (const next of [1, 2, 3] as const) sums[next] = (sums[next] + (sums[next - 1] ?? 0n)) & mask;
    }
  };
  const emit = (type: number, fill: (view: DataView) => void, content = 0) => {
    const record = new Uint8Array(312);
    const view = new DataView(record.buffer);
    view.setUint32(0, type, little);
    fill(view);
    if (type === 0) put(record);
    else {
      put(record.subarray(0, 280));
      for (const [index, sum] of sums.entries()) view.setBigUint64(280 + index * 8, sum, little);
      put(record.subarray(280));
    }
    put(Uint8Array.from({ length: content }, (_, at) => (at * 7 + parts.length) & 255));
  };
  const whole = (view: DataView, at: number, value: number | bigint) => view.setBigUint64(at, BigInt(value), little);
  emit(0, (view) => {
    whole(view, 8, 0x2f5bacbacn);
    whole(view, 16, 1n | (features << 2n));
    view.setUint32(32, kind === 'file' ? 2 : 3, little);
    view.setUint32(36, 4, little);
    whole(view, 40, to);
    whole(view, 48, from);
    new Uint8Array(view.buffer).set(Buffer.from('pool/set@now'), 56);
  });
  for (const record of records) {
    emit(numbers[record.type], (view) => fillIn(view, record, to, little), contentOf(record));
  }
  emit(5, (view) => {
    for (const [index, sum] of sums.entries()) whole(view, 8 + index * 8, sum);
    whole(view, 40, to);
  });
  return Buffer.concat(parts);
}

function fillIn(view: DataView, record: StreamRecord, to: bigint, little: boolean): void {
  const all = (...values: readonly (readonly [number, number | bigint])[]) => {
    for (const [at, value] of values) view.setBigUint64(at, BigInt(value), little);
  };
  switch (record.type) {
    case 'object':
      all([8, record.object], [40, to]);
      view.setUint32(28, record.bonus ?? 0, little);
      break;
    case 'free-objects':
      all([8, record.first], [16, record.count], [24, to]);
      break;
    case 'write':
      all([8, record.object], [24, record.offset], [32, record.length], [40, to], [96, record.compressed ?? 0]);
      view.setUint8(50, record.compressed === undefined ? 0 : 15);
      break;
    case 'free':
      all([8, record.object], [16, record.offset], [24, record.length], [32, to]);
      break;
    case 'embedded':
      all([8, record.object], [16, record.offset], [24, record.length], [32, to]);
      view.setUint32(48, record.length, little);
      view.setUint32(52, record.bytes, little);
      break;
    default:
      all([8, record.object], [16, record.length], [24, to]);
  }
}

function contentOf(record: StreamRecord): number {
  const bytes = {
    object: () => ('bonus' in record ? (record.bonus ?? 0) : 0),
    'free-objects': () => 0,
    write: () => (record.type === 'write' ? (record.compressed ?? record.length) : 0),
    free: () => 0,
    embedded: () => (record.type === 'embedded' ? record.bytes : 0),
    spill: () => (record.type === 'spill' ? record.length : 0),
  }[record.type]();
  return Math.ceil(bytes / 8) * 8;
}
