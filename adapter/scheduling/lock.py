"""One worker per SQLite file: an operating system's lock that dies with its process, so that no stale lock is left."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import IO


class AlreadyWorking(Exception):
    """Another process works on this database. Stop it, or use `create_app(worker=False)` for receiving only."""


class WorkerLock:
    """Holds `<database>.lock` while a worker runs. Take it in the process that works, after any fork."""

    def __init__(self, database: Path) -> None:
        self._database = database.resolve()  # by whatever name the file is called
        self._path = self._database.with_name(self._database.name + ".lock")
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the lock, or raise AlreadyWorking, or OSError, with a sentence for the person who started us."""
        self._has_one_name()
        try:
            file = self._path.open("a+")
        except OSError as error:
            raise OSError(f"{self._path} cannot be written ({error.strerror}); let this user write there") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise AlreadyWorking(
                f"Another Stepladder (process {holder}) already works on {self._path.with_suffix('').name}: one worker "
                "per SQLite file. Stop that one, or serve webhooks only with STEPLADDER_WORKER=off."
            ) from None
        self._file = file
        with contextlib.suppress(OSError):  # a full disk: the number is only for the sentence above
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()

    def _has_one_name(self) -> None:
        """Refuse a file with hard links: under each name SQLite would keep a log of its own, and damage the file."""
        names = self._database.stat().st_nlink if self._database.exists() else 1
        if names > 1:
            raise OSError(
                f"{self._database} has {names} names (hard links): whoever opens it by another one damages it. Remove "
                "the other names, or make a copy under a new one; a symbolic link does no harm."
            )

    def release(self) -> None:
        """Let the next worker begin."""
        if self._file is not None:
            self._file.close()
            self._file = None
