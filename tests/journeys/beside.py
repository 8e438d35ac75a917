"""Commands beside a house that works, by the house's clock."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner, Result

from adapter.cli import cli
from adapter.toolbox import Toolbox


class Beside(Toolbox):
    """The tools of a command in a process of its own."""

    def __init__(self, house: Any) -> None:
        self.clock = house.clock
        self._config = str(house.folder / "stepladder.toml")

    def run(self, *words: str, **more: Any) -> Result:
        """Run a command."""
        return CliRunner().invoke(cli, [*words, "--config", self._config], obj=self, **more)
