/** What came of jobs, in a few lines for people; the first says it all. */

import { formatDuration, formatSize } from '../../cli/units.ts';
import type { BackupResult } from '../../jobs/backup.ts';
import type { BackupDisksResult } from '../../jobs/backup-disks.ts';
import type { CollectionResult } from '../../jobs/collect.ts';
import type { ConsolidationResult } from '../../jobs/consolidate.ts';
import type { CopyOutResult } from '../../jobs/files/copy-out.ts';
import type { VersionsResult } from '../../jobs/files/versions.ts';
import type { NbdResult } from '../../jobs/nbd.ts';
import type { RepairResult } from '../../jobs/repair.ts';
import type { RestoreResult } from '../../jobs/restore.ts';
import type { SynthesisResult } from '../../jobs/synthesize.ts';
import type { VerifyResult } from '../../jobs/verify.ts';
import { counted, formatMoment } from '../view/format.ts';
import { printable } from '../view/text.ts';

export function describeBackup({ point, kind, bytesRead, bytesStored, seconds, warnings }: BackupResult): string[] {
  return [
    `${kind} point ${point?.slice(0, 8)}: ${formatSize(bytesStored)} stored of ${formatSize(bytesRead)} read in ${formatDuration(seconds)}`,
    ...warnings.map(({ message }) => `warning: ${printable(message)}`),
  ];
}

export function describeDisks({ disks, oneInstant, leftOut, warnings, seconds }: BackupDisksResult): string[] {
  const made = disks.filter(({ failure }) => failure === null).length;
  const instant = made < 2 ? '' : oneInstant ? ', all of one instant' : ', not of one instant';
  return [
    `${made} of ${counted(disks.length, 'disk')} backed up${instant}, in ${formatDuration(seconds)}`,
    ...disks.map(({ source, machine, disk, result, failure }) =>
      result === null
        ? `failed: ${printable(source)}: ${printable(failure?.message ?? '')}; ${failure?.hint}`
        : `${machine}/${disk}: ${result.kind} point ${result.point?.slice(0, 8)}, ${formatSize(result.bytesStored)} stored of ${formatSize(result.bytesRead)} read`,
    ),
    ...leftOut.map(({ source, reason }) => `left out: ${printable(source)}: ${reason}`),
    ...warnings.map(({ message }) => `warning: ${printable(message)}`),
  ];
}

export function describeVerify({ points, damaged, blocksChecked, bytesRead, seconds }: VerifyResult): string[] {
  const head =
    damaged === 0
      ? `all good: ${counted(points.length, 'point')}, ${counted(blocksChecked, 'block')}, ${formatSize(bytesRead)} read in ${formatDuration(seconds)}`
      : `${damaged} of ${points.length} points are damaged`;
  const bad = points.filter(({ ok }) => !ok);
  return [
    head,
    ...bad.flatMap(({ id, machine, disk, damage }) =>
      damage.map(({ offset, length, message }) => {
        const where = offset === null ? '' : `, ${length} bytes at ${offset}`;
        return `${id.slice(0, 8)} ${machine}/${disk}${where}: ${printable(message)}`;
      }),
    ),
  ];
}

export function describeRestore({ to, size, bytesWritten, bytesSkipped, seconds }: RestoreResult): string[] {
  return [
    `${formatSize(size)} restored to ${printable(to)} in ${formatDuration(seconds)}`,
    `${formatSize(bytesWritten)} written, ${formatSize(bytesSkipped)} stood there already`,
  ];
}

export function describeSynthesis(result: SynthesisResult): string[] {
  if (result.nothingToDo !== null) return [`nothing to do: ${result.nothingToDo}`];
  return [
    `point ${result.point?.slice(0, 8)}: ${result.mergedPoints} points merged in ${formatDuration(result.seconds)}`,
    `${formatSize(result.bytesReferenced)} referred to where they lie, ${formatSize(result.bytesThroughClient)} copied`,
  ];
}

