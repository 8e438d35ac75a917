"""One worker per SQLite file: an operating system's lock that dies with its process, so that no stale lock is left."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO


class AlreadyWorking(Exception):
    """Another process works on this database. Stop it, or use `create_app(worker=False)` for receiving only."""


class WorkerLock:
    """Holds `<database>.lock` while a worker runs. Take it in the process that works, after any fork."""

    def __init__(self, database: Path) -> None:
        real = database.resolve()  # by whatever name the file is called
        self._path = real.with_name(real.name + ".lock")
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the lock, or raise AlreadyWorking with a sentence for the person who started us."""
        file = self._path.open("a+")
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
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let the next worker begin."""
        if self._file is not None:
            self._file.close()
            self._file = None
