/**
 * Object lock: until a date that each object carries nobody can remove or change it, not even with all permissions.
 *
 * Locked is what points are read with, and cannot be made anew: configuration, keys, manifests, maps, packs, and the marks that say where
 * a map lies. Leases, trash and the other marks stay removable: nothing is lost with them.
 */

export const lockModes = ['compliance', 'governance'] as const;
/** `compliance`: nobody; `governance`: nobody but who has been given `s3:BypassGovernanceRetention`. */
export type LockMode = (typeof lockModes)[number];

export interface LockRule {
  readonly mode: LockMode;
  /** From the creation of an object, and again from each renewal. */
  readonly days: number;
}

export interface LockedObject {
  readonly name: string;
  readonly until: Date;
}

/** The locks on the objects of a store. */
export interface ObjectLocks {
  readonly rule: LockRule;
  /** Until when an object is locked; null: it is not, or is not there. */
  until(name: string): Promise<Date | null>;
  /** Locks an object for the days of the rule from an instant on (milliseconds), or from now on. */
  renew(name: string, from?: number): Promise<void>;
}

/** Longest lock that can be asked for: what is locked in error costs money until then. */
export const mostLockDays = 3650;

/** Where objects lie that are locked. */
export const lockedPrefixes = ['strata.json', 'keys/', 'points/', 'maps/', 'packs/', 'marks/'] as const;

const day = 86_400_000;

/** Whether an object of this name is to be locked. */
export function isLockable(name: string): boolean {
  if (name.startsWith('marks/')) return /^marks\/[0-9a-f]{24}\.moved\./.test(name);
  return lockedPrefixes.some((prefix) => name.startsWith(prefix));
}

/** When a lock that begins at `start` (milliseconds) ends. */
export function endOfLock({ days }: LockRule, start: number): Date {
  return new Date(start + days * day);
}
