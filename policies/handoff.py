"""What the next level must know, so that nobody asks the customer twice: lines of text, never markup.

Line 1 says who does what by when; what has no evidence says "not recorded"; identifiers stand in the last line only.
Everything is taken from the decision and the story; nothing is guessed from free text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from policies.case import Case
from policies.commands import Line, Mode, Note, Span, Speech, Take, Target
from policies.conditions import Answer, Finding
from policies.durations import Duration
from policies.levels import Level
from policies.masking import masked
from policies.model import Named, Ticket
from policies.moments import Clocks
from policies.policy import Policy, Rule
from policies.questions import tier_of
from policies.story import Said
from policies.values import spoken

MARK = "Stepladder"
_LONGEST_QUOTE = 180
_LONGEST_READ = 2000  # of what is quoted; masking longer texts takes too long
_NOT_RECORDED = Span(text="not recorded")
_UNNAMED = "name not recorded"
_LONGEST_NOTE = 900
_SHORTEST = 24
_POOL = ("assign", "from")
_AN_ID = re.compile(r"\d{5,}|[0-9a-fA-F]{16,}|(?=\S*\d)[0-9a-zA-Z-]+:[0-9a-fA-F-]{12,}|(?=\S*\d)[0-9a-fA-F-]{32,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """The move a note tells of. `promised`: by when it is expected to be resolved, if the level says so."""

    policy: Policy
    case: Case
    rule: Rule
    finding: Finding
    level: Level
    operation: str
    now: datetime
    target: Target
    promised: datetime | None = None
    mode: Mode = Mode.ACT

    @property
    def reason(self) -> str:
        """Say which rule moved the ticket and what it found, with the numbers that were compared."""
        found = "; ".join(in_words(answer) for answer in self.finding.support)
        return f"{self.rule.name}: {found}" if found else self.rule.name


def explained(clocks: Clocks, rule: Rule, finding: Finding, now: datetime) -> Finding:
    """Add to the first time question behind a yes what part of the time did not count, and why."""
    timed = next((a for a in finding.support if a.start is not None), None)
    if timed is None or timed.start is None:
        return finding
    sums: dict[str, timedelta] = {}
    clock = clocks.of(rule)(Duration(length=timedelta(0), clock=timed.on_clock))
    for interval in clock.proof(timed.start, now):
        if not interval.counted:
            sums[interval.reason] = sums.get(interval.reason, timedelta(0)) + interval.length
    told = replace(timed, uncounted=", ".join(f"{spoken(length)} {reason}" for reason, length in sums.items()))
    support, answers = (tuple(told if a is timed else a for a in some) for some in (finding.support, finding.answers))
    return finding._replace(support=support, answers=answers)


def write_note(handoff: Handoff) -> Note:
    """Write the internal note for a move: at most 12 lines and 900 characters, without secrets."""
    lines = [
        Line(spans=(Span(text=_headline(handoff), speech=Speech.STRONG),)),
        Line(label="Why", spans=(Span(text=_why(handoff)),)),
        Line(label="Customer", spans=(Span(text=_customer(handoff)),)),
        _problem(handoff),
        Line(label="Tried so far", spans=_tried(handoff)),
        Line(label="Last told the customer", spans=_quoted(handoff, handoff.case.story.last_reply)),
        Line(label="Changed" if handoff.mode is Mode.ACT else "Suggested", spans=(Span(text=_changed(handoff)),)),
        *_extra(handoff),
    ]
    last = Line(spans=(Span(text=f"{MARK} · policy {handoff.policy.revision} · op {handoff.operation}"),))
    plain = [replace(line, spans=tuple(replace(s, text=_one_line(s.text)) for s in line.spans)) for line in lines]
    return Note(lines=(*_fitted(plain, _LONGEST_NOTE - len(Note(lines=(last,)).text) - 1), last))


def _one_line(text: str) -> str:
    """Mask a text once its line breaks are gone; the spaces at its ends stay."""
    inner = masked(" ".join(text.split()))
    before, after = " " if text[:1].isspace() else "", " " if inner and text[-1:].isspace() else ""
    return before + inner + after


def _fitted(lines: list[Line], most: int) -> list[Line]:
    """Shorten the longest quote, then the longest other text, until the lines fit; the first line is the last to go."""
    while (over := len(Note(lines=tuple(lines)).text) - most) > 0:
        spans = [(n, i, span) for n, line in enumerate(lines) for i, span in enumerate(line.spans)]
        long = [found for found in spans if len(found[2].text) > _SHORTEST]
        n, i, span = max(long, key=lambda f: (f[0] > 0, f[2].speech is Speech.QUOTE, len(f[2].text)))
        closing = "…”" if span.text.endswith("”") else "…"
        cut = max(len(span.text) - over - len(closing), _SHORTEST - len(closing), len(span.text) // 2)
        short = replace(span, text=span.text.removesuffix("”")[:cut].rstrip("…") + closing)
        lines[n] = replace(lines[n], spans=(*lines[n].spans[:i], short, *lines[n].spans[i + 1 :]))
    return lines


def in_words(answer: Answer) -> str:
    """Say what a question found, with what was asked: `priority urgent (at least high)`."""
    name, found = answer.name.replace("_", " "), answer.found
    if answer.start is not None:
        return f"{name} {found} (limit {answer.wanted})"
    words = [word for word in (found, answer.wanted) if word and not _AN_ID.fullmatch(word)]
    return (
        name if not words else f"{name} {words[0]}" + (f" ({words[1]})" if found not in words[1:] and words[1:] else "")
    )


def _headline(handoff: Handoff) -> str:
    level = handoff.level
    where = _said(handoff.target.get("group"))
    name = level.name + (f" ({where})" if where and level.take is Take.OWNERSHIP else "")
    if level.take is Take.OVERSIGHT:
        return f"▲ Level {level.number} · {name}: please watch over this; the ticket stays with {_holder(handoff)}."
    by = f" by {_when(handoff, _deadline(handoff, level.taken_within))}" if level.taken_within else ""
    return f"▲ Level {level.number} · {name}: please take{by}. Assign yourself, reply or write /ack = taken."


def _said(value: object) -> str | None:
    """Return a word that people can read; an id belongs into the last line or nowhere."""
    return value if isinstance(value, str) and value and not _AN_ID.fullmatch(value) else None


def name_of(thing: Named | None) -> str | None:
    """Return a thing's name; None if there is no such thing or its name is not known."""
    return _said(thing.name) if thing is not None and thing.name != thing.id else _said(thing.id if thing else None)


