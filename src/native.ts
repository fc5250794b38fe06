/**
 * The native addon: the only file that loads it. The types of everything that crosses lie in src/native.
 *
 * Bulk bytes (read, hash, compare, compress, seal, merge) happen in threads of the addon; what crosses here
 * are options, counters and results. Handles are opaque. Long actions are *runs*: they start at once, are
 * watched by polling `progress()`, stopped by `cancel()`, and settle `finished` exactly once, after all their
 * threads have ended. A run that fails rejects with a `NativeError`.
 */
import { createRequire } from 'node:module';
import type { NativeBackup } from './native/backup.ts';
import type { NativeImages } from './native/images.ts';
import type { NativeMaps } from './native/maps.ts';
import type { NativeRemote } from './native/remote.ts';
import type { NativeRestore } from './native/restore.ts';
import type { NativeSession } from './native/session.ts';
import type { NativeSource } from './native/source.ts';
import type { NativeSynthesis } from './native/synthesis.ts';
import type { NativeSystem } from './native/system.ts';
import type { NativeVault } from './native/vault.ts';

export interface Native
  extends NativeVault,
    NativeMaps,
    NativeRemote,
    NativeBackup,
    NativeSource,
    NativeSynthesis,
    NativeRestore,
    NativeImages,
    NativeSession,
    NativeSystem {}

const require = createRequire(import.meta.url);

/** The addon; loading fails with a plain error when it was not built. */
export const native: Native = require('../native/build/Release/strata.node') as Native;
