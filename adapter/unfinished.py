"""One set-up at a time, and what the one before it began: secrets that were stored before the vendor was told of them.

It holds names of settings only, never a secret.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from adapter.whole_files import alone


class Unfinished:
    """Which secrets of which site may be unknown to the vendor, because a set-up ended in between."""

    def __init__(self, begun: Mapping[str, list[str]], descriptor: int | None = None) -> None:
        self._begun, self._descriptor = dict(begun), descriptor

    def of(self, site: str) -> tuple[str, ...]:
        """Return the settings whose newest secret the vendor may not know."""
        return tuple(self._begun.get(site, ()))

    def begin(self, site: str, settings: Iterable[str]) -> None:
        """Remember that these are about to be stored. Raises OSError."""
        self._begun[site] = sorted({*self.of(site), *settings})
        self._write()

    def end(self, site: str) -> None:
        """Forget them: the vendor knows them now. Raises OSError."""
        if self._begun.pop(site, None) is not None:
            self._write()

    def _write(self) -> None:
        if self._descriptor is not None:
            text = json.dumps(self._begun).encode()
            os.pwrite(self._descriptor, text, 0)
            os.ftruncate(self._descriptor, len(text))
            os.fsync(self._descriptor)


@contextmanager
def only_setup(settings: Path) -> Iterator[Unfinished]:
    """Hold the place of the only set-up of these settings. Raises BlockingIOError while another holds it, OSError."""
    with alone(_lock(settings), wait=False) as descriptor:
        yield Unfinished(_read(_lock(settings)), descriptor)


def seen(settings: Path) -> Unfinished:
    """Return what is unfinished, for one who only looks."""
    return Unfinished(_read(_lock(settings)))


def _lock(settings: Path) -> Path:
    return settings.with_name(f"{settings.name}.setup.lock")


def _read(lock: Path) -> dict[str, list[str]]:
    try:
        told = json.loads(lock.read_bytes() or b"{}")
    except (FileNotFoundError, ValueError):
        return {}
    lists = told.items() if isinstance(told, dict) else ()
    return {site: [str(word) for word in words] for site, words in lists if isinstance(words, list)}
