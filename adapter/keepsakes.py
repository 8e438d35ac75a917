"""What vendors renew and must not get lost, such as refresh tokens: one file that only we may read."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
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
        with self._lock:
            told = json.dumps({**self._all(), site: dict(kept)}, indent=1)
            beside = self._file.with_suffix(".new")
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(told)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._file)

    def _all(self) -> dict[str, dict[str, str]]:
        try:
            told = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        if not isinstance(told, dict):
            raise ValueError(f"{self._file.name} expected one table of sites, got {type(told).__name__}")
        return {site: kept for site, kept in told.items() if isinstance(kept, dict)}
