/** Records: small JSON objects, each in one frame that is bound to the object's name (docs/format.md, Frames). */
import { fail, fromNative } from '../errors.ts';
import { frameType, type Vault } from '../native/vault.ts';
import { native } from '../native.ts';

/** The stored form of a record that is to have this name. */
export function sealRecord(vault: Vault, name: string, content: unknown): Buffer {
  return native.sealFrame(vault, frameType.record, name, Buffer.from(JSON.stringify(content)));
}

/** The content of the record of this name; FRAME_DAMAGED when it is not whole, not ours, or of another name. */
export function openRecord(vault: Vault, name: string, stored: Uint8Array): unknown {
  const raw = openFrame(vault, name, stored);
  try {
    return JSON.parse(raw.toString());
  } catch (error) {
    throw fail('FRAME_DAMAGED', { path: name, reason: 'it is not JSON' }, { cause: error });
  }
}

function openFrame(vault: Vault, name: string, stored: Uint8Array): Buffer {
  try {
    return native.openFrame(vault, frameType.record, name, stored);
  } catch (error) {
    throw fromNative(error, name);
  }
}
