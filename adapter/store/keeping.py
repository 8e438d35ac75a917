"""What vendors renew and must not get lost, in the database: for many processes on many machines. Never in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from adapter.store import tables as t
from adapter.store.codec import pack, unpack_dict
from adapter.store.connection import Database


class StoredKeepsakes:
    """A table of renewed secrets by site. `opened` lends the database for one use."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Database]]) -> None:
        self._opened = opened

    def load(self, site: str) -> Mapping[str, str]:
        """Return what was kept for a site; empty if nothing was. Raises OSError, or ValueError if it is spoiled."""
        kept = select(t.keepsakes.c.kept).where(t.keepsakes.c.site == site)
        with self._opened() as database, database.read() as connection:
            found = connection.execute(kept).scalar()
        words = unpack_dict(found) if found is not None else {}
        if not all(isinstance(word, str) for word in words.values()):
            cure = f"run `stepladder authorize {site}`"
            raise ValueError(f"the table keepsakes holds something else than words for {site}: {cure}")
        return words

    def save(self, site: str, kept: Mapping[str, str]) -> None:
        """Keep this for a site, on the disk when it returns."""
        row = {"kept": pack(dict(kept))}
        with self._opened() as database, database.write() as connection:
            insert = sqlite.insert if database.sqlite else postgresql.insert
            put = insert(t.keepsakes).values(site=site, **row)
            connection.execute(put.on_conflict_do_update(index_elements=["site"], set_=row))

    @contextmanager
    def turn(self, site: str) -> Iterator[None]:
        """Hold the turn to renew what is kept for a site. Raises BlockingIOError while another process holds it."""
        with self._opened() as database, database.held(f"keepsakes of {site}") as mine:
            if not mine:
                raise BlockingIOError(f"another process renews what is kept for {site}")
            yield
