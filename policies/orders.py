"""What agents tell Stepladder: the first line of a comment that the requester cannot read, such as `/snooze 4h`."""

from __future__ import annotations

import re
from datetime import timedelta

from policies.durations import Duration
from policies.model import Actor, Comment, Event
from policies.story import Order, Request

_LINE_READ = 200
_REQUEST = re.compile(r"/escalate\b\s*(?:to\s+)?(?:level\s+)?(\d)?", re.IGNORECASE)
_TAKE = re.compile(r"/ack\b", re.IGNORECASE)
_ORDER = re.compile(r"/(?P<verb>confirm|decline|snooze|hold|release)(?![\w-])(?P<rest>.*)", re.IGNORECASE)
_LEVEL = re.compile(r"\s+(?:level\s+)?(\d{1,3})(?!\w)", re.IGNORECASE)
_LENGTH = re.compile(r"\s+(?:for\s+)?((?:\d{1,9}\s*[smhd]\s*)+)(?:clock\b)?(?!\w)(?!\s*\d)", re.IGNORECASE)


def command_line(comment: Comment) -> str:
    """Return where a command stands: first, in what the customer cannot read; they may have written what is below."""
    if comment.public is not False and not comment.among_staff:
        return ""
    return comment.text.lstrip()[:_LINE_READ].partition("\n")[0].rstrip()


def to_us(line: str) -> bool:
    """Say whether an agent speaks to Stepladder here, which is no work on the ticket: all commands but `/ack`."""
    return (_REQUEST.match(line) or _ORDER.match(line)) is not None


def only_commands(event: Event) -> bool:
    """Say whether an event is nothing but a word to Stepladder."""
    return event.comment is not None and not event.changes and to_us(command_line(event.comment))


def takes(line: str) -> bool:
    """Say whether an agent takes the ticket: `/ack`."""
    return _TAKE.match(line) is not None


def request_in(line: str, event: Event, actor: Actor, comment: Comment) -> Request | None:
    """Return the escalation that an agent asks for: `/escalate`, `/escalate to level 3`."""
    found = _REQUEST.match(line)
    if found is None:
        return None
    level = int(found[1]) if found[1] else None
    return Request(id=f"comment:{comment.id}", at=event.at, by=actor.name, by_id=actor.id, level=level)


def order_in(line: str, event: Event, actor: Actor, comment: Comment) -> Order | None:
    """Return the order that an agent gives; None if there is none, or a snooze without a length that can be read."""
    found = _ORDER.match(line)
    if found is None:
        return None
    verb = found["verb"].lower()
    level = _LEVEL.match(found["rest"]) if verb in ("confirm", "decline") else None
    length = _length(found["rest"]) if verb == "snooze" else None
    if verb == "snooze" and length is None:
        return None
    return Order(
        id=f"comment:{comment.id}", at=event.at, verb=verb, by_id=actor.id, by=actor.name,
        level=int(level[1]) if level else None, length=length,
    )  # fmt: skip


def _length(rest: str) -> timedelta | None:
    found = _LENGTH.match(rest)
    try:
        return Duration.parse(found[1].lower()).length if found else None
    except ValueError:
        return None
