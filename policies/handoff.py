"""What the next level must know, so that nobody asks the customer twice: lines of text, never markup.

Line 1 says who does what by when; what has no evidence says "not recorded"; identifiers stand in the last line only.
Everything is taken from the decision and the story; nothing is guessed from free text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from policies.case import Case
from policies.commands import Line, Note, Span, Speech, Take
from policies.conditions import Answer, Finding
from policies.moments import clock_for
from policies.policy import Duration, Level, Policy, Rule
from policies.questions import tier_of
from policies.story import Said
from policies.values import spoken

MARK = "Stepladder"
_LONGEST_QUOTE = 180
_NOT_RECORDED = Span(text="not recorded")
_CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
_SECRET = re.compile(
    r"(?i)\b(pass(?:word|wort|phrase|code)?|pwd|kennwort|secret|token|api[ _-]?key|pin)(\s*(?:is|ist|[:=])\s*)(\S+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """The move a note tells of."""

    policy: Policy
    case: Case
    rule: Rule
    finding: Finding
    level: Level
    operation: str
    now: datetime

    @property
    def reason(self) -> str:
        """Say which rule moved the ticket and what it found, with the numbers that were compared."""
        found = "; ".join(_in_words(answer) for answer in self.finding.support)
        return f"{self.rule.name}: {found}" if found else self.rule.name


def write_note(handoff: Handoff) -> Note:
    """Write the internal note for a move."""
    lines = [
        Line(spans=(Span(text=_headline(handoff), speech=Speech.STRONG),)),
        Line(label="Why", spans=(Span(text=_why(handoff)),)),
        Line(label="Customer", spans=(Span(text=_customer(handoff)),)),
        _problem(handoff),
        Line(label="Tried so far", spans=_tried(handoff)),
        Line(label="Last told the customer", spans=_quoted(handoff, handoff.case.story.last_reply)),
        Line(label="Changed", spans=(Span(text=_changed(handoff)),)),
        *_extra(handoff),
        Line(spans=(Span(text=f"{MARK} · policy {handoff.policy.revision} · op {handoff.operation}"),)),
    ]
    return Note(lines=tuple(lines))


def masked(text: str) -> str:
    """Hide card numbers and what follows words such as `password:` before a text is quoted."""
    text = _SECRET.sub(lambda m: f"{m[1]}{m[2]}•••", text)
    return _CARD.sub(lambda m: "•••• " + m[0][-4:] if _luhn(re.sub(r"\D", "", m[0])) else m[0], text)


def _luhn(digits: str) -> bool:
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits)))
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _in_words(answer: Answer) -> str:
    name = answer.name.replace("_", " ")
    if answer.start is not None:
        return f"{name} {answer.found} (limit {answer.wanted})"
    return f"{name} {answer.found}" + (f" ({answer.wanted})" if answer.wanted not in ("", answer.found) else "")


def _headline(handoff: Handoff) -> str:
    level, case = handoff.level, handoff.case
    where = handoff.level.target(case.ref.vendor, case.ref.site).get("group")
    name = level.name + (f" ({where})" if isinstance(where, str) and level.take is Take.OWNERSHIP else "")
    if level.take is Take.OVERSIGHT:
        return f"▲ Level {level.number} · {name}: please watch over this; the ticket stays with {_holder(handoff)}."
    by = f" by {_when(handoff, _deadline(handoff, level.taken_within))}" if level.taken_within else ""
    return f"▲ Level {level.number} · {name}: please take{by}. Assign yourself, reply or write /ack = taken."


def _holder(handoff: Handoff) -> str:
    ticket = handoff.case.ticket
    return str(ticket.assignee or ticket.group or "its team")


def _why(handoff: Handoff) -> str:
    uncounted = _uncounted(handoff)
    return handoff.reason + (f"; not counted: {uncounted}" if uncounted else "") + "."


def _uncounted(handoff: Handoff) -> str:
    """Say what part of the waiting the first time question did not count, and why."""
    timed = next((a for a in handoff.finding.support if a.start is not None), None)
    if timed is None or timed.start is None:
        return ""
    duration = Duration(length=timedelta(0), clock=timed.on_clock)
    sums: dict[str, timedelta] = {}
    clock = clock_for(handoff.policy, handoff.rule, handoff.case.story, duration)
    for interval in clock.proof(timed.start, handoff.now):
        if not interval.counted:
            sums[interval.reason] = sums.get(interval.reason, timedelta(0)) + interval.end - interval.start
    return ", ".join(f"{spoken(length)} {reason}" for reason, length in sums.items())


def _customer(handoff: Handoff) -> str:
    case = handoff.case
    tier, _, _ = tier_of(handoff.policy, case.ticket)
    parts = [str(case.ticket.requester or "not recorded")]
    parts += [str(case.ticket.organization)] if case.ticket.organization else []
    parts += [tier] if tier else []
    if case.story.waiting_since is not None:
        waited = spoken(handoff.now - case.story.waiting_since)
        parts.append(f"waiting for an answer {waited}, since {_when(handoff, case.story.waiting_since)}")
    return " · ".join(parts)


def _problem(handoff: Handoff) -> Line:
    subject = masked(handoff.case.ticket.subject or "")[:_LONGEST_QUOTE]
    spans = [Span(text=f"“{subject}”", speech=Speech.QUOTE) if subject else _NOT_RECORDED]
    said = handoff.case.story.last_customer
    if said is not None and said.text.strip() and said.text.strip() != subject:
        spans += [Span(text=" · their last words: "), *_quoted(handoff, said)]
    return Line(label="Problem", spans=tuple(spans))


def _quoted(handoff: Handoff, said: Said | None) -> tuple[Span, ...]:
    if said is None:
        return (_NOT_RECORDED,)
    text = " ".join(masked(said.text).split())
    cut = text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"
    return (Span(text=f"“{cut}”", speech=Speech.QUOTE), Span(text=f" ({_when(handoff, said.at)})"))


def _tried(handoff: Handoff) -> tuple[Span, ...]:
    spans: list[Span] = []
    for said in handoff.case.story.tried:
        spans += [Span(text=" · ")] if spans else []
        spans.append(Span(text=masked(said.text)[:_LONGEST_QUOTE], speech=Speech.QUOTE))
        spans += [Span(text=f" ({said.by})")] if said.by else []
    return tuple(spans) or (_NOT_RECORDED,)


def _changed(handoff: Handoff) -> str:
    ticket, level = handoff.case.ticket, handoff.level
    parts = [f"level {handoff.case.level} → {level.number}"]
    target = level.target(ticket.ref.vendor, ticket.ref.site)
    if level.take is Take.OWNERSHIP and target:
        goal = ", ".join(_target_words(target))
        before = " / ".join(str(t) for t in (ticket.group, ticket.assignee) if t) or "nobody"
        parts.append(f"{before} → {goal}")
    to = level.priority.applied(ticket.priority) if level.priority else None
    if to is not None:
        parts.append(f"priority {ticket.priority.word if ticket.priority else 'none'} → {to.word}")
    return "; ".join(parts)


def _target_words(target: object) -> list[str]:
    if isinstance(target, dict):
        return [word for value in target.values() for word in _target_words(value)]
    if isinstance(target, list | tuple):
        return [word for value in target for word in _target_words(value)]
    return [str(target)]


def _extra(handoff: Handoff) -> list[Line]:
    lines = []
    if handoff.level.expected_resolution is not None:
        due = _when(handoff, _deadline(handoff, handoff.level.expected_resolution))
        lines.append(Line(label="Expected resolution", spans=(Span(text=f"by {due}"),)))
    if handoff.level.note:
        lines.append(Line(spans=(Span(text=fill(handoff.level.note, _values(handoff)), speech=Speech.OURS),)))
    return lines


def fill(template: str, values: dict[str, str]) -> str:
    """Put values into `{field}` places; there is no template language behind it (DECISIONS 12)."""
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), template)


def _values(handoff: Handoff) -> dict[str, str]:
    ticket = handoff.case.ticket
    tier, _, _ = tier_of(handoff.policy, ticket)
    return {
        "level": str(handoff.level.number),
        "level_name": handoff.level.name,
        "ticket": ticket.key or ticket.ref.id,
        "subject": masked(ticket.subject or "not recorded"),
        "tier": tier or "none",
        "priority": ticket.priority.word if ticket.priority else "none",
        "requester": str(ticket.requester or "not recorded"),
        "organization": str(ticket.organization or "not recorded"),
        "rule": handoff.rule.name,
    }


def _deadline(handoff: Handoff, length: Duration | None) -> datetime | None:
    if length is None:
        return None
    clock = clock_for(handoff.policy, handoff.rule, handoff.case.story, length)
    return clock.deadline(handoff.now, length.length, handoff.now)


def _when(handoff: Handoff, at: datetime | None) -> str:
    if at is None:
        return "the time it is no longer paused"
    zone = ZoneInfo(handoff.policy.calendars[handoff.policy.calendar].timezone)
    local, today = at.astimezone(zone), handoff.now.astimezone(zone)
    day = "" if local.date() == today.date() else f"{local:%a %d %b} "
    return f"{day}{local:%H:%M} {local.tzname()}"
