"""Commands beside a house that works, by the house's clock; what they open is closed, as their process would."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner, Result

from adapter.cli import cli
from adapter.settings import Settings
from adapter.store.sql import SqlStore
from adapter.toolbox import Toolbox


class Beside(Toolbox):
    """The tools of a command in a process of its own."""

    def __init__(self, house: Any) -> None:
        self.clock = house.clock
        self._config = str(house.folder / "stepladder.toml")
        self._opened: list[SqlStore] = []

    def open_store(self, settings: Settings) -> SqlStore:
        """Open the tables, and remember to close them."""
        self._opened.append(super().open_store(settings))
        return self._opened[-1]

    def run(self, *words: str, **more: Any) -> Result:
        """Run a command."""
        result = CliRunner().invoke(cli, [*words, "--config", self._config], obj=self, **more)
        while self._opened:
            self._opened.pop().close()
        return result
