/** What is done with a form when it is taken. Plain data, so that the state stays plain. */
import type { ConsolidationRequest } from '../../jobs/consolidate.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import type { RestoreRequest } from '../../jobs/restore.ts';
import type { DiskName } from './state.ts';

/** What the restore wizard knows so far. */
export interface RestoreDraft {
  readonly point: ListedPoint;
  readonly partition: number | null;
  /** What is restored, for people. */
  readonly what: string;
  readonly to: string;
}

/** Looks at what was entered before the form goes, and may refuse it. */
export type Checked =
  | { readonly do: 'open' }
  | { readonly do: 'mount'; readonly show: ListedPoint | null }
  | { readonly do: 'backup' }
  | { readonly do: 'copy-out'; readonly key: string; readonly name: string }
  | { readonly do: 'search' }
  | { readonly do: 'plan'; readonly disk: DiskName | null }
  | { readonly do: 'serve'; readonly point: ListedPoint }
  | { readonly do: 'add-job' }
  | { readonly do: 'keys' }
  /** `changes`: it takes the place of the one that opened the repository. */
  | { readonly do: 'new-passphrase'; readonly changes: boolean }
  | { readonly do: 'restore-what'; readonly draft: RestoreDraft; readonly labels: Readonly<Record<string, string>> }
  | { readonly do: 'restore-where'; readonly draft: RestoreDraft }
  | { readonly do: 'restore-how'; readonly draft: RestoreDraft; readonly exists: boolean };

/** Done once the form is gone. */
export type Deed =
  | { readonly do: 'passphrase' }
  | { readonly do: 'quit' }
  | { readonly do: 'force-unmount'; readonly directory: string | null; readonly drive: string | null }
  | { readonly do: 'forget'; readonly point: ListedPoint }
  | { readonly do: 'synthesize'; readonly point: ListedPoint }
  | { readonly do: 'collect' }
  | { readonly do: 'repair' }
  | { readonly do: 'remove-key'; readonly id: string }
  | { readonly do: 'file-versions'; readonly key: string; readonly name: string }
  | { readonly do: 'verify-all' }
  | { readonly do: 'undelete'; readonly point: string }
  | { readonly do: 'cancel'; readonly job: number }
  | { readonly do: 'consolidate'; readonly request: ConsolidationRequest; readonly what: string }
  | { readonly do: 'restore'; readonly request: RestoreRequest; readonly what: string; readonly check: boolean };

export type Intent = Checked | Deed;
