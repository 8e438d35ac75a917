"""Where the log goes, and how a line looks: for a person at a terminal, or as JSON. It never decides what is told.

Libraries speak through the same lines and may only warn, for some of them print bodies. Of an error, only what we or
the database have written is shown beside its place: a library may quote what it was given.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from adapter.journal import Told
from adapter.vigilance import Log

_SPEAKS = ("adapter.", "connectors.", "policies.", "sqlite3", "sqlalchemy.", "psycopg")
_DEEPEST = 5
_COLORS = ("\033[2m", "\033[1m", "\033[36m", "\033[35m", "\033[0m")
_NAMED = re.compile(r"([a-z]+\.[a-z_]+) (.*)", re.DOTALL)


def log_to_stderr(settings: Log, level: str | None = None) -> None:
    """Send the log to standard error, one event a line; `level` instead of the settings' own.

    If somebody has given Python's root logger handlers before, those stay and their format counts.
    """
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(formatter(as_json=_as_json(settings), colors=sys.stderr.isatty()))
        root.addHandler(handler)
        root.setLevel(logging.WARNING)
        logging._srcfile = None  # who called, from which thread: no line of ours tells it, each would look it up
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line for each request that waits its turn
    known = logging.getLevelNamesMapping()
    logging.getLogger("stepladder").setLevel(known.get((level or settings.level).upper(), logging.INFO))


def formatter(*, as_json: bool, colors: bool = False) -> logging.Formatter:
    """Make what writes a record as a line: ours with its fields, a library's with its words."""
    line: Processor = structlog.processors.JSONRenderer(serializer=_json) if as_json else _console(colors)
    return _Lines([_when, _how_loud, _without_quotes, line])


def _console(colors: bool) -> Processor:
    dim, bright, name, value, reset = _COLORS if colors else ("",) * 5
    loud = structlog.dev.ConsoleRenderer.get_default_level_styles(colors)
    plain = structlog.dev.KeyValueColumnFormatter
    columns: list[tuple[str, structlog.dev.ColumnFormatter]] = [
        ("timestamp", plain(None, dim, reset, value_repr=str)),
        ("severity", structlog.dev.LogLevelColumnFormatter(loud, reset)),
        ("event", plain(None, bright, reset, value_repr=str, width=22)),
        ("", plain(name, value, reset, value_repr=_shown)),
    ]
    return structlog.dev.ConsoleRenderer(columns=[structlog.dev.Column(key, form) for key, form in columns])


def _shown(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() and " " not in value else _json({"": value})[4:-1]


class _Lines(structlog.stdlib.ProcessorFormatter):
    """Takes our events as they are, without the copies that a library's record needs."""

    def __init__(self, steps: Sequence[Processor]) -> None:
        super().__init__(processors=[self.remove_processors_meta, *steps], foreign_pre_chain=[_library])
        self._steps = steps

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as a line."""
        if not isinstance(record.msg, Told):
            return super().format(record)
        event: Any = dict(record.msg)
        if record.exc_info:
            event["exc_info"] = record.exc_info
        for step in self._steps:
            event = step(None, record.levelname.lower(), event)
        return str(event)


_when = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _how_loud(_: WrappedLogger, name: str, event: EventDict) -> EventDict:
    event["severity"] = name  # a ticket's level has the other word
    return event


def _json(event: Mapping[str, object], **_: object) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=str).decode()
    except (TypeError, ValueError):  # half a character, or a key that is no word
        return json.dumps(event, default=str)


def _as_json(settings: Log) -> bool:
    return settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())


def _library(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Name who speaks; of the connectors' lines the first word is the event, of others' lines we make one."""
    event["logger"] = event["_record"].name
    if event["logger"].startswith("stepladder") and (named := _NAMED.match(str(event["event"]))):
        event["event"], event["text"] = named.groups()
    else:
        event["event"], event["reason"] = f"library.{event['_record'].levelname.lower()}", event["event"]
    return event


def _without_quotes(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put an error's places and kinds where the whole error was."""
    found = event.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["trace"] = [line for one in _chain(error) for line in _told(one)]
    return event


def _chain(error: BaseException) -> Sequence[BaseException]:
    """Return an error and what it came from, the first first."""
    found: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in found and len(found) < _DEEPEST:
        found.append(step)
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)
    return found[::-1]


def _told(error: BaseException) -> Iterator[str]:
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"{frame.filename}:{frame.lineno} in {frame.name}"
    yield _says(error)


def _says(error: BaseException) -> str:
    """Say what kind of error it is, and its first line if it is one of ours, the system's or the database's."""
    kind = type(error)
    speaks = isinstance(error, OSError) or kind.__module__.startswith(_SPEAKS)
    lines = str(error).splitlines() if speaks else []
    return f"{kind.__name__}: {lines[0][:500]}" if lines else kind.__name__
