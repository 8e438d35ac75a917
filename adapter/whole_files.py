"""Replaces a file as a whole, on the disk when it returns, and keeps writers of several processes apart.

It knows nothing of what stands in a file. What it makes belongs to whoever the folder belongs to, as far as we may.
"""

from __future__ import annotations

import fcntl
import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def alone(lock: Path, *, wait: bool = True) -> Iterator[int]:
    """Hold the operating system's lock on a file, which dies with its process; yield the file's descriptor.

    Raises BlockingIOError if somebody else holds it and we do not wait, and OSError.
    """
    new = not lock.exists()
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if new:
            _owned(descriptor, lock.parent.stat())
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)


def replace(file: Path, data: bytes, *, mode: int | None = None) -> None:
    """Put new bytes in the place of a file, or make it. Only whoever holds its lock may call this. Raises OSError.

    A crash leaves the old file or the new one. `mode`: who may read it (else as before; for a new one nobody but us).
    """
    for left in glob.glob(f"{glob.escape(str(file.with_name(f'.{file.name}.')))}*.new"):  # a crash left it
        Path(left).unlink(missing_ok=True)
    before = file.stat() if file.exists() else None
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".new", dir=file.parent)
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as new:
            _owned(new.fileno(), before or file.parent.stat())
            os.fchmod(new.fileno(), mode if mode is not None else before.st_mode & 0o777 if before else 0o600)
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    settle(file.parent)


def settle(folder: Path) -> None:
    """Let the disk know a folder's new names. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _owned(descriptor: int, like: os.stat_result) -> None:
    """Give a file to the owner and group that these have; without the right it stays ours."""
    mine = os.fstat(descriptor)
    for owner, group in ((-1, like.st_gid), (like.st_uid, -1)):
        if (owner, group) not in ((-1, mine.st_gid), (mine.st_uid, -1)):
            with suppress(PermissionError):
                os.fchown(descriptor, owner, group)
