/** Object lock as the S3 API has it: a retention on each version, and what a bucket says of versions and locks. */
import {
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { isStrataError } from '../../../errors.ts';
import type { LockMode } from '../lock.ts';
import { answerOf, isMissing } from './failure.ts';
import type { Requests } from './requests.ts';

export const modeNames = { compliance: 'COMPLIANCE', governance: 'GOVERNANCE' } as const satisfies Record<
  LockMode,
  string
>;

/** What an object is locked by. */
export interface Lock {
  readonly mode: LockMode;
  readonly until: Date;
}

/** What a bucket says of itself. */
export interface Keeping {
  readonly versions: 'on' | 'suspended' | 'off';
  /** Versions can be removed only with a one-time password. */
  readonly needsPassword: boolean;
  readonly lock: 'on' | 'locks everything' | 'off';
}

export class Retentions {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** What the bucket says of versions and locks; null: who asks may not know, or the server has no word for it. */
  async keeping(): Promise<Keeping | null> {
    const { client, name: Bucket } = this.#requests;
    try {
      const { Status, MFADelete } = await this.#requests.send('GetBucketVersioning', '', (options) =>
        client.send(new GetBucketVersioningCommand({ Bucket }), options),
      );
      const versions = Status === 'Enabled' ? 'on' : Status === 'Suspended' ? 'suspended' : 'off';
      return {
        versions,
        needsPassword: MFADelete === 'Enabled',
        lock: versions === 'on' ? await this.#locks() : 'off',
      };
    } catch (error) {
      if (isStrataError(error, 'STORAGE_FORBIDDEN', 'STORAGE_FAILED', 'OBJECT_MISSING')) return null;
      throw error;
    }
  }

  /** Until when a version is locked; null: it is not. */
  async of(key: string, version: string): Promise<Date | null> {
    const { client, name: Bucket } = this.#requests;
    try {
      const { Retention } = await this.#requests.send('GetObjectRetention', key, (options) =>
        client.send(new GetObjectRetentionCommand({ Bucket, Key: key, VersionId: version }), options),
      );
      return Retention?.RetainUntilDate ?? null;
    } catch (error) {
      if (isMissing(answerOf(error))) return null;
      throw error;
    }
  }

  /** Locks a version; a lock can be made longer, never shorter. */
  async set(key: string, version: string, mode: LockMode, until: Date): Promise<void> {
    const { client, name: Bucket } = this.#requests;
    const Retention = { Mode: modeNames[mode], RetainUntilDate: until };
    await this.#requests.send('PutObjectRetention', key, (options) =>
      client.send(new PutObjectRetentionCommand({ Bucket, Key: key, VersionId: version, Retention }), options),
    );
  }

  async #locks(): Promise<Keeping['lock']> {
    const { client, name: Bucket } = this.#requests;
    try {
      const { ObjectLockConfiguration: found } = await this.#requests.send(
        'GetObjectLockConfiguration',
        '',
        (options) => client.send(new GetObjectLockConfigurationCommand({ Bucket }), options),
        { permission: 's3:GetBucketObjectLockConfiguration' },
      );
      if (found?.ObjectLockEnabled !== 'Enabled') return 'off';
      return found.Rule?.DefaultRetention === undefined ? 'on' : 'locks everything';
    } catch (error) {
      if (isMissing(answerOf(error))) return 'off';
      throw error;
    }
  }
}
