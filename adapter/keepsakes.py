"""What vendors renew and must not get lost, such as refresh tokens: one file that only we may read.

Several processes use it: one that serves, and beside it a command. The operating system's locks keep them apart, and
die with their process.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Keepsakes:
    """A file of renewed secrets by site. It is replaced as a whole, so a crash leaves the old one or the new."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def load(self, site: str) -> Mapping[str, str]:
        """Return what was kept for a site; empty if nothing was. Raises OSError or ValueError for a spoiled file."""
        with self._lock:
            return self._all().get(site, {})

    def save(self, site: str, kept: Mapping[str, str]) -> None:
        """Keep this for a site, on the disk when it returns."""
        with self._lock, _alone(self._file.with_suffix(".lock"), fcntl.LOCK_EX):
            told = json.dumps({**self._all(), site: dict(kept)}, indent=1)
            beside = self._file.with_suffix(".new")
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(told)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._file)

    @contextmanager
    def turn(self, site: str) -> Iterator[None]:
        """Hold the turn to renew what is kept for a site. Raises BlockingIOError while another process holds it."""
        with _alone(self._file.with_suffix(f".{site}.lock"), fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield

    def _all(self) -> dict[str, dict[str, str]]:
        try:
            told = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:  # what stands there is not told: it may be a token
            raise ValueError(self._spoiled("is not JSON")) from error
        if not isinstance(told, dict):
            raise ValueError(self._spoiled("holds no table of sites"))
        return {site: kept for site, kept in told.items() if isinstance(kept, dict)}

    def _spoiled(self, how: str) -> str:
        cure = "restore it, or move it away and run `stepladder authorize` for every site that a person agreed to"
        return f"{self._file.name} {how}; it is left as it is: {cure}"


@contextmanager
def _alone(file: Path, how: int) -> Iterator[None]:
    """Hold the operating system's lock on a file."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
