/** What the line can answer. */
import type { RetentionOptions } from '../retention-options.ts';
import type { StorageOptions } from '../storage-options.ts';

export interface SetupOptions extends RetentionOptions, StorageOptions {
  readonly repo?: string;
  readonly passwordFile?: string;
  readonly quiet?: true;
  /** False with --no-encryption. */
  readonly encryption: boolean;
  readonly source?: readonly string[];
  readonly machine?: string;
  readonly every?: string;
  readonly calendar?: string;
  readonly byHand?: true;
  readonly keepAll?: true;
  readonly maxChain?: number;
  /** A calendar, or false with --no-consolidate. */
  readonly consolidate?: string | false;
  readonly install?: boolean;
  readonly user?: true;
  readonly unitDir?: string;
  readonly saveKeys?: boolean;
  /** A file, or false with --no-recovery-sheet. */
  readonly recoverySheet?: string | false;
  readonly replace?: true;
  readonly yes?: true;
  readonly dryRun?: true;
}
