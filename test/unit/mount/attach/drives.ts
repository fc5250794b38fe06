/** Attaching in tests. */
import { join } from 'node:path';
import { type AttachRequest, attachDrive, type Drive } from '../../../../src/mount/attach/attach.ts';
import { Records } from '../../../../src/mount/records/records.ts';
import { quiet } from '../../scratch.ts';
import { stageFolder } from './images.ts';

export interface Stage {
  readonly folder: string;
  readonly records: Records;
  path(name: string): string;
  attach(image: string, request?: Partial<AttachRequest>): Promise<Drive>;
}

/** A folder with records of its own, in which the running test can attach. */
export async function openStage(): Promise<Stage> {
  const folder = await stageFolder();
  const records = new Records(join(folder, 'records'));
  return {
    folder,
    records,
    path: (name) => join(folder, name),
    attach: (image, request = {}) => attachDrive(records, { ...requestFor(image), ...request }, quiet()),
  };
}

/** What is asked when nothing else is said: the whole disk, read-only, nothing mounted. */
export function requestFor(image: string): AttachRequest {
  return {
    image,
    repository: '/repo',
    point: 'm/disk@latest',
    standsOn: null,
    overlay: null,
    partition: null,
    at: null,
    writable: false,
    server: null,
  };
}
