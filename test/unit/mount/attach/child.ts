/** A process of its own that attaches, detaches or clears, so that it can be killed: child.ts RECORDS ACTION … */
import { attachDrive } from '../../../../src/mount/attach/attach.ts';
import { detachDrive } from '../../../../src/mount/attach/detach.ts';
import { clearLeftovers } from '../../../../src/mount/janitor.ts';
import { Records } from '../../../../src/mount/records/records.ts';

const [folder, action, first = '', at = ''] = process.argv.slice(2);
const records = new Records(folder);
const signal = new AbortController().signal;
const subject = { repository: '/repo', point: 'm/disk@latest', standsOn: null, overlay: null };

if (action === 'attach') {
  const request = { ...subject, image: first, partition: null, at, writable: false, server: null };
  await attachDrive(records, request, signal);
}
if (action === 'detach') await detachDrive(records, first, { force: false });
if (action === 'clear') {
  for (const { trouble } of await clearLeftovers(records)) if (trouble !== null) throw trouble;
}
