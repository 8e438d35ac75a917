"""The policy commands: what they print, what they leave behind, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner, Result

from adapter.activation import activate, check
from adapter.assembly import Toolbox
from adapter.cli import cli
from adapter.records import Commit, Committed, Look
from adapter.settings import Settings
from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from connectors import discover
from policies.case import Case, Decision, Facts
from policies.decide import decide
from policies.document import parse
from policies.examples import instant
from policies.model import Actor, Event, Kind, Named, Priority, Role, Status, TicketRef, ticket_from
from policies.simulate import run_examples

VENDOR = sorted(discover())[-1]
LIBRARY = Path(__file__).parents[2] / "policies" / "library"
SUPPORT = LIBRARY / "support.yaml"

POLICY = f"""\
version: 1
name: Commanded
owner: lead@example.com
applies_to: {{{VENDOR}: {{groups: [Support]}}}}
calendars: {{office: {{timezone: Europe/Berlin, hours: {{mon-fri: "08:00-18:00"}}}}}}
defaults: {{pause_while: [pending]}}
levels:
  - {{level: 1, name: Frontline, targets: {{{VENDOR}: {{group: Support}}}}}}
  - {{level: 2, name: Specialist, take: oversight, targets: {{{VENDOR}: {{followers: [lead@example.com]}}}}}}
rules:
  - {{name: waits, when: {{unanswered_for: 1h clock}}, go_to: 2}}
  - {{name: urgent, when: {{priority: urgent}}, go_to: 2}}
tests:
  - name: an hour, not less
    ticket: {{site: {VENDOR}, created: "2027-03-01 09:00"}}
    expect: [{{at: "09:59", level: 1}}, {{at: "10:00", level: 2, rule: waits}}]
  - name: urgent at once
    ticket: {{site: {VENDOR}, created: "2027-03-01 09:00", priority: urgent}}
    expect: [{{at: "09:00", level: 2, rule: urgent}}]
"""
SETTINGS = f"""\
policy = "policy.yaml"
database = "sqlite:///stepladder.db"

[sites.acme]
vendor = "{VENDOR}"
url = "https://acme.example.com"
"""
NOW = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)


class Tools(Toolbox):
    """The real tools, with a clock that stands still and settings without a vendor's secrets."""

    def __init__(self, folder: Path, site: object) -> None:
        self.folder = folder
        self.now = NOW
        self.site = site
        self.stores: list[SqlStore] = []

    def clock(self) -> datetime:  # type: ignore[override]
        return self.now

    def read_settings(self, path: Path | None) -> Settings:  # type: ignore[override]
        return Settings(
            file=self.folder / "stepladder.toml",
            policy=self.folder / "policy.yaml",
            database=f"sqlite:///{self.folder / 'stepladder.db'}",
            server=_default("server"),
            worker=_default("worker"),
            guards=_default("guards"),
            sites={"acme": self.site},  # type: ignore[dict-item]
        )

    def open_store(self, settings: Settings) -> SqlStore:
        database = Database(settings.database)
        database.migrate()
        self.stores.append(SqlStore(database))
        return self.stores[-1]