def _holder(handoff: Handoff) -> str:
    ticket = handoff.case.ticket
    return name_of(ticket.assignee) or name_of(ticket.group) or "its team"


def _why(handoff: Handoff) -> str:
    uncounted = next((a.uncounted for a in handoff.finding.support if a.uncounted), "")
    return handoff.reason + (f"; not counted: {uncounted}" if uncounted else "") + "."


def _customer(handoff: Handoff) -> str:
    case = handoff.case
    tier, _, _ = tier_of(handoff.policy, case.ticket)
    parts = [_customer_name(handoff)]
    parts += [name] if (name := name_of(case.ticket.organization)) else []
    parts += [tier] if tier else []
    if case.story.waiting_since is not None:
        waited = spoken(handoff.now - case.story.waiting_since)
        parts.append(f"waiting for an answer {waited}, since {_when(handoff, case.story.waiting_since)}")
    return " · ".join(parts)


def _customer_name(handoff: Handoff) -> str:
    requester = handoff.case.ticket.requester
    return name_of(requester) or (_UNNAMED if requester else "not recorded")


def _problem(handoff: Handoff) -> Line:
    subject = quoted_subject(handoff.case.ticket)
    spans = [Span(text=subject, speech=Speech.QUOTE) if subject else _NOT_RECORDED]
    said = handoff.case.story.last_customer
    if said is not None and _quote(said.text) not in ("", subject):
        spans += [Span(text=" · their last words: "), *_quoted(handoff, said)]
    return Line(label="Problem", spans=tuple(spans))


def quoted_subject(ticket: Ticket) -> str:
    """Return the ticket's subject in quotation marks, masked and cut; nothing if it is empty."""
    return _quote(ticket.subject or "")


