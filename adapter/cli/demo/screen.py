"""What the demo shows: one line for each thing that happens, then a table and a note. Prints; decides nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import click

_COLOURS = {"": "white", "in": "blue", "decided": "yellow", "written": "green", "vendor": "red", "refused": "red"}
_WIDTH = 150


class Screen:
    """Turns the journal's events into lines that a person can follow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._levels: dict[str, int] = {}
        self.told: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}

    def scene(self, text: str) -> None:
        """Say what a person does now."""
        self._line("", "", click.style(text, bold=True))

    def watch(self, event: str, fields: Mapping[str, object]) -> None:
        """Count an event of the journal, and show it if it is one a person wants to see."""
        self.told[event] += 1
        if event == "writeback.written":
            self.written[str(fields["call"])] += 1
        show = getattr(self, "_" + event.replace(".", "_"), None)
        if show is not None:
            show(fields)

    def table(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Show rows under a heading, columns as wide as they need to be."""
        found = [("ticket", "vendor", "level", "priority", "group / assignee", "reason"), *rows]
        widths = [max(len(row[n]) for row in found) for n in range(len(found[0]))]
        for number, row in enumerate(found):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            click.secho(line[:_WIDTH], bold=number == 0)

    # --- the journal's events -------------------------------------------------------------------------------
    def _delivery_kept(self, fields: Mapping[str, object]) -> None:
        tickets = fields.get("tickets")
        ticket = str(tickets[0]) if isinstance(tickets, list) and tickets else str(fields["site"])
        self._line("in", ticket, f"delivery {fields['row']} verified, kept, thanked with 202")

    def _delivery_seen(self, fields: Mapping[str, object]) -> None:
        self._line("in", str(fields["site"]), f"the same delivery again ({fields['row']}): 200, nothing to do")

    def _delivery_forged(self, fields: Mapping[str, object]) -> None:
        self._line("refused", str(fields["site"]), f"401, nothing kept: {fields['reason']}")

    def _ticket_decided(self, fields: Mapping[str, object]) -> None:
        ticket, why = str(fields["ticket"]), str(fields["why"])
        if fields.get("key"):
            self._keys[ticket] = str(fields["key"])
        before, level = self._levels.get(ticket, 1), int(str(fields["level"]))
        self._levels[ticket] = level
        if level < before:
            self.reasons[ticket] = f"moved down from level {before} by a person"
            self._line("decided", ticket, f"{self.reasons[ticket]}: not written again without a new cause")
        elif fields["moved"]:
            self.reasons[ticket] = why
            self._line("decided", ticket, f"level {fields['level']} · {fields['level_name']}: {why}")
        elif self._said.get(ticket) != why:
            self._line("decided", ticket, why)
        self._said[ticket] = why

    def _ticket_fetched(self, fields: Mapping[str, object]) -> None:
        needs = fields["needs"]
        self._line("vendor", str(fields["ticket"]), f"asked for the ticket, to know: {', '.join(map(str, needs))}")  # type: ignore[call-overload]

    def _writeback_written(self, fields: Mapping[str, object]) -> None:
        parts = fields["parts"]
        said = ", ".join(_part(k, v) for k, v in parts.items()) if isinstance(parts, dict) else ""
        self._line("written", str(fields["ticket"]), f"{fields['verb']}: {said}")

    def _writeback_later(self, fields: Mapping[str, object]) -> None:
        again = fields["again"]
        when = f"{again.astimezone():%H:%M:%S}" if isinstance(again, datetime) else "soon"
        self._line("vendor", str(fields["ticket"]), f"not now ({fields['reason']}); again at {when}")

    def _writeback_refused(self, fields: Mapping[str, object]) -> None:
        self._line("refused", str(fields["ticket"]), str(fields["reason"]))

    def _line(self, kind: str, ticket: str, text: str) -> None:
        vendor, _, rest = ticket.partition("/")
        name = self._keys.get(ticket) or (f"#{rest.rpartition('/')[2]}" if "/" in rest else "")
        head = f"{kind:8}{vendor:8} {name:8}" if kind else ""
        with self._lock:
            time = datetime.now().astimezone()
            click.echo(f"{time:%H:%M:%S} " + click.style(head, fg=_COLOURS[kind]) + text[:_WIDTH])


def _part(name: str, value: object) -> str:
    if value is True:
        return "internal note" if name == "note" else name
    return f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}"
