/**
 * `./run bench mount`: reading a point without restoring it. In each round every reading is done by all of them, one
 * right after the other, in turned order every second round; ratios are taken within a round and their median is
 * reported. A round before them is not counted.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDiskImage } from './disk-image.ts';
import { measure, run, withWorkFolder } from './measure.ts';
import { measureOpening, type Opening } from './opening.ts';
import { circumstances, describe, markdownTable, median, saveResults } from './report.ts';

type Reading = (typeof readings)[number];

const readings = ['cold', 'warm', 'nbd', 'dense', 'random'] as const;

interface Reader {
  readonly name: string;
  /** Makes what is read available, unmeasured, and takes it away again. */
  readonly open?: string;
  readonly close?: string;
  /** What is measured, for each reading that it can be measured by. */
  readonly commands: { readonly [reading in Reading]?: string };
}

interface Measured {
  readonly round: number;
  readonly reading: Reading;
  readonly reader: string;
  /** Seconds; for `random`: reads a second. */
  readonly value: number;
  /** MiB that the process that serves Strata's mount had at most; null of others. */
  readonly peak: number | null;
}

/** MiB of opened blocks that Strata's mount may keep. */
const cacheMiB = 512;

const dd = (path: string): string => `dd if=${path} of=/dev/null bs=1M status=none`;
const point = 'mnt/bench/disk.img/latest';
const dense = 'mnt/bench/dense.img/latest';
const fio = (path: string): string =>
  `fio --readonly --name=r --filename=${path} --rw=randread --bs=4k --ioengine=libaio --iodepth=16 --direct=1 --size=128m ` +
  '--time_based --runtime=5 --output-format=json';

const strata = {
  open: `strata -q mount mnt --cache-size ${cacheMiB}M >/dev/null`,
  close: 'strata -q umount mnt >/dev/null',
};

const readers: readonly Reader[] = [
  {
    name: 'strata',
    ...strata,
    commands: {
      cold: dd(`${point}/disk.raw`),
      warm: dd(`${point}/disk.raw`),
      dense: dd(`${dense}/disk.raw`),
      random: fio(`${dense}/disk.raw`),
    },
  },
  { name: 'strata, vhdx', ...strata, commands: { dense: dd(`${dense}/disk.vhdx`) } },
  { name: 'zstd -d -T0', commands: { cold: 'zstd -d -T0 -q -c disk.zst >/dev/null' } },
  { name: 'plain file', commands: { warm: dd('disk.img'), random: fio('dense.img') } },
  {
    name: 'restic mount',
    open: 'restic -q mount mnt >/dev/null & while ! ls mnt/snapshots/latest >/dev/null 2>&1; do sleep 0.1; done',
    close: 'umount mnt',
    commands: { cold: dd('mnt/snapshots/latest/disk.img') },
  },
  {
    name: 'borg mount',
    open: 'borg mount ::full mnt',
    close: 'borg umount mnt',
    commands: { cold: dd('mnt/disk.img') },
  },
  {
    name: 'strata nbd',
    open: 'strata -q nbd bench/disk.img@latest --socket nbd.sock >/dev/null & while ! [ -S nbd.sock ]; do sleep 0.05; done',
    close: 'pkill -INT -f "nb[d] bench/disk.img@latest"; while [ -S nbd.sock ]; do sleep 0.05; done',
    commands: { nbd: "nbdcopy 'nbd+unix:///?socket=nbd.sock' null:" },
  },
  {
    name: 'qemu-nbd, zstd qcow2',
    open: 'qemu-nbd -r --shared=8 --fork --pid-file=qemu.pid --socket="$PWD/qemu.sock" disk.qcow2',
    close: 'kill "$(cat qemu.pid)"; while [ -S qemu.sock ]; do sleep 0.05; done',
    commands: { nbd: "nbdcopy 'nbd+unix:///?socket=qemu.sock' null:" },
  },
];

/** Where the kernel keeps what was read: dropped before a cold reading, so that packs and images come from the disk. */
const drop = 'sync; echo 3 >/proc/sys/vm/drop_caches';

/** Measures `rounds` rounds on an image of `size` bytes. */
export async function measureMounts(size: number, rounds: number): Promise<void> {
  const { measured, opening } = await withWorkFolder(async (work) => {
    prepare(work, size);
    const found: Measured[] = [];
    // The first is not counted: what lies beneath a virtual machine keeps what was read before, not what was written.
    for (let round = 0; round <= rounds; round++) {
      const order = round % 2 === 0 ? readers : readers.toReversed();
      for (const reading of readings) {
        for (const reader of order) {
          const command = reader.commands[reading];
          if (command !== undefined) found.push(measureReading(work, round, reading, reader, command));
        }
      }
    }
    return { measured: found.filter(({ round }) => round > 0), opening: await measureOpening(work) };
  });
  const context = circumstances();
  const verdicts = judge(measured, opening);
  saveResults('mount', context, { imageBytes: size, measured, opening, verdicts });
  console.log(`${describe(context)} Medians of ${rounds} rounds.\n\n${table(measured)}\n`);
  for (const { target, limit, value } of verdicts) {
    console.log(`${value >= limit ? 'reached' : 'MISSED '}  ${target}, at least ${limit}: ${value.toFixed(2)}`);
  }
}

