/** Keys, and small objects that are sealed with them. */

/** Master key and whether frames are sealed; opaque. */
export interface Vault {
  readonly __vault: never;
}

export const frameType = { block: 1, location: 2, digest: 3, mapIndex: 4, packIndex: 5, record: 6 } as const;

export interface NativeVault {
  /** scrypt of bytes: RFC 7914. `N` a power of two, `length` up to 64 bytes. Rejects with NATIVE_ARGUMENT, OUT_OF_MEMORY. */
  deriveKey(options: {
    passphrase: Uint8Array;
    salt: Uint8Array;
    N: number;
    r: number;
    p: number;
    length: number;
  }): Promise<Buffer>;
  createVault(master: Uint8Array, sealed: boolean): Vault;
  /** Compresses and seals a small object; `type` from `frameType`. */
  sealFrame(vault: Vault, type: number, context: string, raw: Uint8Array): Buffer;
  /** Throws FRAME_DAMAGED when anything does not fit. */
  openFrame(vault: Vault, type: number, context: string, frame: Uint8Array): Buffer;
}