def _quote(text: str) -> str:
    """Put a text into quotation marks: masked while it is whole, then cut; nothing if it is empty."""
    plain = masked(" ".join(text[:_LONGEST_READ].split()))
    cut = plain if len(plain) <= _LONGEST_QUOTE else plain[: _LONGEST_QUOTE - 1] + "…"
    return f"“{cut}”" if cut else ""


def _quoted(handoff: Handoff, said: Said | None) -> tuple[Span, ...]:
    quote = _quote(said.text) if said is not None else ""
    if said is None or not quote:
        return (_NOT_RECORDED,)
    return (Span(text=quote, speech=Speech.QUOTE), Span(text=f" ({_when(handoff, said.at)})"))


def _tried(handoff: Handoff) -> tuple[Span, ...]:
    spans: list[Span] = []
    for said in handoff.case.story.tried:
        spans += [Span(text=" · ")] if spans else []
        mark, _, rest = said.text.partition(":")
        words = rest.strip() if mark.strip().casefold() == "tried" else said.text  # the label says it already
        spans.append(Span(text=_quote(words)[1:-1], speech=Speech.QUOTE))
        spans += [Span(text=f" ({by})")] if (by := _said(said.by)) else []
    return tuple(spans) or (_NOT_RECORDED,)


def _changed(handoff: Handoff) -> str:
    ticket, level = handoff.case.ticket, handoff.level
    parts = [f"level {handoff.case.level} → {level.number}"]
    if level.take is Take.OWNERSHIP and handoff.target:
        goal = ", ".join(_target_words({k: v for k, v in handoff.target.items() if k not in _POOL})) or level.name
        pick = handoff.target.get("assign")
        goal += f" ({str(pick).replace('_', ' ')})" if pick is not None else ""
        before = " / ".join(n for n in (name_of(ticket.group), name_of(ticket.assignee)) if n)
        nobody = _UNNAMED if ticket.group or ticket.assignee else "nobody"
        parts.append(f"{before or nobody} → {goal}")
    to = level.priority.applied(ticket.priority) if level.priority else None
    if to is not None:
        parts.append(f"priority {ticket.priority.word if ticket.priority else 'none'} → {to.word}")
    return "; ".join(parts)


def _target_words(target: object) -> list[str]:
    if isinstance(target, Mapping):
        return [word for value in target.values() for word in _target_words(value)]
    if isinstance(target, list | tuple):
        return [word for value in target for word in _target_words(value)]
    return [word] if (word := _said(str(target))) else []


def _extra(handoff: Handoff) -> list[Line]:
    lines = []
    if handoff.level.expected_resolution is not None:
        due = _when(handoff, handoff.promised)
        lines.append(Line(label="Expected resolution", spans=(Span(text=f"by {due}"),)))
    if handoff.level.note:
        lines.append(Line(spans=(Span(text=fill(handoff.level.note, _values(handoff)), speech=Speech.OURS),)))
    return lines


def fill(template: str, values: dict[str, str]) -> str:
    """Put values into `{field}` places; there is no template language behind it (decision 12)."""
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), template)


def _values(handoff: Handoff) -> dict[str, str]:
    ticket = handoff.case.ticket
    tier, _, _ = tier_of(handoff.policy, ticket)
    return {
        "level": str(handoff.level.number),
        "level_name": handoff.level.name,
        "ticket": ticket.key or ticket.ref.id,
        "subject": _quote(ticket.subject or "")[1:-1] or "not recorded",
        "tier": tier or "none",
        "priority": ticket.priority.word if ticket.priority else "none",
        "requester": _customer_name(handoff),
        "organization": name_of(ticket.organization) or "not recorded",
        "rule": handoff.rule.name,
    }


def _deadline(handoff: Handoff, length: Duration) -> datetime | None:
    clock = Clocks(handoff.policy, handoff.case).for_level(handoff.level.number, length)
    return clock.deadline(handoff.now, length.length, handoff.now)


def _when(handoff: Handoff, at: datetime | None) -> str:
    if at is None:
        return "the time it is no longer paused"
    zone = ZoneInfo(handoff.policy.calendars[handoff.policy.calendar].timezone)
    local, today = at.astimezone(zone), handoff.now.astimezone(zone)
    day = "" if local.date() == today.date() else f"{local:%a %d %b} "
    return f"{day}{local:%H:%M} {local.tzname()}"