function prepare(work: string, size: number): void {
  console.error('bench: making the disk images and their backups');
  makeDiskImage(work, size);
  run(work, `tar -C /usr -cf - lib 2>/dev/null | head -c ${2 ** 29} >dense.img`);
  run(
    work,
    'strata -q init && strata -q backup disk.img --machine bench && strata -q backup dense.img --machine bench',
  );
  run(work, 'restic -q init && restic -q backup disk.img');
  run(work, 'borg init -e repokey && borg create --chunker-params fixed,1048576 --compression zstd,1 ::full disk.img');
  run(work, 'zstd -1 -T0 -q disk.img -o disk.zst');
  run(work, 'qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd disk.img disk.qcow2');
  run(work, 'mkdir mnt');
  run(work, `${strata.open}; cmp ${point}/disk.raw disk.img; cmp ${dense}/disk.raw dense.img; ${strata.close}`);
}

function measureReading(work: string, round: number, reading: Reading, reader: Reader, command: string): Measured {
  if (reader.open) run(work, `(${reader.open}) </dev/null >/dev/null 2>&1`);
  try {
    // Twice: the second finds everything in a cache, the kernel's or the reader's own.
    if (reading === 'warm' || reading === 'random') run(work, command);
    else run(work, drop);
    const output = join(work, 'fio.json');
    const measuredCommand = reading === 'random' ? `${command} >${output}` : command;
    const { wall } = measure(work, measuredCommand);
    const value = reading === 'random' ? readsPerSecond(run(work, `cat ${output}`)) : wall;
    console.error(
      `bench: ${round === 0 ? 'not counted' : `round ${round}`}, ${reading}, ${reader.name}: ${value.toFixed(2)}`,
    );
    return { round, reading, reader: reader.name, value, peak: reader.open === strata.open ? peakOfMount(work) : null };
  } finally {
    if (reader.close) run(work, reader.close);
  }
}

/** MiB that the server of the mount has had at most; a third of it is Node's program. */
function peakOfMount(work: string): number {
  const [{ pid }] = JSON.parse(run(work, 'strata mounts --json')) as [{ pid: number }];
  const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

function readsPerSecond(output: string): number {
  return (
    (JSON.parse(output.slice(output.indexOf('{'))) as { jobs: { read: { iops: number } }[] }).jobs[0]?.read.iops ?? 0
  );
}

/** How many times faster `reader` was than `other`, in the median of the rounds. */
function times(measured: readonly Measured[], reading: Reading, reader: string, other: string): number {
  const of = (name: string) => measured.filter((each) => each.reading === reading && each.reader === name);
  const others = of(other);
  return median(of(reader).map(({ value }, index) => (others[index]?.value ?? Number.NaN) / value));
}

function judge(measured: readonly Measured[], opening: Opening) {
  const random = median(
    measured.filter((each) => each.reading === 'random' && each.reader === 'strata').map((each) => each.value),
  );
  return [
    { target: 'cold: speed over zstd -d', limit: 0.8, value: times(measured, 'cold', 'strata', 'zstd -d -T0') },
    { target: 'cold: speed over restic mount', limit: 6, value: times(measured, 'cold', 'strata', 'restic mount') },
    { target: 'cold: speed over borg mount', limit: 6, value: times(measured, 'cold', 'strata', 'borg mount') },
    {
      target: 'nbd: speed over qemu-nbd',
      limit: 1,
      value: times(measured, 'nbd', 'strata nbd', 'qemu-nbd, zstd qcow2'),
    },
    { target: 'dense: speed of VHDX over raw', limit: 0.95, value: times(measured, 'dense', 'strata, vhdx', 'strata') },
    {
      target: 'MiB of memory left of the cache and 100 MiB',
      limit: 0,
      value: cacheMiB + 100 - Math.max(...measured.map(({ peak }) => peak ?? 0)),
    },
    { target: 'random 4 KiB, warm, queue depth 16: reads a second', limit: 60_000, value: random },
    { target: 'mounts of a thousand points in a second', limit: 1, value: 1 / opening.mount },
    {
      target: 'points of 1 TiB with 30 links opened in a second',
      limit: 1,
      value: 1 / (opening.merge[30] ?? Number.NaN),
    },
    {
      target: 'points of 1 TiB with 300 links opened in 3 seconds',
      limit: 1,
      value: 3 / (opening.merge[300] ?? Number.NaN),
    },
  ];
}

const titles: Readonly<Record<Reading, string>> = {
  cold: 'the disk, caches dropped, s',
  warm: 'the disk again, s',
  nbd: 'the disk by nbdcopy, caches dropped, s',
  dense: '512 MiB without holes, caches dropped, s',
  random: '4 KiB at random, warm, queue depth 16, reads/s',
};

function table(measured: readonly Measured[]): string {
  const rows = readings.flatMap((reading) =>
    readers.flatMap(({ name }) => {
      const values = measured
        .filter((each) => each.reading === reading && each.reader === name)
        .map((each) => each.value);
      if (values.length === 0) return [];
      return [[`${titles[reading]}: ${name}`, median(values).toFixed(reading === 'random' ? 0 : 2)]];
    }),
  );
  return markdownTable(['reading', 'median'], rows);
}
