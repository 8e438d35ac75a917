"""What people are told outside the ticket: the issue, the level and the expected resolution time, in every message.

Messages go to staff. Of what a customer wrote they repeat the subject only, masked; the rest is in the ticket.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from policies.case import Case
from policies.commands import Line, Note, Notice, Occasion, Recipient, Span, Speech
from policies.handoff import MARK, name_of, quoted_subject
from policies.levels import Level
from policies.openings import EARLIEST, LATEST
from policies.policy import Policy
from policies.questions import tier_of

_LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a message is about. `asks`: what the reader is to do; `why`: the reason, with the numbers compared.

    `marks` tell two messages of one rule apart, and are the same however often the same message is made.
    """

    policy: Policy
    case: Case
    level: Level
    occasion: Occasion
    rule: str
    to: tuple[Recipient, ...]
    asks: str
    why: str
    now: datetime
    marks: tuple[object, ...]

    @property
    def operation(self) -> str:
        """The message's identity."""
        said = (self.case.ref, self.occasion, self.rule, self.level.number, *self.marks)
        return hashlib.sha256("|".join(map(str, said)).encode()).hexdigest()[:12]


def notice(message: Message) -> Notice | None:
    """Write a message; None if there is nobody to tell."""
    to = tuple(dict.fromkeys(message.to))
    if not to:
        return None
    key = message.case.ticket.key or message.case.ref.id
    level = f"level {message.level.number} · {message.level.name}"
    subject = f"{key}: {level}: {message.asks}"
    message = replace(message, to=to)
    return Notice(
        operation=message.operation,
        occasion=message.occasion,
        rule=message.rule,
        to=to,
        subject=" ".join(subject.split())[:_LONGEST_SUBJECT],
        note=Note(lines=tuple(_lines(message, key))),
    )


def _lines(message: Message, key: str) -> Iterable[Line]:
    case, level = message.case, message.level
    yield Line(spans=(Span(text=message.asks[:1].upper() + message.asks[1:] + ".", speech=Speech.STRONG),))
    issue = quoted_subject(case.ticket)
    yield Line(label="Issue", spans=(Span(text=f"{key} "), Span(text=issue or "no subject", speech=Speech.QUOTE)))
    role = f" ({level.role})" if level.role else ""
    yield Line(label="Level", spans=(Span(text=f"{level.number} · {level.name}{role}"),))
    yield Line(label="Expected resolution", spans=(Span(text=_expected(message)),))
    yield Line(label="Why", spans=(Span(text=message.why),))
    yield Line(label="Customer", spans=(Span(text=_customer(message)),))
    yield Line(label="Told", spans=(Span(text=", ".join(map(str, message.to))),))
    if case.ticket.url:
        yield Line(label="Open", spans=(Span(text=case.ticket.url),))
    yield Line(spans=(Span(text=f"{MARK} · policy {message.policy.revision} · op {message.operation}"),))


def _expected(message: Message) -> str:
    due = message.case.ticket.due_at
    promised = due if due is not None and EARLIEST <= due < LATEST else message.case.promised
    if promised is None:
        return "none was set"
    zone = ZoneInfo(message.policy.calendars[message.policy.calendar].timezone)
    local = promised.astimezone(zone)
    late = ", which has passed" if promised < message.now else ""
    return f"by {local:%a %d %b %H:%M} {local.tzname()}{late}"


def _customer(message: Message) -> str:
    ticket = message.case.ticket
    tier, _, _ = tier_of(message.policy, ticket)
    return " · ".join(filter(None, (name_of(ticket.requester), name_of(ticket.organization), tier))) or "not recorded"
