/** The programs that read images, as their users run them. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** The one that Debian's packages are for, whatever else there is. */
const python = '/usr/bin/python3';

/** What is missing of qemu-img; empty when nothing is. */
export const noQemu = missing('qemu-img', ['--version'], 'qemu-img (package qemu-utils)');
/** The same for libvhdi: its program, and its library in Python, which needs no mount. */
export const noVhdi =
  missing('vhdiinfo', ['-V'], 'vhdiinfo (package libvhdi-utils)') ||
  missing(python, ['-c', 'import pyvhdi'], 'pyvhdi (package python3-libvhdi)');

/** Says once for a test file which tools its tests lack. */
export function warnOfMissing(file: string, ...tools: readonly string[]): void {
  for (const tool of tools) if (tool) console.warn(`${file}: tests are skipped, there is no ${tool}`);
}

/** The size that qemu sees. */
export async function qemuSize(format: string, path: string): Promise<number> {
  const { stdout } = await run('qemu-img', ['info', '--output=json', '-f', format, path]);
  return (JSON.parse(stdout) as { 'virtual-size': number })['virtual-size'];
}

/** What qemu-img finds wrong with an image, leaks too; fails when it finds nothing to check. */
export async function qemuCheck(format: string, path: string): Promise<Record<string, unknown>> {
  const { stdout } = await run('qemu-img', ['check', '--output=json', '-f', format, path]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Fails unless qemu reads the same from an image and a raw file; where one is longer, it is zero. */
export async function qemuCompare(format: string, path: string, rawPath: string): Promise<void> {
  await run('qemu-img', ['compare', '-f', format, '-F', 'raw', path, rawPath]);
}

/** The same of a part of the disk. */
export async function qemuComparePart(
  format: string,
  path: string,
  rawPath: string,
  [offset, size]: readonly [offset: number, size: number],
): Promise<void> {
  const part = (driver: string, filename: string) =>
    `json:${JSON.stringify({ driver: 'raw', offset, size, file: { driver, file: { driver: 'file', filename } } })}`;
  await run('qemu-img', ['compare', part(format, path), part('raw', rawPath)]);
}

/** What vhdiinfo prints, by label. */
export async function vhdiInfo(path: string): Promise<Map<string, string>> {
  const { stdout } = await run('vhdiinfo', [path]);
  return new Map(
    Array.from(stdout.matchAll(/^\s*(\w[\w ]*?)\s*: (.*)$/gm), ([, label = '', value = '']) => [label, value]),
  );
}

const comparison = `
import os, sys, pyvhdi
piece = 1 << 20
def opened(path):
    image = pyvhdi.file()
    image.open(path)
    return image
def next_data(disk, at):
    try:
        return os.lseek(disk, at, os.SEEK_DATA)
    except OSError:
        return sys.maxsize
raw, *chain = sys.argv[1:]
images = [opened(path) for path in chain]
for child, parent in zip(images, images[1:]):
    child.set_parent(parent)
size = images[0].get_media_size()
disk = os.open(raw, os.O_RDONLY)
at = 0
while at < size:
    length = min(piece, size - at)
    if images[0].read_buffer_at_offset(length, at) != os.pread(disk, length, at).ljust(length, b'\\0'):
        sys.exit(f'differs within {length} bytes from {at} on')
    # Of a hole one piece in 16 will do.
    at = max(at + piece, min(next_data(disk, at + piece) // piece * piece, at + 16 * piece))
print(size)
`;

/**
 * Compares an image with a raw file, past whose end are zeros, as libvhdi reads it; after the image its parents, the nearest
 * first. Gives the size of the disk.
 */
export async function vhdiCompare(rawPath: string, ...chain: readonly string[]): Promise<number> {
  const { stdout } = await run(python, ['-c', comparison, rawPath, ...chain]);
  return Number(stdout);
}

function missing(program: string, args: readonly string[], name: string): string {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return '';
  } catch {
    return name;
  }
}
