"""A pretend Zendesk for the connector's tests, and a clock for it that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from connectors.sandboxing import Authority
from connectors.zendesk.sandbox import Sandbox, build

BEGIN = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now


def made(authority: Authority, clock: Clock | None = None) -> Iterator[Sandbox]:
    """Start a pretend Zendesk, with the true time if no clock is given; stop it at the end."""
    sandbox = Sandbox(authority, clock=clock) if clock is not None else build(authority)
    yield sandbox
    sandbox.stop()
