"""It dies at each database statement and each request of an escalation in turn, and what follows is always the same.

After each death a new house opens on the same file, the vendor brings again what nobody thanked it for, and the end
must be what it is in peace: once, and nothing lost. `make crash` plays every path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from adapter.store import tables as t
from connectors.faults import Fault
from tests.journeys.dying import Died, Lives

House = Any
WHOLE = os.environ.get("STEPLADDER_CRASHES") == "all"
UNGUARDED = "[worker]\nsettle = 10\n[guards]\nescalations_in_10_minutes = 100000"
OPERATION = re.compile(r"op ([0-9a-f]{8,})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A ticket, what an agent does to it, and what goes wrong with our writes to it, every time."""

    opened: Mapping[str, Any]
    says: str = ""
    undone: bool = False  # it is at the specialists, and an administrator takes that back
    fault: Mapping[str, Any] = field(default_factory=dict)
    short: bool = False


REFUSAL = {"do": "403", "body": {"error": "Forbidden"}}
PATHS = {
    "it moves to the specialists": Path(opened={"priority": "urgent"}, short=True),
    "management watches it": Path(opened={"priority": "normal"}, says="/escalate 3"),
    "the move is taken back": Path(opened={"priority": "urgent"}, undone=True),
    "the answer is lost": Path(opened={"priority": "urgent"}, fault={"do": "cut_after"}),
    "the vendor is busy": Path(opened={"priority": "urgent"}, fault={"do": "503"}),
    "the vendor breaks": Path(opened={"priority": "urgent"}, fault={"do": "500"}),
    "the vendor does it and breaks": Path(opened={"priority": "urgent"}, fault={"do": "500", "applied": True}),
    "the vendor refuses": Path(opened={"priority": "urgent"}, fault={**REFUSAL, "times": 99}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """How it ended: at the vendor, and in the tables. `notes` of each operation."""

    level: int
    group: str | None
    priority: str | None
    followers: tuple[str, ...]
    notes: tuple[int, ...]
    states: frozenset[str]


class Escalations:
    """Tickets that take the same path, one after the other, each with another death on its way."""

    def __init__(self, house: House) -> None:
        self.lives, self.house, self.desk = Lives(house), house, house.desk

    def opens(self, path: Path) -> str:
        """Let a ticket be opened, and the agent do what is to be done; nothing is delivered yet."""
        ticket: str = self.desk.open_ticket("VPN down", "Nobody gets in.", **path.opened)
        if path.says:
            self.desk.agent_says(ticket, path.says, public=False)
        if path.undone:
            self.lives.rest()
            self.lives.undo(ticket)
        if path.fault:
            self.lives.death.add(Fault(match=rf"(PUT|POST) .*/{ticket}\b", **path.fault))
        return ticket

    def stands(self, ticket: str) -> Stands:
        """Say how a ticket stands, after proving that all is read."""
        ref, store = self.house.ref(ticket), self.lives.adapter.store
        assert store.open(ref, self.lives.clock()).deliveries == ()
        view = self.house.view(ticket)
        with store.database.read() as connection:
            states = connection.execute(select(t.calls.c.state).where(t.calls.c.ref == str(ref))).scalars().all()
        notes = [found[1] for note in self.house.notes(ticket) if (found := OPERATION.search(note))]
        return Stands(
            level=view.level or 1, group=view.group, priority=view.priority, followers=view.followers,
            notes=tuple(notes.count(one) for one in set(notes)), states=frozenset(states),
        )  # fmt: skip

    def undisturbed(self, path: Path) -> tuple[Stands, list[str]]:
        """Play a path in peace; say how it ends and which steps it has."""
        ticket = self.opens(path)
        with self.lives.death.watching():
            self.lives.rest()
        return self.stands(ticket), self.lives.death.steps

    def dying(self, path: Path, at: int, *, after: bool) -> Stands:
        """Play a path and die at one of its steps; say how it ends."""
        ticket = self.opens(path)
        with self.lives.death.watching(at, after=after), pytest.raises(Died):
            self.lives.rest()
        self.lives.reborn()
        self.lives.rest()
        return self.stands(ticket)


def is_write(step: str) -> bool:
    return step.startswith(("PUT", "POST"))


def deaths(steps: list[str]) -> Iterator[tuple[int, bool]]:
    """Yield every step to die at, a write twice: before the vendor has done it, and after.

    Without `make crash` the last one is the commit that stores what became of the writes; then only echoes come.
    """
    written = max(at for at, step in enumerate(steps) if is_write(step))
    last = len(steps) if WHOLE else steps.index("COMMIT", written) + 1
    for at, step in enumerate(steps[:last]):
        yield at, False
        if is_write(step):
            yield at, True


@pytest.mark.parametrize("name", [name for name, path in PATHS.items() if path.short or WHOLE])
def test_wherever_it_dies_the_end_is_the_same(build_house: Any, vendor: str, name: str, subtests: Any) -> None:
    path, lives = PATHS[name], Escalations(build_house(vendor, more=UNGUARDED))
    lives.undisturbed(path)  # the first asks more than others
    peace, steps = lives.undisturbed(path)
    assert steps.count("COMMIT") >= 3
    for at, after in deaths(steps):
        with subtests.test(step=f"{at}: {steps[at]}", after=after):
            assert lives.dying(path, at, after=after) == peace
