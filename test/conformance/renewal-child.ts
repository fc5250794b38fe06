/**
 * Serves a mount as the job does, with a reading that is renewed all the time. `node renewal-child.ts DRIVER REPOSITORY
 * FOLDER PERIOD`. Tells its events as JSON lines, until SIGTERM.
 */
import { fuse } from '../../src/mount/drivers/fuse.ts';
import { fuseNative } from '../../src/mount/drivers/fuse-native.ts';
import { serveMount } from '../../src/mount/mount.ts';
import { MountServer } from '../../src/mount/mount-server.ts';
import { OpenPoints } from '../../src/mount/open-points.ts';
import { Records } from '../../src/mount/records/records.ts';
import type { StrataEvent } from '../../src/repository/events.ts';
import { LongReading } from '../../src/repository/reading.ts';
import { Repository } from '../../src/repository/repository.ts';

const [, , driverName, location = '', directory = '', period] = process.argv;
const driver = driverName === 'fuse' ? fuse : fuseNative;
const stopped = new AbortController();
process.on('SIGTERM', () => stopped.abort());
const emit = (event: StrataEvent) => process.stdout.write(`${JSON.stringify(event)}\n`);

const repo = await Repository.open(location, async () => '');
const reading = await LongReading.begin(repo, (warning) => emit({ event: 'warning', ...warning }));
const periods = { refresh: Number(period), renewal: Number(period) };
const open = await OpenPoints.create(repo, 1 << 20);
const shown = new MountServer(repo, open, reading, emit, periods);
const order = { directory, driver, allowOther: false, point: null, overlay: null };
await serveMount(repo, new Records(), order, shown, emit, stopped.signal);
await reading.end();
await repo.close();
