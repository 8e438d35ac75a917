"""What vendors renew and must not get lost, such as refresh tokens: one file that only we may read.

Several processes use it: one that serves, and beside it a command. The operating system's locks keep them apart, and
die with their process.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapter.whole_files import alone, replace


class Keepsakes:
    """A file of renewed secrets by site. It is replaced as a whole, so a crash leaves the old one or the new."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def load(self, site: str) -> Mapping[str, str]:
        """Return what was kept for a site; empty if nothing was. Raises OSError or ValueError for a spoiled file."""
        with self._lock:
            kept = self._all().get(site, {})
        if not isinstance(kept, dict) or not all(isinstance(word, str) for word in kept.values()):
            raise ValueError(self._spoiled(f"holds something else than words for {site}"))
        return kept

    def save(self, site: str, kept: Mapping[str, str]) -> None:
        """Keep this for a site, on the disk when it returns."""
        with self._lock, alone(self._file.with_suffix(".lock")):
            told = json.dumps({**self._all(), site: dict(kept)}, indent=1)
            replace(self._file, told.encode("utf-8"), mode=0o600)

    @contextmanager
    def turn(self, site: str) -> Iterator[None]:
        """Hold the turn to renew what is kept for a site. Raises BlockingIOError while another process holds it."""
        with alone(self._file.with_suffix(f".{site}.lock"), wait=False):
            yield

    def _all(self) -> dict[str, Any]:
        try:
            told = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:  # what stands there is not told: it may be a token
            raise ValueError(self._spoiled("is not JSON")) from error
        if not isinstance(told, dict):
            raise ValueError(self._spoiled("holds no table of sites"))
        return told

    def _spoiled(self, how: str) -> str:
        cure = "restore it, or move it away and run `stepladder authorize` for every site that a person agreed to"
        return f"{self._file.name} {how}; it is left as it is: {cure}"
