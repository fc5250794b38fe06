/** Decodes the data of the client's options, none of which can be trusted ("Option types"). */

/** The data is not what the option's definition says: the client gets NBD_REP_ERR_INVALID. */
export class InvalidOption extends Error {}

/** What NBD_OPT_INFO and NBD_OPT_GO ask for. */
export interface InfoRequest {
  readonly name: Buffer;
  readonly wanted: ReadonlySet<number>;
}

/** What NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT ask for. */
export interface ContextRequest {
  readonly name: Buffer;
  readonly queries: readonly string[];
}

export function decodeInfoRequest(data: Buffer): InfoRequest {
  const fields = new Fields(data);
  const name = fields.bytes(fields.u32());
  const wanted = new Set<number>();
  for (let left = fields.u16(); left > 0; left--) wanted.add(fields.u16());
  fields.end();
  return { name, wanted };
}

export function decodeContextRequest(data: Buffer): ContextRequest {
  const fields = new Fields(data);
  const name = fields.bytes(fields.u32());
  const queries: string[] = [];
  for (let left = fields.u32(); left > 0; left--) queries.push(fields.bytes(fields.u32()).toString());
  fields.end();
  return { name, queries };
}

export function decodeNothing(data: Buffer): void {
  new Fields(data).end();
}

/** Takes one field after the other, and nothing past the end. */
class Fields {
  #rest: Buffer;

  constructor(data: Buffer) {
    this.#rest = data;
  }

  bytes(length: number): Buffer {
    if (length > this.#rest.length) throw new InvalidOption('the option ends before its fields do');
    const field = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return field;
  }

  u16(): number {
    return this.bytes(2).readUInt16BE();
  }

  u32(): number {
    return this.bytes(4).readUInt32BE();
  }

  end(): void {
    if (this.#rest.length > 0) throw new InvalidOption('the option is longer than its fields');
  }
}
