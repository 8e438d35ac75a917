"""Which policy a command means: a file, an activated revision, or the one that is active."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from adapter.cli.tools import Tools, Unavailable
from adapter.records import Store
from adapter.shelf import Shelf
from adapter.texts import text_of
from policies.document import parse
from policies.policy import Policy

ACTIVE = "active"
"""The word for the active revision."""


def from_file(file: Path) -> Policy:
    """Read a policy from a file. Raises PolicyError."""
    return parse(text_of(file), source=str(file))


def from_store(store: Store, revision: str) -> Policy:
    """Return an activated policy by its revision, the beginning of one, or the word `active`."""
    if revision == ACTIVE:
        active = store.active_policy()
        if active is None:
            raise Unavailable("No policy is active yet; `stepladder policy activate FILE` makes one so.")
        return Shelf(store.policy_text).get(active)
    known = [stored.revision for stored in store.policies()]
    found = [name for name in known if name.startswith(revision)]
    if len(found) != 1:
        what = "several revisions begin" if found else "there is no file, and no activated revision begins"
        raise Unavailable(f"{what} with {revision!r}; activated: {', '.join(known) or 'none'}")
    return Shelf(store.policy_text).get(found[0])


def policy_named(tools: Tools, name: str, config: Path | None) -> Policy:
    """Return the policy of a file or of an activated revision."""
    file = Path(name)
    return from_file(file) if file.is_file() else from_store(tools.open_store(tools.read_settings(config)), name)


def local(policy: Policy, at: datetime) -> str:
    """Write an instant in the zone of the policy's calendar."""
    there = at.astimezone(zone(policy))
    second = f":{there:%S}" if there.second or there.microsecond else ""
    return f"{there:%a} {there.day} {there:%b %Y %H:%M}{second}"


def zone(policy: Policy) -> ZoneInfo:
    """Return the zone of the policy's calendar."""
    return ZoneInfo(policy.calendars[policy.calendar].timezone)
