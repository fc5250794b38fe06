/**
 * Every failure that Strata knows: one table from code to message, exit code, HTTP status, errno and hint.
 *
 * A message is one line and says what happened, to what; the hint says what to do. `{name}` in either is filled
 * from the parameters, and the compiler checks that all of them are given. An error is made by `fail()` and
 * thrown by the caller: `throw fail('SOURCE_MISSING', { path })`.
 */
import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';

interface ErrorKind {
  readonly message: string;
  readonly exit: 1 | 2 | 10 | 11 | 12 | 13 | 130;
  readonly http: number;
  /** What a program that meets this through a mount or a drive gets to see. */
  readonly errno?: string;
  readonly hint: string;
}

export const errorTable = {
  USAGE: {
    message: '{problem}',
    exit: 2,
    http: 400,
    hint: 'see strata --help',
  },
  NOT_SUPPORTED: {
    message: '{feature} is not supported yet',
    exit: 1,
    http: 501,
    errno: 'ENOTSUP',
    hint: '{instead}',
  },
  INTERRUPTED: {
    message: '{action} was interrupted',
    exit: 130,
    http: 499,
    errno: 'EINTR',
    hint: 'start it again; what is already stored is used',
  },
  IO: {
    message: '{what}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },
  PERMISSION: {
    message: '{what}: permission denied',
    exit: 1,
    http: 403,
    errno: 'EACCES',
    hint: 'run as a user who may do this, for devices as root',
  },
  READ_ONLY: {
    message: '{what}: the file system is read-only',
    exit: 1,
    http: 500,
    errno: 'EROFS',
    hint: 'mount it read-write, or choose another place',
  },
  NO_SPACE: {
    message: '{what}: no space left',
    exit: 1,
    http: 507,
    errno: 'ENOSPC',
    hint: 'free some space and start again',
  },
  OUT_OF_MEMORY: {
    message: 'out of memory: {reason}',
    exit: 1,
    http: 500,
    errno: 'ENOMEM',
    hint: 'close other programs and start again',
  },
  NATIVE_ARGUMENT: {
    message: 'a wrong argument reached the native part: {reason}',
    exit: 1,
    http: 500,
    errno: 'EINVAL',
    hint: 'this is a defect of Strata: please report it',
  },

  NO_REPOSITORY: {
    message: 'no repository at {location}: {reason}',
    exit: 10,
    http: 404,
    hint: 'check --repo or STRATA_REPO, or make one with strata init',
  },
  REPOSITORY_EXISTS: {
    message: 'there is a repository at {location} already',
    exit: 1,
    http: 409,
    hint: 'use it, or choose another folder; nothing was written',
  },
  LOCATION_NOT_EMPTY: {
    message: '{location} is not empty and not a repository',
    exit: 1,
    http: 409,
    hint: 'choose an empty or a new folder; nothing was written',
  },
  LOCATION_UNSUITABLE: {
    message: 'no repository can be made at {location}: {reason}',
    exit: 1,
    http: 400,
    hint: 'choose a folder on ext4, XFS or Btrfs, or a bucket as README, Object storage, describes it',
  },
  FORMAT_NEWER: {
    message: '{what} has format {format}, this Strata reads up to 1',
    exit: 1,
    http: 409,
    hint: 'install a newer Strata',
  },
  CONFIG_DAMAGED: {
    message: '{what} is damaged: {reason}',
    exit: 13,
    http: 500,
    errno: 'EIO',
    hint: 'put it back from a copy of the repository',
  },
  BUCKET_MISSING: {
    message: 'there is no bucket {bucket} at {endpoint}',
    exit: 10,
    http: 404,
    errno: 'EIO',
    hint: 'make it first, or check --repo and --s3-endpoint',
  },
  STORAGE_KEY_MISSING: {
    message: 'no key for object storage was found',
    exit: 1,
    http: 401,
    errno: 'EACCES',
    hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE with a profile in ~/.aws',
  },
  STORAGE_KEY_REFUSED: {
    message: 'the object storage at {endpoint} does not accept the key: {reason}',
    exit: 1,
    http: 401,
    errno: 'EACCES',
    hint: 'check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile that is used',
  },
  STORAGE_EXPIRED: {
    message: 'the session token for bucket {bucket} has expired',
    exit: 1,
    http: 401,
    errno: 'EACCES',
    hint: 'get a new one and start again; what is already stored is used',
  },
  STORAGE_FORBIDDEN: {
    message: '{verb} of {what} is not allowed',
    exit: 1,
    http: 403,
    errno: 'EACCES',
    hint: 'grant {permission} to the key that is used (README, Object storage, has a whole policy)',
  },
  OBJECT_LOCKED: {
    message: '{name} is locked until {until}',
    exit: 1,
    http: 409,
    errno: 'EPERM',
    hint: 'wait until then; nobody can remove it before, and a collection makes the locks of what is needed longer',
  },
  VERSIONS_SUSPENDED: {
    message: 'bucket {bucket} keeps versions no more, so one object could be written over another',
    exit: 1,
    http: 409,
    errno: 'EIO',
    hint: 'turn the versioning of the bucket on again, then start again',
  },
  REGION_MISSING: {
    message: 'no region is set for bucket {bucket}',
    exit: 1,
    http: 400,
    errno: 'EIO',
    hint: 'set AWS_REGION, or a region in the profile in ~/.aws',
  },
  REGION_WRONG: {
    message: 'bucket {bucket} is in region {region}',
    exit: 1,
    http: 400,
    errno: 'EIO',
    hint: 'set AWS_REGION to it',
  },
  CLOCK_WRONG: {
    message: 'the clock of this machine differs from that of {endpoint}: {reason}',
    exit: 1,
    http: 400,
    errno: 'EIO',
    hint: 'set the clock of this machine (for instance by systemd-timesyncd)',
  },
  STORAGE_UNREACHABLE: {
    message: 'the object storage at {endpoint} cannot be reached: {reason}',
    exit: 1,
    http: 502,
    errno: 'EIO',
    hint: 'check the network and --s3-endpoint, then start again; what is already stored is used',
  },
  STORAGE_FAILED: {
    message: '{verb} of {what} failed: {reason}',
    exit: 1,
    http: 502,
    errno: 'EIO',
    hint: 'look at what the server says; start again, what is already stored is used',
  },
  BACKUP_TOO_SLOW: {
    message: 'the backup of {path} was stopped after {seconds} s, as it may take {limit} s: {forecast}',
    exit: 1,
    http: 504,
    hint: 'what arrived stays, and the next run goes on from there: start it again, give it a larger --max-duration or a faster link',
  },
  STORAGE_FETCH: {
    message: 'cannot read {path} from object storage: {reason}',
    exit: 1,
    http: 502,
    errno: 'EIO',
    hint: 'check the network, then start again',
  },
  OBJECT_EXISTS: {
    message: 'object {name} exists already',
    exit: 1,
    http: 409,
    errno: 'EEXIST',
    hint: 'objects are never overwritten; start again',
  },
  OBJECT_MISSING: {
    message: 'object {name} is missing from the repository',
    exit: 13,
    http: 500,
    errno: 'EIO',
    hint: 'run strata verify --all to see what is affected',
  },

  WRONG_PASSPHRASE: {
    message: 'wrong passphrase: it opens none of the {keys} keys of the repository',
    exit: 12,
    http: 401,
    hint: 'check the passphrase and whether --repo is the repository you mean',
  },
  PASSPHRASE_NEEDED: {
    message: 'the repository is encrypted and no passphrase was given',
    exit: 12,
    http: 401,
    hint: 'set STRATA_PASSWORD or STRATA_PASSWORD_FILE, or use --password-file',
  },
  ENCRYPTION_EXPECTED: {
    message: 'a passphrase was given, but repository {location} is not encrypted: nothing was stored there',
    exit: 1,
    http: 409,
    hint: 'if it never was, give no passphrase (unset STRATA_PASSWORD); if it was, somebody has changed strata.json',
  },
  PASSPHRASE_EMPTY: {
    message: 'the passphrase is empty',
    exit: 2,
    http: 400,
    hint: 'choose one, or make the repository with --no-encryption',
  },
  NOT_ENCRYPTED: {
    message: 'the repository is not encrypted and has no passphrases',
    exit: 1,
    http: 409,
    hint: 'make a new repository without --no-encryption',
  },
  KEY_NOT_FOUND: {
    message: 'the repository has no key {key}',
    exit: 1,
    http: 404,
    hint: 'strata key list shows the keys',
  },
  LAST_KEY: {
    message: 'key {key} is the only one of the repository; without it nothing could be read',
    exit: 1,
    http: 409,
    hint: 'add another with strata key add first',
  },

  LOCKED: {
    message: '{what} is in use by {holder} since {since}',
    exit: 11,
    http: 423,
    errno: 'EBUSY',
    hint: 'wait for it to end and start again',
  },
  COLLECTION_UNSAFE: {
    message: 'nothing is collected while it is not known what a point refers to: {reason}',
    exit: 13,
    http: 409,
    hint: 'repair the repository (strata repair)',
  },
  POINT_GONE: {
    message: 'restore point {point} cannot be brought back: {reason}',
    exit: 1,
    http: 410,
    hint: 'a forgotten point can be brought back until a collection has freed what it needs',
  },
  LEASE_LOST: {
    message: 'the lease {lease} of this run is gone: another run took it for dead',
    exit: 1,
    http: 409,
    hint: 'start again; what is already stored is used',
  },

  POINT_NOT_FOUND: {
    message: 'no restore point {spec}',
    exit: 1,
    http: 404,
    errno: 'ENOENT',
    hint: 'strata points lists them',
  },
  POINT_IN_DOUBT: {
    message: 'which point is the newest cannot be told: {reason}',
    exit: 13,
    http: 409,
    hint: 'name the point by its id; strata points lists the ones that can be read',
  },
  POINT_AMBIGUOUS: {
    message: '{spec} means several restore points: {candidates}',
    exit: 1,
    http: 409,
    hint: 'give more digits',
  },
  POINT_PROTECTED: {
    message: 'restore point {point} is protected',
    exit: 1,
    http: 409,
    hint: 'unprotect it first if it may go',
  },
  POINT_LAST_VERIFIED: {
    message: 'restore point {point} is the last verified one of {disk}',
    exit: 1,
    http: 409,
    hint: 'verify another point of the disk first',
  },
  RETENTION_UNSAFE: {
    message: 'nothing is forgotten by rules while points cannot be read: {reason}',
    exit: 13,
    http: 409,
    hint: 'run strata verify --all, forget what is lost by its id, and start again; nothing was written',
  },
  MARK_LOST: {
    message: 'restore point {point} is not marked as asked: another process changed that at the same time',
    exit: 1,
    http: 409,
    hint: 'start again; strata points shows what holds',
  },
  PARTITION_NOT_FOUND: {
    message: 'restore point {point} has no partition {partition}; it has {known}',
    exit: 1,
    http: 404,
    errno: 'ENOENT',
    hint: 'strata show lists the partitions of a point',
  },
  MANIFEST_DAMAGED: {
    message: 'manifest {name} is damaged: {reason}',
    exit: 13,
    http: 500,
    errno: 'EIO',
    hint: 'use another restore point; strata verify --all shows everything that is damaged',
  },
  MAP_MISSING: {
    message: 'block map {path} is missing',
    exit: 13,
    http: 500,
    errno: 'EIO',
    hint: 'use another restore point; strata verify --all shows everything that is damaged',
  },
  MAP_DAMAGED: {
    message: 'block map {path} is damaged: {reason}',
    exit: 13,
    http: 500,
    errno: 'EIO',
    hint: 'use another restore point; strata verify --all shows everything that is damaged',
  },
  ROOT_MISMATCH: {
    message: 'the maps of point {point} do not give the root that its manifest names: nothing was made of it',
    exit: 13,
    http: 409,
    hint: 'run strata verify {point}; points before it may be whole',
  },
  CHAIN_BROKEN: {
    message: 'restore point {point} depends on {missing}, which {reason}',
    exit: 13,
    http: 500,
    errno: 'EIO',
    hint: 'use a restore point of another chain; strata points shows them',
  },
  PACK_MISSING: {
    message: '{path} is missing: {reason}',
    exit: 13,
    http: 500,
    errno: 'EIO',
    hint: 'strata verify --all names the restore points and ranges concerned',
  },
  PACK_READ: {
    message: 'cannot read {path}: {reason}',
    exit: 13,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg); strata verify --all names what is concerned',
  },
  FRAME_DAMAGED: {
    message: '{path} is damaged: {reason}',
    exit: 13,
    http: 500,
    errno: 'EIO',
    hint: 'strata verify --all names the restore points and ranges concerned',
  },
  CLONE_UNSUPPORTED: {
    message: '{path} cannot copy by itself',
    exit: 1,
    http: 409,
    hint: 'leave --require-clone out to have it pass through this machine, or use XFS, Btrfs or a server that copies parts of objects',
  },
  PACK_STORE_FAILED: {
    message: 'a pack could not be stored: {reason}',
    exit: 1,
    http: 500,
    hint: 'start again; what is already stored is used',
  },

  SOURCE_MISSING: {
    message: 'source {path} does not exist',
    exit: 1,
    http: 404,
    hint: 'check the path; lsblk lists block devices',
  },
  SOURCE_EMPTY: {
    message: 'source {path} is empty',
    exit: 1,
    http: 400,
    hint: 'check the path',
  },
  SOURCE_IS_DIRECTORY: {
    message: 'source {path} is a directory; Strata backs up disks and image files',
    exit: 1,
    http: 400,
    hint: 'give the block device or the image file; findmnt --target shows the device of a directory',
  },
  SOURCE_UNSUITABLE: {
    message: 'source {path} is neither a block device, a file nor a pipe',
    exit: 1,
    http: 400,
    hint: 'give a block device, an image file or - for standard input',
  },
  SOURCE_IN_REPOSITORY: {
    message: 'source {path} lies inside the repository',
    exit: 1,
    http: 400,
    hint: 'give a source outside the repository',
  },
  REPOSITORY_IN_SOURCE: {
    message: 'the repository lies on source {path}: each backup would back up itself',
    exit: 1,
    http: 400,
    hint: 'put the repository on another disk',
  },
  SOURCE_OPEN: {
    message: 'cannot open source {path}: {reason}',
    exit: 1,
    http: 400,
    hint: 'check the path and the permissions',
  },
  SOURCE_READ: {
    message: 'cannot read source {path}: {reason}',
    exit: 1,
    http: 500,
    hint: 'look at the system log (dmesg)',
  },
  SNAPSHOT_IMPOSSIBLE: {
    message: 'no snapshot of {path} can be made: {reason}',
    exit: 1,
    http: 409,
    hint: 'use --snapshot auto or off to read it as it is; strata doctor tells what this machine can do',
  },
  SNAPSHOT_FAILED: {
    message: 'the snapshot of {path} by {provider} failed: {reason}',
    exit: 1,
    http: 500,
    hint: 'mend that, or use --snapshot off to read it as it is; nothing was stored',
  },
  SNAPSHOT_LOST: {
    message: 'the snapshot of {path} did not hold: {reason}',
    exit: 1,
    http: 500,
    hint: 'no point was made; start again: a freeze with a higher --freeze-limit, a snapshot that was full with a larger --snapshot-size',
  },
  NOT_ONE_INSTANT: {
    message: 'the disks cannot be frozen at one instant: {reason}',
    exit: 1,
    http: 409,
    hint: 'with --snapshot auto each gets its point all the same; --hook-freeze can bring to rest what writes to them',
  },
  NO_DISKS: {
    message: 'this machine has no disk that can be backed up into this repository',
    exit: 1,
    http: 409,
    hint: 'name a volume, a partition or an image file; lsblk lists block devices',
  },
  HOOK_FAILED: {
    message: 'the {hook} hook failed: {reason}',
    exit: 1,
    http: 500,
    hint: 'mend the command; with --snapshot auto its failure is only a warning',
  },
  TRACKER_DISTRUSTED: {
    message: 'the tracker {tracker} called {bytes} bytes unchanged that had changed, the first at {offset}',
    exit: 1,
    http: 500,
    hint: 'everything is read and compared until --tracker {tracker} trusts it again',
  },
  HINTS_UNSUITABLE: {
    message: 'the changed extents of {path} cannot be used: {reason}',
    exit: 1,
    http: 400,
    hint: 'leave out --changed-extents to have everything compared; nothing was stored',
  },
  SOURCE_UNREACHABLE: {
    message: 'cannot connect to {path}: {reason}',
    exit: 1,
    http: 502,
    hint: 'check the address, that the server runs, and that it lets this machine in',
  },
  SOURCE_EXPORT_MISSING: {
    message: 'the server of {path} has no such export',
    exit: 1,
    http: 404,
    hint: 'check the name; nbdinfo --list shows what a server exports (Debian: apt-get install libnbd-bin)',
  },
  SOURCE_LOST: {
    message: 'the connection to {path} was lost, and could not be made again: {reason}',
    exit: 1,
    http: 502,
    hint: 'look after the server and the network, then start again; what is already stored is used',
  },
  LIBNBD_MISSING: {
    message: 'the library for NBD cannot be loaded: {reason}',
    exit: 1,
    http: 501,
    hint: 'install it (Debian: apt-get install libnbd0)',
  },
  SOURCE_SIZE_CHANGED: {
    message: 'source {path} changed its size while it was read: {reason}',
    exit: 1,
    http: 409,
    hint: 'start again when nothing resizes it',
  },
  SPOOL_WRITE: {
    message: 'cannot write {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },

  TOOL_MISSING: {
    message: '{tool} is needed, but cannot be run',
    exit: 1,
    http: 501,
    hint: 'install it (Debian: apt-get install {package})',
  },
  NO_ANSWER: {
    message: '{what} did not return within {seconds} s',
    exit: 1,
    http: 504,
    errno: 'ETIMEDOUT',
    hint: 'what serves the mount may hang: end it, then run strata doctor --fix',
  },
  IN_USE: {
    message: '{what} is in use: {holders}',
    exit: 1,
    http: 409,
    errno: 'EBUSY',
    hint: 'end that and start again; with --force it is let go when that ends',
  },
  RECORD_UNREADABLE: {
    message: '{path} is no record that this Strata can read: {reason}',
    exit: 1,
    http: 500,
    hint: 'if a newer Strata wrote it, use that; else look what is mounted (findmnt, losetup --list) and remove it',
  },
  ATTACH_NEEDS_ROOT: {
    message: 'only root can attach a drive: the kernel lets nobody else make devices and mount them',
    exit: 1,
    http: 403,
    errno: 'EPERM',
    hint: 'run it with sudo, or mount the points and read the image with fuse2fs; strata doctor tells what is there',
  },
  DRIVE_NOT_FOUND: {
    message: 'no drive {id} is attached',
    exit: 1,
    http: 404,
    hint: 'strata mounts lists them',
  },
  IMAGE_UNSUITABLE: {
    message: 'image {path} cannot be attached: {reason}',
    exit: 1,
    http: 400,
    hint: 'check the path',
  },
  LOOP_FAILED: {
    message: '{path} cannot be attached as a loop device: {reason}',
    exit: 1,
    http: 500,
    hint: 'modprobe loop, in a container let it have /dev/loop*; losetup --list shows what is in use',
  },
  FOLDER_UNSUITABLE: {
    message: 'nothing can be mounted at {path}: {reason}',
    exit: 1,
    http: 409,
    hint: 'choose a new or an empty folder',
  },
  CONTENT_UNKNOWN: {
    message: '{device} is not mounted: it holds no file system that Strata knows',
    exit: 1,
    http: 409,
    hint: 'the device is attached; blkid {device} may know more',
  },
  CONTENT_NOT_MOUNTED: {
    message: '{device} is not mounted: it is {what}',
    exit: 1,
    http: 409,
    hint: '{instead}',
  },
  DRIVER_MISSING: {
    message: '{device} is not mounted: this kernel has no {fileSystem}',
    exit: 1,
    http: 501,
    hint: '{instead}',
  },
  UUID_CLASH: {
    message: '{device} is not mounted: the kernel would take its Btrfs for that of {original}, which has the same UUID',
    exit: 1,
    http: 409,
    hint:
      'unmount that one (or btrfs device scan --forget), or attach this --writable without --at, run btrfstune -m {device} ' +
      'and mount it',
  },
  FILE_SYSTEM_NOT_MOUNTED: {
    message: '{device} ({fileSystem}) is not mounted: {reason}',
    exit: 1,
    http: 500,
    hint: 'the device is attached; look at the system log (dmesg), or attach it --writable, so that it can be repaired',
  },

  TARGET_EXISTS: {
    message: 'target {path} exists',
    exit: 1,
    http: 409,
    errno: 'EEXIST',
    hint: 'use --force to overwrite it; of a raw target --delta writes only what differs',
  },
  COPY_EXISTS: {
    message: '{path} exists',
    exit: 1,
    http: 409,
    errno: 'EEXIST',
    hint: 'choose another name or folder; copying overwrites nothing',
  },
  TARGET_MISSING: {
    message: 'target {path} does not exist',
    exit: 1,
    http: 404,
    errno: 'ENOENT',
    hint: 'check the path; --delta needs a target that is there',
  },
  TARGET_UNSUITABLE: {
    message: 'target {path} is neither a file nor a block device',
    exit: 1,
    http: 400,
    hint: 'give a file name or a block device',
  },
  DEVICE_TAKES_RAW: {
    message: 'target {path} is a block device, and a {format} image is a file',
    exit: 2,
    http: 400,
    hint: 'give a file name, or restore to the device with --format raw',
  },
  FORMAT_UNSUITABLE: {
    message: 'there is no {format} image of point {point}: {reason}',
    exit: 2,
    http: 409,
    hint: 'choose another format; raw and qcow2 hold any disk',
  },
  VMDK_UNSUITABLE: {
    message: 'cannot write a VMDK to {path}: {reason}',
    exit: 2,
    http: 400,
    hint: '{instead}',
  },
  TARGET_TOO_SMALL: {
    message: 'target {path} has {available} bytes, the image needs {needed}',
    exit: 1,
    http: 409,
    errno: 'ENOSPC',
    hint: 'use a larger device; nothing was written',
  },
  TARGET_MOUNTED: {
    message: 'target {path} is mounted at {where}',
    exit: 1,
    http: 409,
    errno: 'EBUSY',
    hint: 'unmount it first; --force does not override this',
  },
  TARGET_IN_USE: {
    message: 'target {path} is in use: {reason}',
    exit: 1,
    http: 409,
    errno: 'EBUSY',
    hint: 'release it first; --force does not override this',
  },
  TARGET_IN_REPOSITORY: {
    message: 'target {path} lies inside the repository',
    exit: 1,
    http: 400,
    hint: 'choose a target outside the repository',
  },
  REPOSITORY_IN_TARGET: {
    message: 'the repository lies on target {path}: restoring would destroy it',
    exit: 1,
    http: 400,
    hint: 'choose another target',
  },
  TARGET_WRITE: {
    message: 'cannot write target {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },
  TARGET_READ: {
    message: 'cannot read target {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },

  JOB_NOT_FOUND: {
    message: 'no job {job}',
    exit: 1,
    http: 404,
    hint: 'strata job list shows the jobs',
  },
  JOB_EXISTS: {
    message: 'there is a job {job} already',
    exit: 1,
    http: 409,
    hint: 'use --replace, or choose another name; nothing was written',
  },
  JOB_UNREADABLE: {
    message: '{path} is no job that this Strata can run: {reason}',
    exit: 1,
    http: 500,
    hint: 'correct the file, or make the job anew with strata job add --replace',
  },
  JOB_INSTALLED: {
    message: 'job {job} is installed: {path} would go on starting it',
    exit: 1,
    http: 409,
    hint: 'take that away first: strata job uninstall {job}',
  },
  RUN_UNREADABLE: {
    message: '{path} is no record of a run that this Strata can read',
    exit: 1,
    http: 500,
    hint: 'if a newer Strata wrote it, use that; else remove it',
  },
  RUN_MISSED: {
    message: 'job {job} was due at {due}, and nothing ran it then',
    exit: 1,
    http: 500,
    hint: 'it is run once instead; strata runs shows it',
  },
  DAMAGE_FOUND: {
    message: '{damaged} of {points} points are damaged',
    exit: 13,
    http: 500,
    hint: 'strata verify --all names what is damaged',
  },
  CALENDAR_UNSUITABLE: {
    message: 'systemd cannot keep the calendar "{calendar}": {reason}',
    exit: 1,
    http: 400,
    hint: '{instead}',
  },
  LAUNCHER_UNSUITABLE: {
    message: 'systemd cannot start {path}: {reason}',
    exit: 1,
    http: 409,
    hint: 'install Strata at a path without quotes, backslashes and control characters',
  },
  UNIT_FOREIGN: {
    message: '{path} was not written by strata job install',
    exit: 1,
    http: 409,
    hint: 'move it away, or give the job another name; nothing was changed',
  },

  ADDRESS_IN_USE: {
    message: 'cannot listen on {address}: it is in use',
    exit: 1,
    http: 409,
    hint: 'stop the server that uses it, or choose another address',
  },
  ADDRESS_UNSUITABLE: {
    message: 'cannot listen on {address}: {reason}',
    exit: 2,
    http: 400,
    hint: 'name an address of this machine and a free port, or a socket in a folder that is there',
  },
  TLS_UNSUITABLE: {
    message: 'certificate {path} cannot be used: {reason}',
    exit: 1,
    http: 400,
    hint: 'give PEM files: a certificate, the key that belongs to it, and the certificate of the authority of clients',
  },
  MOUNT_FAILED: {
    message: 'cannot mount at {path}: {reason}',
    exit: 1,
    http: 500,
    hint: 'strata doctor shows what this machine lacks for mounting',
  },
  MOUNT_POINT_UNSUITABLE: {
    message: 'cannot mount at {path}: {reason}',
    exit: 2,
    http: 400,
    hint: 'name an existing, empty folder outside the repository',
  },
  DRIVER_UNUSABLE: {
    message: 'driver {driver} cannot be used: {reason}',
    exit: 1,
    http: 500,
    hint: 'strata doctor shows what this machine lacks for mounting',
  },
  BACKGROUND_ENDED: {
    message: '{what} ended in the background with exit code {code} and said nothing',
    exit: 1,
    http: 500,
    hint: 'run it with --foreground to see why',
  },
  NOT_MOUNTED: {
    message: 'nothing of Strata is mounted at {path}',
    exit: 2,
    http: 404,
    hint: 'see strata mounts',
  },
  UNMOUNT_FAILED: {
    message: 'cannot unmount {directory}: {reason}',
    exit: 1,
    http: 500,
    hint: 'close what uses it, or unmount it with --force',
  },
  SPOOL_READ: {
    message: 'cannot read the cache at {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },
  DRIVE_READ_ONLY: {
    message: 'drive {id} takes no writes, so there is nothing to commit',
    exit: 2,
    http: 400,
    hint: 'attach the point with --writable',
  },
  COMMIT_FAILED: {
    message: 'what was written over point {point} was not committed: {reason}',
    exit: 1,
    http: 500,
    hint: 'it is kept; attach the point again with --writable --overlay {overlay}, then detach with --commit',
  },
  OVERLAY_UNSUITABLE: {
    message: 'cannot use the overlay {path}: {reason}',
    exit: 2,
    http: 400,
    hint: 'name the overlay of this point, or a file that does not exist yet',
  },
  OVERLAY_IN_USE: {
    message: 'the overlay {path} is in use',
    exit: 11,
    http: 409,
    errno: 'EBUSY',
    hint: 'see strata mounts; detach the drive that uses it first',
  },
  OVERLAY_READ: {
    message: 'cannot read the overlay {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'look at the system log (dmesg)',
  },
  OVERLAY_WRITE: {
    message: 'cannot write the overlay {path}: {reason}',
    exit: 1,
    http: 500,
    errno: 'EIO',
    hint: 'make room where the overlay lies',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorTable;

type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;

/** What a code's message and hint need to know. */
export type ErrorParams<Code extends ErrorCode> = Readonly<
  Record<Placeholders<(typeof errorTable)[Code]['message'] | (typeof errorTable)[Code]['hint']>, string | number>
>;

/** A failure with a code, an exit code and a next step; made by `fail()`. */
export class StrataError extends Error {
  readonly code: ErrorCode;
  readonly params: Readonly<Record<string, string | number>>;

  constructor(code: ErrorCode, params: Readonly<Record<string, string | number>>, cause?: unknown) {
    super(fill(errorTable[code].message, params), cause === undefined ? undefined : { cause });
    this.name = 'StrataError';
    this.code = code;
    this.params = params;
  }

  get exitCode(): number {
    return errorTable[this.code].exit;
  }

  get httpStatus(): number {
    return errorTable[this.code].http;
  }

  /** What to do about it. */
  get hint(): string {
    return fill(errorTable[this.code].hint, this.params);
  }
}

/** Makes the error; the caller throws it. */
export function fail<Code extends ErrorCode>(
  code: Code,
  params: ErrorParams<Code>,
  options: { readonly cause?: unknown } = {},
): StrataError {
  return new StrataError(code, params, options.cause);
}

/** The errno by which a program that reads through a mount learns of a failure. */
export function errnoOf({ code }: StrataError): number {
  const { errno }: ErrorKind = errorTable[code];
  return constants.errno[(errno ?? 'EIO') as keyof typeof constants.errno];
}

/** Whether `error` is a StrataError, of one of `codes` when any are given. */
export function isStrataError(error: unknown, ...codes: readonly ErrorCode[]): error is StrataError {
  return error instanceof StrataError && (codes.length === 0 || codes.includes(error.code));
}

/**
 * Turns what a system call of Node threw into a StrataError; a StrataError passes through.
 * `what` says what was tried, to what: "cannot write /x/y".
 */
export function fromSystem(error: unknown, what: string): StrataError {
  if (error instanceof StrataError) return error;
  const { errno } = error as NodeJS.ErrnoException;
  return ofErrno(Math.abs(errno ?? 0), what, error) ?? fail('IO', { what, reason: reasonOf(error) }, { cause: error });
}

/**
 * Turns what the addon threw into a StrataError; a StrataError passes through.
 * `path` is what the action is about, for errors that name no path of their own.
 */
export function fromNative(error: unknown, path: string): StrataError {
  if (error instanceof StrataError) return error;
  const native = error as { code?: unknown; errno?: number; path?: string };
  const at = native.path || path;
  if (native.code === 'CANCELLED') return fail('INTERRUPTED', { action: `work on ${at}` }, { cause: error });
  const writing = ['SPOOL_WRITE', 'TARGET_WRITE', 'OVERLAY_WRITE'].includes(String(native.code));
  const known = writing ? ofErrno(native.errno ?? 0, `cannot write ${at}`, error) : null;
  if (known !== null) return known;
  const code = typeof native.code === 'string' && native.code in errorTable ? (native.code as ErrorCode) : 'IO';
  return new StrataError(code, { path: at, what: at, reason: reasonOf(error) }, error);
}

/** The failures of a system call that users meet and can do something about. */
function ofErrno(errno: number, what: string, cause: unknown): StrataError | null {
  switch (errno) {
    case constants.errno.ENOSPC:
    case constants.errno.EDQUOT:
      return fail('NO_SPACE', { what }, { cause });
    case constants.errno.EROFS:
      return fail('READ_ONLY', { what }, { cause });
    case constants.errno.EACCES:
    case constants.errno.EPERM:
      return fail('PERMISSION', { what }, { cause });
    default:
      return null;
  }
}

/** The one-line text of anything thrown; of a system error the system's own words. */
export function reasonOf(error: unknown): string {
  const { errno } = error as NodeJS.ErrnoException;
  if (typeof errno === 'number' && errno < 0) return getSystemErrorMessage(errno);
  return error instanceof Error ? error.message : String(error);
}

function fill(template: string, params: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => printable(String(params[name] ?? '?')));
}

/** Paths and names may hold line breaks and terminal control characters; a message must not. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
