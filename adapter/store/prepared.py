"""Statements that every delivery and every look runs: written down once for each database, then its driver's business.

SQLAlchemy spells them; going through its layers each time takes longer than the database does. It decides nothing.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ClauseElement


class Prepared:
    """One statement, for every database. Values go by name; an insert or update sets the columns that are named."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._spelled: dict[tuple[str, ...], _Spelled] = {}

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Run it and return every row, with its columns by name."""
        spelled = self._for(connection, values)
        cursor = spelled.run(connection, spelled.ordered(values))
        row = spelled.row or spelled.learn(cursor)
        return [row(*found) for found in cursor.fetchall()]

    def scalar(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Run it and return the first column of the only row, None if there is none."""
        spelled = self._for(connection, values)
        found = spelled.run(connection, spelled.ordered(values)).fetchall()
        return found[0][0] if found else None

    def change(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Run it and return how many rows it has changed."""
        spelled = self._for(connection, values)
        return int(spelled.run(connection, spelled.ordered(values)).rowcount)

    def change_each(self, connection: Connection, many: Sequence[Mapping[str, Any]]) -> None:
        """Run it once for each of these, of which there is at least one and all name the same."""
        spelled = self._for(connection, many[0])
        for values in many:
            spelled.run(connection, spelled.ordered(values))

    def _for(self, connection: Connection, values: Mapping[str, Any]) -> _Spelled:
        key = (connection.dialect.name, *values)
        spelled = self._spelled.get(key)
        if spelled is None:
            spelled = self._spelled[key] = _Spelled(self._statement, connection, list(values))
        return spelled


class _Spelled:
    """A statement as one database's driver takes it: the text, the order of its values, those that are always so."""

    __slots__ = ("_always", "_names", "_text", "row")

    def __init__(self, statement: ClauseElement, connection: Connection, names: list[str]) -> None:
        compiled = statement.compile(dialect=connection.dialect, column_keys=names)
        self._text = str(compiled)
        self._names: Sequence[str] | None = getattr(compiled, "positiontup", None)  # None: they go by name
        self._always = {name: value for name, value in compiled.params.items() if name not in names}
        self.row: Any = None  # what makes one of what was found

    def ordered(self, values: Mapping[str, Any]) -> Any:
        """Return the values as the driver takes them."""
        named = {**self._always, **values} if self._always else values
        return named if self._names is None else [named[name] for name in self._names]

    def learn(self, cursor: Any) -> Any:
        """Keep what its rows are made of."""
        self.row = namedtuple("Found", [column[0] for column in cursor.description])  # type: ignore[misc]
        return self.row

    def run(self, connection: Connection, values: Any) -> Any:
        """Run it; what the driver complains of comes out as it does from SQLAlchemy."""
        driver: Any = connection.dialect.loaded_dbapi
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._text, values)
        except driver.Error as error:
            lost = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
            if lost:
                connection.invalidate(error)
            raise DBAPIError.instance(
                self._text,
                None,
                error,
                driver.Error,
                hide_parameters=True,
                connection_invalidated=lost,
                dialect=connection.dialect,
            ) from error
        return cursor
