"""The file that SQLite works on: its complaints as sentences for whoever runs it, and whether it is still the same.

It mends nothing and never touches the file.
"""

from __future__ import annotations

import os

from adapter.records import Unusable

_GOES_ON = "and Stepladder goes on by itself"
_FULL = f"the disk of {{file}} is full; free some space there, {_GOES_ON}"
_READ_ONLY = (
    "{file} may not be written; let this user write the file and its folder, or mount the disk for writing, "
    f"{_GOES_ON}"
)
_LOCKED = (
    "{file} is busy or locked by another process (a command of ours, a backup, an SQL shell?); when that one lets go, "
    "Stepladder goes on by itself"
)
_CROWDED = (
    "{file} is busy: what this process itself writes takes so long that others wait in vain for their turn; is the "
    f"disk slow? They are served when it is their turn, {_GOES_ON}"
)
_DAMAGED = (
    "{file} is damaged ({said}); stop Stepladder, keep a copy of the file with its -wal and -shm, and put the last "
    "backup in its place (docs/operations.md)"
)
_FAILS = "the disk of {file} fails ({said}); is it full, or gone? The system's log says more"
_CLOSED = "{file} cannot be opened; look whether its folder is there and this user may write in it"
_OTHER = "the database {file} cannot be used: {said}; look at its file, its folder and the disk"
_MOVED = (
    "{file} was {how} while Stepladder works on it, so nothing more is taken; put the same file back, or start "
    "Stepladder anew to work on what is there now"
)
_SENTENCES = {13: _FULL, 8: _READ_ONLY, 5: _LOCKED, 6: _LOCKED, 11: _DAMAGED, 26: _DAMAGED, 10: _FAILS, 14: _CLOSED}
"""By SQLite's result code, of which the low byte says what went wrong: https://www.sqlite.org/rescode.html"""


def busy(file: object, *, by_us: bool) -> Unusable:
    """Return what to say when a write waited in vain for its turn. `by_us`: this process was writing meanwhile."""
    return Unusable((_CROWDED if by_us else _LOCKED).format(file=file))


def damaged(said: str, file: object) -> Unusable:
    """Return what to say of a file in which a check found damage."""
    return Unusable(_DAMAGED.format(file=file, said=" ".join(said.split())[:120]))


def complaint(error: BaseException | None, file: object) -> Unusable:
    """Return what SQLite complains of as a sentence about this file."""
    sentence = _SENTENCES.get(int(getattr(error, "sqlite_errorcode", 0)) & 0xFF, _OTHER)
    said = getattr(error, "sqlite_errorname", None) if sentence is not _OTHER else error
    return Unusable(sentence.format(file=file, said=said))


class Place:
    """The place of a database's file. SQLite itself does not notice that a file was replaced or removed under it."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._wal = f"{file}-wal"
        self._first: tuple[int, int] | None = None

    def before(self, *_: object) -> None:
        """Raise Unusable before a file would be opened that is not the first one, or made in its place."""
        if self._first is not None:
            self._compare(self._found())

    def opened(self, *_: object) -> None:
        """Remember the file at the first opening; raise Unusable if a later one met another."""
        found = self._found()
        self._first = self._first or found
        self._compare(found)

    def check(self) -> None:
        """Raise Unusable if what is written now would go into a file that nobody will find again."""
        self._compare(self._found())
        if not os.path.exists(self._wal):
            raise Unusable(_MOVED.format(file=self._wal, how="removed"))

    def _found(self) -> tuple[int, int]:
        try:
            found = os.stat(self._file)
        except OSError:
            raise Unusable(_MOVED.format(file=self._file, how="removed")) from None
        return found.st_dev, found.st_ino

    def _compare(self, found: tuple[int, int]) -> None:
        if found != self._first:
            raise Unusable(_MOVED.format(file=self._file, how="replaced"))
