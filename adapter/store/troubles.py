"""What went wrong with the database, as a sentence for the person who runs it. Never shows a password or a value."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoneFree

from adapter.records import Unusable
from adapter.store.sqlite_file import complaint

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Self = TypeVar("Self")

_OURS = (IntegrityError, DataError)
"""What only a fault of ours brings about; it is told as it is."""


class Interrupted(Unusable):
    """The database broke a transaction off, or was lost in the middle of it: the same once more may succeed.

    If it was lost while committing nobody knows whether it stands; ours can bear being made twice.
    """


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Let whatever the database complains of come out as Unusable."""
    try:
        yield
    except NoneFree as error:
        raise Unusable(
            "every connection to the database is in use; it is slow, or one transaction blocks all"
        ) from error
    except _OURS:
        raise
    except DBAPIError as error:
        sqlite = url.get_backend_name() == "sqlite"
        trouble = _of_sqlite(error, url) if sqlite else _of_postgresql(error, url)
        if trouble is None:
            raise
        raise trouble from error


def once_more(
    method: Callable[Concatenate[Self, Given], Answer],
) -> Callable[Concatenate[Self, Given], Answer]:
    """Let a method that is one transaction be made again, once, after the database broke it off."""

    @functools.wraps(method)
    def run(self: Self, /, *args: Given.args, **more: Given.kwargs) -> Answer:
        try:
            return method(self, *args, **more)
        except Interrupted:
            return method(self, *args, **more)

    return run


# --- SQLite -------------------------------------------------------------------------------------------------
def _of_sqlite(error: DBAPIError, url: URL) -> Unusable | None:
    """Return the sentence, or None for a fault of ours."""
    if isinstance(error, ProgrammingError):
        return None
    return complaint(error.orig, url.database)


# --- PostgreSQL ---------------------------------------------------------------------------------------------
_BROKEN_OFF = {"40001", "40P01", "57P01", "57P02"}
_STATES = {
    "40001": "broke a transaction off in favour of another",
    "40P01": "broke a transaction off, because two waited for each other",
    "28P01": "does not accept the password; expected the right one in STEPLADDER_DATABASE_PASSWORD or secrets.toml",
    "none": "asks for a password, and none was given; put it into STEPLADDER_DATABASE_PASSWORD or secrets.toml",
    "28000": "does not let this user in; look at its pg_hba.conf",
    "3D000": "has no such database; make it with `createdb`",
    "25006": "only reads, perhaps because it is a standby; name the server that writes",
    "42501": "does not allow this user to do that; make it the owner of the database",
    "42P01": "has none of our tables; they are made when Stepladder starts",
    "53100": "has no room left on its disk",
    "53300": "takes no more connections; raise max_connections, or run fewer processes",
    "55P03": "is busy: somebody else has held what is needed for too long",
    "57014": "is busy: a statement took too long",
    "57P01": "is being shut down",
    "57P02": "is recovering from a crash",
    "57P03": "is starting or stopping",
}
"""What a state of PostgreSQL's means here. https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_TOLD_AT_THE_DOOR = {
    "password authentication failed": "28P01",
    "no password supplied": "none",
    "does not exist": "3D000",
    "no pg_hba.conf entry": "28000",
    "starting up": "57P03",
    "shutting down": "57P03",
    "too many clients": "53300",
    "remaining connection slots": "53300",
}
"""Before a connection stands the library tells no state, only what the server said."""


def _of_postgresql(error: DBAPIError, url: URL) -> Unusable | None:
    """Return the sentence, or None for a fault of ours."""
    state = getattr(error.orig, "sqlstate", None)
    where = f"PostgreSQL at {url.host or 'its local socket'}{f':{url.port}' if url.port else ''}"
    said = str(error.orig).strip().splitlines()
    if state is None:
        heard = " ".join(said).lower()
        if 'role "' in heard and "does not exist" in heard:
            state = "28000"
        state = state or next((code for words, code in _TOLD_AT_THE_DOOR.items() if words in heard), None)
    if state in _STATES:
        kind = Interrupted if state in _BROKEN_OFF else Unusable
        return kind(f"{where} {_STATES[state]}{_which(state, url)}")
    if error.connection_invalidated:
        return Interrupted(f"the connection to {where} was lost; is it running?")
    if isinstance(error, ProgrammingError):
        return None
    why = said[0].removeprefix("connection failed: ") if said else type(error.orig).__name__
    return Unusable(f"{where} cannot be used ({why}); is it running, and is the address in stepladder.toml right?")


def _which(state: str, url: URL) -> str:
    return f" (database {url.database}, user {url.username})" if state in ("28P01", "28000", "3D000", "42501") else ""
