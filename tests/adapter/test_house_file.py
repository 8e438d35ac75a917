"""What `doctor` says of the database's file and its disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.examination_house import of_file
from adapter.records import Unusable
from connectors.upkeep import Grade


class Tables:
    """A file, damaged or not."""

    def __init__(self, damage: str = "") -> None:
        self._damage = damage

    def damage(self, most: int) -> Exception | None:
        assert most == 1_500_000, "the whole file is read"
        return Unusable(self._damage) if self._damage else None


@pytest.mark.parametrize(
    ("damage", "free", "found"),
    [
        ("", 50, [(Grade.NOTE, "a.db is whole: 1.5 MB, on a disk with 50.0 MB left.")]),
        ("a.db is damaged", 50, [(Grade.PROBLEM, "a.db is damaged.")]),
        (
            "",
            9,
            [
                (Grade.WARNING, "The disk of a.db has 9.0 MB left, 9% of it."),
                (Grade.NOTE, "a.db is whole: 1.5 MB, on a disk with 9.0 MB left."),
            ],
        ),
    ],
    ids=["well", "damaged", "nearly full"],
)
def test_the_file_is_said_to_be_as_it_is(
    tmp_path: Path, damage: str, free: int, found: list[tuple[Grade, str]]
) -> None:
    (tmp_path / "a.db").write_bytes(b"x" * 1_500_000)
    told = of_file(Tables(damage), tmp_path / "a.db", lambda _: (100_000_000, 0, free * 1_000_000))
    assert [(one.grade, one.says) for one in told] == found
