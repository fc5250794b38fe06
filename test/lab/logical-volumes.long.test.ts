/**
 * Snapshots of logical volumes, thick and thin, while somebody writes to them: in a virtual machine, with the kernel of a
 * distribution, for device-mapper is not everywhere. Strata itself runs in it, out of this checkout.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBench } from '../e2e/strata.ts';
import { hammered, StrataGuest, volumeSize, whyNoStrataGuest } from './strata-guest.ts';

const mib = 1024 ** 2;
const bench = await openBench();
const trouble = await whyNoStrataGuest();
if (trouble) console.warn(`logical-volumes.long.test.ts is skipped: ${trouble}`);

const [thick, thin] = ['/dev/vg-0/thick', '/dev/vg-0/thin'] as const;

describe.skipIf(trouble)('logical volumes', () => {
  let guest: StrataGuest;

  beforeAll(async () => {
    guest = await StrataGuest.start(bench, ['dm_snapshot', 'dm_thin_pool']);
    await guest.run('vgcreate -q vg-0 /dev/vda');
  }, 300_000);

  afterAll(() => guest?.kill());

  async function volumes(): Promise<string[]> {
    const output = await guest.run('lvs --noheadings -o lv_name vg-0');
    return output.split('\n').map((line) => line.trim());
  }

  async function snapshots(): Promise<string[]> {
    return (await volumes()).filter((name) => name.startsWith('strata-'));
  }

  describe('thick', () => {
    // 000-12, 000-16, 000-23
    test('show one instant, whatever is written meanwhile, and leave nothing', async () => {
      await guest.run(`lvcreate -qq -y -L ${volumeSize}b -n thick vg-0`);
      const rest = await guest.hammer(thick);
      const result = await guest.backUp(thick, '--rate-limit 16M');
      expect(result).toMatchObject({ snapshot: 'lvm', consistency: 'crash', size: volumeSize, warnings: [] });
      await guest.expectInstant(thick, 'thick');
      expect(await snapshots()).toEqual([]);
      await rest();
    });

    test('that run full end the backup before all is read', async () => {
      const rest = await guest.hammer(thick);
      const events = await guest.strata(
        'backup /dev/vg-0/thick --machine m --allocation off --full --rate-limit 1M --snapshot-size 4M',
        1,
      );
      await rest();
      const { code, hint } = events.at(-1);
      // It may have been seen to come.
      expect(['SNAPSHOT_LOST', 'SNAPSHOT_OUTPACED']).toContain(code);
      expect(hint).toContain('--snapshot-size');
      const positions = events.filter(({ event }) => event === 'progress').map(({ position }) => position);
      expect(Math.max(...positions)).toBeLessThan(volumeSize);
      expect(await snapshots()).toEqual([]);
      await guest.expectNoRecords();
    });

    // 003-08, 003-09
    test('of killed backups are cleared by the next one, and nothing else is', async () => {
      await guest.run(
        'lvcreate -qq -y -s -L 4M -n strata-cafe0001 vg-0/thick; lvcreate -qq -y -s -L 4M -n other vg-0/thick',
      );
      await guest.killAmid(thick);
      // One that vanished counts as cleared.
      const own = (await snapshots()).find((name) => name !== 'strata-cafe0001');
      await guest.run(`lvremove -qq -y vg-0/${own}`);
      await guest.killAmid(thick);
      await guest.run(`grep -q '"act":"cleared"' /run/killed && ! grep -q '"event":"warning"' /run/killed`);
      expect(await snapshots()).toHaveLength(2);
      expect(await guest.leftSnapshots()).toMatchObject([{ provider: 'lvm', kept: false }]);
      expect(await guest.backUp(thick)).toMatchObject({ snapshot: 'lvm', warnings: [] });
      expect(await volumes()).toEqual(['other', 'strata-cafe0001', 'thick']);
      await guest.expectContent(thick, 'thick');
      await guest.expectNoRecords();
      await guest.run('lvremove -qq -y vg-0/other vg-0/strata-cafe0001');
    });

    //
    test('are what a job takes that needs one; when it is killed, the next run removes it, and goes on from there', async () => {
      await guest.run(`dd if=/dev/urandom of=${thick} bs=1M oflag=direct`, 1);
      await guest.strata(`job add nightly backup --source ${thick} --machine x --snapshot required --allocation off`);
      await guest.run('packs() { find /run/repo/packs -type f | wc -l; }; before=$(packs)');
      await guest.run(`${guest.program} job run nightly --json > /run/job 2>&1 & run=$!`);
      await guest.run('until [ $(packs) -gt $before ]; do kill -0 $run || break; sleep 0.1; done');
      await guest.run('kill -9 $run; wait $run', 137);
      expect(await snapshots()).toHaveLength(1);
      const events = await guest.strata('job run nightly');
      expect(events).toContainEqual(expect.objectContaining({ event: 'snapshot', act: 'cleared', provider: 'lvm' }));
      const run = events.at(-1);
      expect(run).toMatchObject({
        event: 'result',
        outcome: 'done',
        warnings: [],
        result: { snapshot: 'lvm', kind: 'full' },
      });
      // What had arrived is not stored again.
      expect(run.result.bytesStored).toBeLessThan(volumeSize / 2);
      expect(await snapshots()).toEqual([]);
      await guest.expectNoRecords();
      await guest.strata('restore x/thick@latest --to /dev/vdb --force');
      await guest.run(`blockdev --flushbufs ${thick}; cmp -n ${volumeSize} /dev/vdb ${thick}`);
    });

    // 000-13, 003-13
    test('that cannot be made are a warning, or the end where one is required', async () => {
      await guest.run('lvcreate -qq -y -l 100%FREE -n filler vg-0');
      const result = await guest.backUp(thick, '', 3);
      expect(result).toMatchObject({ snapshot: 'off', warnings: [{ code: 'LIVE_SOURCE' }] });
      expect(result.warnings[0].message).toContain('free space');
      const refused = await guest.backUp(thick, '--snapshot required', 1);
      expect(refused).toMatchObject({ event: 'error', code: 'SNAPSHOT_FAILED' });
      await guest.run('lvremove -qq -y vg-0/filler');
      await guest.expectNoRecords();
    });

    test('of a mounted file system are clean: its map is believed', async () => {
      await guest.run(`lvcreate -qq -y -L ${volumeSize}b -n files vg-0; mkfs.ext4 -q -E nodiscard /dev/vg-0/files`);
      await guest.run(
        'mount /dev/vg-0/files /mnt; dd if=/dev/urandom of=/mnt/a bs=1M count=5; sync; echo more > /mnt/b',
      );
      const [result] = (await guest.strata('backup /dev/vg-0/files --machine m')).slice(-1);
      expect(result).toMatchObject({
        snapshot: 'lvm',
        warnings: [],
        allocation: [{ fileSystem: 'ext4', reason: null }],
      });
      expect(result.bytesRead).toBeLessThan(volumeSize / 2);
      await guest.strata('restore m/files@latest --to /dev/vdb --force');
      await guest.run('sum=$(sha256sum < /mnt/a); umount /mnt; e2fsck -f -n /dev/vdb; mount -o ro /dev/vdb /mnt');
      expect(await guest.run('[ "$(sha256sum < /mnt/a)" = "$sum" ] && cat /mnt/b; umount /mnt')).toBe('more');
    });
  });

  describe('thin', () => {
    beforeAll(async () => {
      await guest.run('lvcreate -qq -y --type thin-pool -L 300M --chunksize 64k -n pool vg-0');
      await guest.run(`lvcreate -qq -y -V ${volumeSize}b -T vg-0/pool -n thin`);
      await guest.run(`dd if=/dev/urandom of=/dev/vg-0/thin bs=1M seek=8 count=24 oflag=direct`);
    });

    //
    test('show one instant, and only what changed since the one before is read', async () => {
      const rest = await guest.hammer(thin);
      const first = await guest.backUp(thin, '--rate-limit 16M');
      expect(first).toMatchObject({ snapshot: 'thin', consistency: 'crash', tracker: 'off', warnings: [] });
      await guest.expectInstant(thin, 'thin');
      await guest.run('dd if=/dev/urandom of=/dev/vg-0/thin bs=64k seek=300 count=3 oflag=direct');
      const second = await guest.backUp(thin, '--rate-limit 4M');
      expect(second).toMatchObject({ snapshot: 'thin', tracker: 'thin', warnings: [] });
      expect(second.tracking).toMatchObject({ since: first.point, reason: null });
      const audited = second.tracking.auditedBlocks * 65536;
      expect(second.bytesRead).toBe(hammered + 3 * 65536 + audited);
      await guest.expectInstant(thin, 'thin');
      await rest();
      // One is kept, the newest, and it has no device.
      expect(await snapshots()).toEqual([second.tracking.kept.path.split('/').at(-1)]);
      await guest.run(`[ ! -e ${second.tracking.kept.path} ]`);
    });

    test('miss nothing: what is discarded, and a kept one that was written to', async () => {
      await guest.backUp(thin);
      const [kept = ''] = await snapshots();
      await guest.run(`lvchange -prw vg-0/${kept}; lvchange -ay -K vg-0/${kept}`);
      await guest.run(`dd if=/dev/urandom of=/dev/vg-0/${kept} bs=64k seek=200 count=2 oflag=direct`);
      await guest.run('blkdiscard -o 15728640 -l 1048576 /dev/vg-0/thin');
      await guest.run('dd if=/dev/urandom of=/dev/vg-0/thin bs=64k seek=600 count=3 oflag=direct');
      const result = await guest.backUp(thin);
      expect(result).toMatchObject({ tracker: 'thin', warnings: [] });
      const audited = result.tracking.auditedBlocks * 65536;
      expect(result.bytesRead).toBe(mib + 5 * 65536 + audited);
      await guest.expectContent(thin, 'thin');
    });

    test('of killed backups are cleared, and what they held of the pool', async () => {
      const held = () => guest.run(`dmsetup status vg--0-pool-tpool | cut -d' ' -f7`);
      const kill = 'STRATA_FAILPOINT=tracker.held:1:kill';
      await guest.strata('backup /dev/vg-0/thin --machine m --allocation off', 137, kill);
      expect(await snapshots()).toHaveLength(2);
      expect(await held()).not.toBe('-');
      expect(await guest.backUp(thin)).toMatchObject({ snapshot: 'thin', tracker: 'thin', warnings: [] });
      expect(await snapshots()).toHaveLength(1);
      expect(await held()).toBe('-');
      // What others hold is theirs.
      await guest.run('dmsetup message vg--0-pool-tpool 0 reserve_metadata_snap');
      const result = await guest.backUp(thin);
      expect(result).toMatchObject({ snapshot: 'thin', tracker: 'off', bytesRead: volumeSize });
      expect(result.tracking.reason).toContain('another program holds');
      expect(await held()).not.toBe('-');
      await guest.run('dmsetup message vg--0-pool-tpool 0 release_metadata_snap');
    });

    test('that are gone have everything compared, with the reason', async () => {
      const [kept = ''] = await snapshots();
      await guest.run(`lvremove -qq -y vg-0/${kept}`);
      const result = await guest.backUp(thin);
      expect(result).toMatchObject({ snapshot: 'thin', tracker: 'off', warnings: [] });
      expect(result.tracking).toMatchObject({ since: null, reason: 'the snapshot kept with the parent is gone' });
      await guest.backUp(thin, '--tracker off');
      expect(await snapshots()).toEqual([]);
      await guest.expectNoRecords();
    });

    test('in a pool that runs full end the backup', async () => {
      await guest.run('lvchange -qq -y --errorwhenfull y vg-0/pool; lvcreate -qq -y -V 400M -T vg-0/pool -n greedy');
      const filling =
        'until ls /dev/vg-0/strata-*; do sleep 0.1; done; dd if=/dev/zero of=/dev/vg-0/greedy bs=1M oflag=direct';
      await guest.run(`(${filling}) > /dev/null 2>&1 &`);
      const lost = await guest.backUp(thin, '--full --rate-limit 1M', 1);
      expect(lost).toMatchObject({ event: 'error', code: 'SNAPSHOT_LOST' });
      expect(lost.message).toContain('has no room left');
      expect(await snapshots()).toEqual([]);
      await guest.expectNoRecords();
    });
  });
});
