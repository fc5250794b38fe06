/**
 * The two files of a VMDK: `x.vmdk`, the descriptor, and the extent that it names, `x-flat.vmdk`. They take their names
 * such that at any instant, wherever a process or the machine stops, a descriptor that is there names an extent that is
 * there, whole, and its own.
 */
import { type FileHandle, link, rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { fail, fromSystem, reasonOf } from '../errors.ts';
import { failpoint } from '../repository/failpoint.ts';
import { partOf, removeQuietly, renamePart, syncFolderOf, takeName, writePart } from '../repository/new-file.ts';
import type { Repository } from '../repository/repository.ts';
import { inspectTarget, type Target, type TargetRequest } from '../repository/target.ts';

export interface VmdkTarget {
  readonly descriptor: Target;
  readonly extent: Target;
}

export interface VmdkContent<Result> {
  /** Writes the extent. */
  readonly extent: (file: FileHandle) => Promise<Result>;
  /** The descriptor for an extent of a name. */
  readonly descriptor: (extentName: string) => Uint8Array;
}

/** `inspectTarget` for both files; `request` names the descriptor. */
export async function inspectVmdk(repo: Repository, request: TargetRequest): Promise<VmdkTarget> {
  const descriptor = await inspectTarget(repo, request);
  const path = `${descriptor.path.replace(/\.vmdk$/i, '')}-flat.vmdk`;
  if (/["\p{Cc}]/u.test(basename(path))) {
    const reason = 'a descriptor cannot name an extent with a quote or a control character in its name';
    throw fail('VMDK_UNSUITABLE', { path: descriptor.path, reason, instead: 'choose another name' });
  }
  const extent = await inspectTarget(repo, { ...request, to: path });
  if (extent.path !== path) {
    const reason = `its extent ${path} is a link to another place`;
    throw fail('VMDK_UNSUITABLE', {
      path: descriptor.path,
      reason,
      instead: 'remove the link, or choose another name',
    });
  }
  return { descriptor, extent };
}

/** Makes both files, or replaces them; gives what `content.extent` gives. */
export async function writeVmdk<Result>(
  target: VmdkTarget,
  point: string,
  content: VmdkContent<Result>,
): Promise<Result> {
  const { descriptor, extent } = target;
  const parts = { descriptor: partOf(descriptor.path, point), extent: partOf(extent.path, point) };
  const both = descriptor.mode !== null && extent.mode !== null;
  try {
    if (both) await requireLinks(descriptor.path, parts.descriptor);
    const result = await writePart(parts.extent, extent.mode, content.extent);
    const describe = async (extentName: string) => {
      const text = content.descriptor(extentName);
      await writePart(parts.descriptor, descriptor.mode, (file) => file.writeFile(text));
    };
    await (both ? replace : make)(target, parts, describe);
    return result;
  } catch (error) {
    await removeQuietly(parts.extent);
    await removeQuietly(parts.descriptor);
    throw fromSystem(error, `cannot write ${descriptor.path}`);
  }
}

interface Parts {
  readonly descriptor: string;
  readonly extent: string;
}

/** Writes the part that is to be the descriptor. */
type Describe = (extentName: string) => Promise<void>;

/** At most one of the two is there: what changes belongs to no descriptor but the new one. */
async function make({ descriptor, extent }: VmdkTarget, parts: Parts, describe: Describe): Promise<void> {
  await describe(basename(extent.path));
  try {
    await takeName(parts.extent, extent.path);
    await renamePart(parts.descriptor, descriptor.path);
  } catch (error) {
    // Nothing names it.
    if (extent.mode === null) await removeQuietly(extent.path);
    throw error;
  }
  await syncFolderOf(descriptor.path);
}

/**
 * There are both. Two names cannot change at once, and whichever were first, a descriptor would name the other's extent.
 * So the new extent has a name of its own for a moment, and the descriptor that comes first names that: with it the new
 * image is there, and the two names can follow.
 */
async function replace({ descriptor, extent }: VmdkTarget, parts: Parts, describe: Describe): Promise<void> {
  const meanwhile = parts.extent.replace(/\.part$/, '');
  // Left by a process that was killed, it may be what the descriptor names. Its content is that of the same point.
  const known = await stat(meanwhile).catch(() => null);
  try {
    await takeName(parts.extent, meanwhile);
    await describe(basename(meanwhile));
    await renamePart(parts.descriptor, descriptor.path);
  } catch (error) {
    if (known === null) await removeQuietly(meanwhile);
    throw error;
  }
  await syncFolderOf(descriptor.path);
  failpoint('restore.link');
  await link(meanwhile, parts.extent);
  await takeName(parts.extent, extent.path);
  await describe(basename(extent.path));
  await takeName(parts.descriptor, descriptor.path);
  failpoint('restore.remove');
  await rm(meanwhile);
}

/** Said before much is written. */
async function requireLinks(path: string, part: string): Promise<void> {
  await rm(part, { force: true });
  try {
    await link(path, part);
  } catch (error) {
    const reason = `without hard links the two files that are there cannot be replaced as one (${reasonOf(error)})`;
    const instead = 'remove them, or choose another name';
    throw fail('VMDK_UNSUITABLE', { path, reason, instead }, { cause: error });
  }
  await rm(part);
}
