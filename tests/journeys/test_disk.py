"""The disk fails in the middle of work: vendors come again, looks wait, and nothing is lost or doubled afterwards."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import discover

VENDOR = sorted(discover())[-1]
SETTINGS = "[worker]\nsettle = 10\nthreads = 4\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"a disk of our own needs the right to mount one: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def any_database(disk: Path) -> str:
    return f"sqlite:///{disk / 'a.db'}"


@dataclass(frozen=True)
class Trouble:
    """Something that befalls the file of a database, and its end."""

    begin: Callable[[Path], object]
    end: Callable[[Path], object]
    says: str


def fill(file: Path) -> None:
    with contextlib.suppress(OSError), (file.parent / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(b"x" * 1024)


TROUBLES = {
    "full": Trouble(fill, lambda file: (file.parent / "ballast").unlink(), "is full"),
    "moved away": Trouble(
        lambda file: file.rename(f"{file}.old"), lambda file: Path(f"{file}.old").rename(file), "a.db was removed"
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_while_the_disk_fails_all_wait_and_afterwards_all_is_done_once(build_house: Any, disk: Path, name: str) -> None:
    trouble, file = TROUBLES[name], disk / "a.db"
    house = build_house(VENDOR, more=SETTINGS)
    unanswered, urgent = house.opened(), []
    trouble.begin(file)
    envelopes = house.held(lambda: urgent.append(house.desk.open_ticket("VPN", "Nobody gets in.", priority="urgent")))
    for _ in range(20):
        for envelope in envelopes:
            answer = house.deliver(envelope)
            assert (answer.status_code, int(answer.headers["Retry-After"]) < 60) == (503, True)
            assert str(disk) not in answer.text
    house.clock.jump_to(house.clock() + timedelta(minutes=61))
    house.until(lambda: house.said("looks.alarm"))
    before, busy = len(house.told), time.process_time()
    threading.Event().wait(0.5)
    assert time.process_time() - busy < 0.25, "it tries now and then, and does not spin"
    assert len(house.told) - before < 10
    assert [trouble.says in str(fields["reason"]) for fields in house.said("looks.alarm")] == [True]
    assert [trouble.says in str(fields["reason"]) for fields in house.said("intake.alarm")] == [True]
    trouble.end(file)
    house.clock.jump_to(house.clock() + timedelta(seconds=2))
    house.until(lambda: house.said("looks.open"))
    assert {house.deliver(envelope).status_code for envelope in envelopes} == {202}
    house.quiet()
    house.stands(unanswered, 2)
    house.stands(urgent[0], 2)
    assert not house.said("ticket.failed"), "a disk's trouble is no fault of a ticket"
