"""System calls that Node does not have, for the tests of mounts: `syscalls.py COMMAND WORD…`. What is found is printed as JSON."""

import ctypes
import errno
import json
import mmap
import os
import random
import sys

MIB = 1 << 20


def opened(path, flags=0):
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)


def pread_all(fd, length, offset):
    """Like pread, but short only at the end of the file."""
    parts = []
    while length > 0:
        part = os.pread(fd, length, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return b''.join(parts)


def compare(length, offset, found, expected):
    if found != expected:
        sys.exit(f'{length} bytes at {offset} differ')


def read_randomly(source, mounted, seed, count):
    """Reads of any place and length, also across the end."""
    chance = random.Random(int(seed))
    a, b = opened(source), opened(mounted)
    size = os.fstat(a).st_size
    for _ in range(int(count)):
        offset = chance.randrange(size)
        length = 1 + int(chance.random() ** 3 * 3 * MIB)
        compare(length, offset, pread_all(b, length, offset), pread_all(a, length, offset))


def read_directly(source, mounted, seed, count):
    """Reads past the page cache: aligned memory, offsets and lengths."""
    chance = random.Random(int(seed))
    a, b = opened(source), opened(mounted, os.O_DIRECT)
    size = os.fstat(a).st_size
    memory = mmap.mmap(-1, 4 * MIB)
    for _ in range(int(count)):
        offset = chance.randrange(size // 512) * 512
        length = 512 * chance.choice([1, 8, 9, 255, 256, 512, 2048, 8192])
        read = os.preadv(b, [memoryview(memory)[:length]], offset)
        compare(length, offset, memory[:read], os.pread(a, length, offset))


def read_mapped(source, mounted, seed, count):
    """Reads by page faults, shared and private."""
    chance = random.Random(int(seed))
    a, b = opened(source), opened(mounted)
    size = os.fstat(a).st_size
    for flags in (mmap.MAP_SHARED, mmap.MAP_PRIVATE):
        with mmap.mmap(b, size, flags, mmap.PROT_READ) as memory:
            for _ in range(int(count)):
                offset = chance.randrange(size)
                length = 1 + chance.randrange(64 * 1024)
                compare(length, offset, memory[offset : offset + length], os.pread(a, length, offset))


def list_runs(path):
    """Runs of data, as lseek tells them: [[start, end], …]."""
    fd = opened(path)
    size = os.fstat(fd).st_size
    runs = []
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break
        at = os.lseek(fd, start, os.SEEK_HOLE)
        runs.append([start, at])
    return runs


def find_failures(path, source, step, how):
    """
    Offsets of the pieces of `step` bytes whose read fails with EIO; all others must be those of the source. `how`: `direct`
    past the page cache; through it `sequential`, so that the kernel reads ahead, or `random`.
    """
    step = int(step)
    a, b = opened(source), opened(path, os.O_DIRECT if how == 'direct' else 0)
    os.posix_fadvise(b, 0, 0, os.POSIX_FADV_DONTNEED)
    offsets = list(range(0, os.fstat(a).st_size, step))
    if how == 'random':
        random.Random(1).shuffle(offsets)
    memory = mmap.mmap(-1, step)
    failed = []
    for offset in offsets:
        try:
            read = os.preadv(b, [memory], offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            failed.append(offset)
        else:
            compare(step, offset, memory[:read], os.pread(a, step, offset))
    return sorted(failed)


def read_once(path, offset, length):
    """How many bytes one read gives, or its error."""
    try:
        return len(os.pread(opened(path), int(length), int(offset)))
    except OSError as error:
        return errno.errorcode[error.errno]


def list_attributes(path):
    """All extended attributes, and how one is had that is not there, or with too little room."""
    libc = ctypes.CDLL(None, use_errno=True)

    def failure(call, *words):
        ctypes.set_errno(0)
        result = call(*words)
        return result if result >= 0 else errno.errorcode[ctypes.get_errno()]

    name = os.fsencode(path)
    room = ctypes.create_string_buffer(4)
    return {
        'values': {key: os.getxattr(path, key).decode() for key in os.listxattr(path)},
        'unknown': failure(libc.getxattr, name, b'user.strata.none', room, 4),
        'noRoom': failure(libc.getxattr, name, b'user.strata.id', room, 4),
        'length': failure(libc.getxattr, name, b'user.strata.id', None, 0),
        'noRoomForNames': failure(libc.listxattr, name, room, 4),
        'set': failure(libc.setxattr, name, b'user.strata.id', b'x', 1, 0),
        'remove': failure(libc.removexattr, name, b'user.strata.id'),
    }


def list_folder(path):
    """What the folder itself tells of its entries: name, inode number and type, as text for JavaScript's sake."""
    with os.scandir(path) as entries:
        return {entry.name: [str(entry.inode()), kind_of(entry)] for entry in entries}


def kind_of(entry):
    if entry.is_symlink():
        return 'link'
    return 'folder' if entry.is_dir(follow_symlinks=False) else 'file'


def list_as(user, path):
    """Names in a folder, or the error, as another user sees it."""
    os.setgid(int(user))
    os.setuid(int(user))
    try:
        return sorted(os.listdir(path))
    except OSError as error:
        return errno.errorcode[error.errno]


def forget(path):
    """Has the kernel let go of the pages of a file."""
    fd = opened(path)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def size_of(fd):
    """What statx tells of an open file, with the server asked (AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_SIZE)."""
    found = ctypes.create_string_buffer(256)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.statx(fd, b'', 0x1000 | 0x2000, 0x200, found) != 0:
        raise OSError(ctypes.get_errno(), 'statx')
    return int.from_bytes(found.raw[40:48], sys.byteorder)


def hold(path):
    """Opens a file; then for each line `OFFSET LENGTH` says what a read gives, in hex, and for `size` how long the file is."""
    fd = opened(path)
    print('open', flush=True)
    for line in sys.stdin:
        try:
            if line.strip() == 'size':
                print(size_of(fd), flush=True)
            else:
                offset, length = map(int, line.split())
                print(os.pread(fd, length, offset).hex(), flush=True)
        except OSError as error:
            print(errno.errorcode[error.errno], flush=True)


def write_over(path, offset, text):
    """Writes and syncs; the bytes written, or the error."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        written = os.pwrite(fd, text.encode(), int(offset))
        os.fsync(fd)
        return written
    except OSError as error:
        return errno.errorcode[error.errno]


commands = {
    'random': read_randomly,
    'direct': read_directly,
    'mapped': read_mapped,
    'runs': list_runs,
    'failures': find_failures,
    'read': read_once,
    'attributes': list_attributes,
    'folder': list_folder,
    'as': list_as,
    'forget': forget,
    'hold': hold,
    'write': write_over,
}
print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))
