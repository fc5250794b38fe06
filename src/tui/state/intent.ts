/** What is done with a form when it is taken. Plain data, so that the state stays plain. */
import type { ConsolidationRequest } from '../../jobs/consolidate.ts';
import type { ListedPoint } from '../../jobs/points.ts';
import type { RestoreRequest } from '../../jobs/restore.ts';
import type { AddRequest } from '../../jobs/schedule/add.ts';
import type { DiskName } from './state.ts';

/** What the restore wizard knows so far. */
export interface RestoreDraft {
  readonly point: ListedPoint;
  readonly partition: number | null;
  /** What is restored, for people. */
  readonly what: string;
  readonly to: string;
  /** What the disk is called that was chosen; null when a path was written. */
  readonly toName: string | null;
}

/** What is to be backed up. */
export interface Sources {
  /** Each with the name of its disk, when that does not follow from it; null: all disks of the machine. */
  readonly disks: readonly { readonly source: string; readonly disk?: string | undefined }[] | null;
}

/** A job to be saved, of the repository that is open. */
export type NewJob = Pick<AddRequest, 'name' | 'passwordFile' | 'every' | 'calendar' | 'settings'>;

/** What is known so far of a job that is to be saved. */
export interface JobDraft {
  readonly name: string;
  readonly kind: 'backup' | 'verify' | 'consolidate';
  /** Of a backup. */
  readonly sources: Sources;
  /** An interval or a cron expression; neither: it is run by hand. */
  readonly every: string | undefined;
  readonly calendar: string | undefined;
  readonly passwordFile: string | undefined;
}

/** Looks at what was entered before the form goes, and may refuse it. */
export type Checked =
  | { readonly do: 'open' }
  | { readonly do: 'mount'; readonly show: ListedPoint | null }
  /** `names`: of disks, by the paths that they are found by. */
  | { readonly do: 'backup'; readonly names: Readonly<Record<string, string>> }
  | { readonly do: 'copy-out'; readonly key: string; readonly name: string }
  | { readonly do: 'search' }
  | { readonly do: 'plan'; readonly disk: DiskName | null }
  /** `chosen`: what was chosen before it was asked which files that takes; null: that comes first. */
  | { readonly do: 'serve'; readonly point: ListedPoint; readonly chosen: Readonly<Record<string, string>> | null }
  | { readonly do: 'job-what' }
  | { readonly do: 'job-sources'; readonly draft: JobDraft; readonly names: Readonly<Record<string, string>> }
  | { readonly do: 'job-when'; readonly draft: JobDraft; readonly isEncrypted: boolean }
  | { readonly do: 'job-keep'; readonly draft: JobDraft }
  | { readonly do: 'add-job'; readonly request: NewJob }
  | { readonly do: 'keys' }
  /** `changes`: it takes the place of the one that opened the repository. */
  | { readonly do: 'new-passphrase'; readonly changes: boolean }
  | { readonly do: 'restore-what'; readonly draft: RestoreDraft; readonly labels: Readonly<Record<string, string>> }
  | { readonly do: 'restore-where'; readonly draft: RestoreDraft; readonly names: Readonly<Record<string, string>> }
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
  /** `points`: of which nothing can be had, as a dry run found. */
  | { readonly do: 'drop'; readonly points: readonly string[]; readonly quick: boolean }
  | { readonly do: 'remove-key'; readonly id: string }
  | { readonly do: 'file-versions'; readonly key: string; readonly name: string }
  | { readonly do: 'verify-all' }
  | { readonly do: 'undelete'; readonly point: string }
  | { readonly do: 'cancel'; readonly job: number }
  | { readonly do: 'consolidate'; readonly request: ConsolidationRequest; readonly what: string }
  | { readonly do: 'restore'; readonly request: RestoreRequest; readonly what: string; readonly check: boolean };

export type Intent = Checked | Deed;