export function describeCollection({ freed, trashed, waiting, seconds }: CollectionResult): string[] {
  return [
    `${formatSize(freed.bytes)} freed, ${formatSize(trashed.bytes)} put into the trash in ${formatDuration(seconds)}`,
    `${formatSize(waiting.bytes)} wait in the trash for their time`,
  ];
}

export function describeConsolidation({ disks, failed, bytesFreed, seconds, ...rest }: ConsolidationResult): string[] {
  const forgotten = disks.reduce((sum, { forgetting }) => sum + (forgetting?.forgotten.length ?? 0), 0);
  const merged = disks.filter(({ synthesis }) => synthesis !== null && synthesis.nothingToDo === null).length;
  return [
    ...(failed > 0 ? [`failed, and kept all points: ${counted(failed, 'disk')}`] : []),
    `${counted(merged, 'synthetic full')} made, ${counted(forgotten, 'point')} forgotten, ${formatSize(bytesFreed)} freed in ${formatDuration(seconds)}`,
    ...disks.flatMap(({ machine, disk, failure }) =>
      failure === null ? [] : [`${machine}/${disk}: ${printable(failure.message)}`],
    ),
    ...(rest.collectionFailure === null ? [] : [`nothing was collected: ${printable(rest.collectionFailure.message)}`]),
  ];
}

export function describeCopy({ to, files, folders, bytes, leftOut, seconds }: CopyOutResult): string[] {
  return [
    `copied to ${printable(to)}: ${counted(files, 'file')}, ${counted(folders, 'folder')}, ${formatSize(bytes)} in ${formatDuration(seconds)}`,
    ...(leftOut > 0 ? [`${leftOut} devices, sockets and pipes were left out`] : []),
  ];
}

export function describeExport({ clients, requests, errors, bytesRead, bytesWritten, overlay }: NbdResult): string[] {
  return [
    `${counted(clients, 'client')} read ${formatSize(bytesRead)} and wrote ${formatSize(bytesWritten)}`,
    `${counted(requests, 'request')}, ${errors} failed`,
    ...(overlay === null ? [] : [`what was written is in ${printable(overlay)}`]),
  ];
}

export function describeRepair({ dryRun, mended, lost, dropped, toBackUp, seconds }: RepairResult): string[] {
  const done = dryRun ? 'could be mended' : 'mended';
  return [
    mended.length === 0 && lost.length === 0
      ? `nothing is damaged; looked for ${formatDuration(seconds)}`
      : `${done}: ${mended.length}; lost: ${lost.length}; took ${formatDuration(seconds)}`,
    ...mended.map(({ point, column, reason }) => `${point.slice(0, 8)} ${column}: ${printable(reason)}`),
    ...lost.map(({ point, machine, disk, offset, length, reason }) => {
      const where = offset === null ? '' : `, ${length} bytes at ${offset}`;
      return `lost: ${point.slice(0, 8)} ${machine}/${disk}${where}: ${printable(reason)}`;
    }),
    ...dropped.map((id) => `${dryRun ? 'to be forgotten' : 'forgotten'}: ${id.slice(0, 8)}, nothing of it can be had`),
    ...toBackUp.map(({ machine, disk }) => `back up ${machine}/${disk}, then repair again`),
  ];
}

/** `times`: of the points, for people. */
export function describeVersions(
  { versions, contents, seconds }: VersionsResult,
  times: ReadonlyMap<string, string>,
  utc: boolean,
): string[] {
  const head = `${counted(contents, 'content')} in ${counted(versions.length, 'point')}, looked at in ${formatDuration(seconds)}`;
  const lines = versions.map(({ point, file, digest, trouble }, index) => {
    const time = times.get(point) ?? point.slice(0, 8);
    if (trouble !== null) return `${time}  ${printable(trouble)}`;
    if (file === null) return `${time}  not there`;
    const older = versions.slice(index + 1).find((version) => version.trouble === null);
    const change =
      older === undefined ? '' : older.digest === null ? 'new' : older.digest === digest ? 'as before' : 'changed';
    return `${time}  ${formatSize(file.size)}, of ${formatMoment(file.modified, utc)}  ${change}`;
  });
  return [head, ...lines];
}
