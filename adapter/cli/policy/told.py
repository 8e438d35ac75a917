"""An explanation as text for a terminal: what comes next first, then every rule with its numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapter.cli.policy.chosen import local, zone
from adapter.cli.sought import printable
from policies.calendars import Interval
from policies.case import Needs
from policies.explain import Explanation
from policies.foretold import Coming, Letter
from policies.inquiry import Asked, Proof, Question, WayDown
from policies.ladder import began
from policies.model import WHOLE_TICKET
from policies.policy import Policy
from policies.standing import Kind, Remark
from policies.wording import listed

_WIDTH = 100
_LABEL = 8
_MOST_STRETCHES = 12
_MOST_LETTERS = 3
_MARKS = {True: "✓", False: "✗", None: "?"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Says:
    """How instants are written: in the policy's zone, and without the day if it is the day of the question."""

    policy: Policy
    now: datetime

    def at(self, at: datetime) -> str:
        """Write an instant."""
        there, today = (moment.astimezone(zone(self.policy)) for moment in (at, self.now))
        clock = f"{there:%H:%M:%S}" if there.second or there.microsecond else f"{there:%H:%M}"
        if there.date() == today.date():
            return clock
        return f"{there:%a} {there.day} {there:%b}{f' {there.year}' if there.year != today.year else ''} {clock}"


def told(explanation: Explanation, remarks: Sequence[str] = (), *, full: bool = False) -> str:
    """Write an explanation in 100 columns. `full`: no stretch of time is folded away."""
    policy, case, says = explanation.policy, explanation.case, _Says(policy=explanation.policy, now=explanation.now)
    who = " · ".join(part for part in (str(case.ref), case.ticket.key, case.ticket.subject) if part)
    level = policy.level(min(case.level, policy.top))
    observed = " (observed only: the ticket was not moved)" if explanation.observed else ""
    lines = [
        _cut(who),
        f"level {level.number} {level.name}{observed}, since {local(policy, case.level_since)}",
        f"asked for {local(policy, explanation.now)} {explanation.now.astimezone(zone(policy)):%Z}"
        f" · policy {policy.name}, revision {policy.revision}",
        "═" * _WIDTH,
        *_next(explanation, says),
        *(line for remark in explanation.remarks for line in _line(remark.kind.value.upper(), _remark(says, remark))),
        *(line for remark in (*remarks, *_adopted(explanation)) for line in _line("NOTE", remark)),
    ]
    held = {hold.rule for hold in explanation.held}
    for asked in explanation.rules:
        lines += ["", *_rule(says, asked, full, held=asked.rule.name in held)]
    for way in explanation.ways:
        lines += ["", *_way_down(says, way, full)]
    return "\n".join(printable(line.rstrip()) for line in lines) + "\n"


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def _line(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=label.ljust(_LABEL), subsequent_indent=" " * _LABEL, break_on_hyphens=False
    )  # fmt: skip


def _adopted(explanation: Explanation) -> Iterator[str]:
    case = explanation.case
    forgotten = WHOLE_TICKET in case.erased
    if case.adopted_at is not None and (forgotten or not case.newborn) and not case.outside:
        at = local(explanation.policy, case.adopted_at)
        yield f"the ticket was there before {began(case)}: only causes since {at} count"


# --- what comes next ------------------------------------------------------------------------------------------------
def _next(explanation: Explanation, says: _Says) -> Iterator[str]:
    decision = explanation.decision
    if explanation.immediate is not None:
        yield from _coming(says, explanation.immediate, "NOW")
    elif not isinstance(decision, Needs):
        yield from _line("NOW", decision.why)
    for letter in explanation.letters[:_MOST_LETTERS]:
        yield from _line("MAIL", _letter(says, letter))
    if later := explanation.letters[_MOST_LETTERS:]:
        yield from _line("MAIL", f"and {len(later)} more until {says.at(later[-1].at)}")
    if explanation.coming is not None:
        yield from _coming(says, explanation.coming, "NEXT")
    elif not isinstance(decision, Needs):
        more = "no move" if explanation.letters else "nothing"
        yield from _line("NEXT", f"{more}, unless something happens to the ticket")


def _letter(says: _Says, letter: Letter) -> str:
    when = "now" if letter.at == says.now else f"{says.at(letter.at)}, in {exact(letter.at - says.now)}"
    return f"{when}: to {listed(letter.notice.to, 'and')}: {letter.notice.subject}"


_UNTIL = {Kind.HELD: ", until {} at the latest", Kind.TOLD: ", next {}"}


def _remark(says: _Says, remark: Remark) -> str:
    since = f", since {says.at(remark.since)}" if remark.since is not None else ""
    until = _UNTIL.get(remark.kind, ", until {}").format(says.at(remark.until)) if remark.until is not None else ""
    return remark.words + since + until


def _coming(says: _Says, coming: Coming, label: str) -> Iterator[str]:
    when = "" if coming.at == says.now else f"{says.at(coming.at)}, in {exact(coming.at - says.now)}: "
    if coming.needs:
        yield from _line(label, f"{when}asks the vendor for {', '.join(sorted(coming.needs))}, and decides then")
        return
    verb = "comes down to" if coming.down else "moves to"
    what = verb if coming.written else f"{verb} (observed only: nothing is written)"
    yield from _line(label, f"{when}{what} level {coming.level} {says.policy.level(coming.level).name}")
    yield from _line("", f"because of {coming.why}")
    yield from _line("", "What would stop it:")
    for stop in coming.stops:
        yield from _line("", f"· {stop}")


# --- the rules ------------------------------------------------------------------------------------------------------
def _rule(says: _Says, asked: Asked, full: bool, *, held: bool) -> Iterator[str]:
    turns = f"; by itself {says.at(asked.turns)}" if asked.turns is not None else ""
    leads = f"level {asked.to}" if asked.rule.go_to is not None else f"tells {listed(asked.rule.tell, 'and')}"
    yield from _deeper(
        0, f"{_MARKS[asked.so]} {asked.rule.name} → {leads}: {'fires, and is held' if held else asked.outcome}{turns}"
    )
    for question in asked.questions:
        yield from _question(says, question, full)
    for counted in asked.causes:
        mark = "counts" if counted.counts else "does not count"
        yield from _deeper(2, f"cause of {says.at(counted.cause.since)}: {mark}, because it {counted.why}")


def _way_down(says: _Says, found: WayDown, full: bool) -> Iterator[str]:
    due = f"; due {says.at(found.due)}" if found.due is not None and found.applies else ""
    outcome = "not so" if not found.so else f"so since {says.at(found.since)}{due}" if found.since else "so"
    here = "" if found.applies else "; a person brought it here, so it does not come down by itself"
    yield from _deeper(0, f"{_MARKS[found.so]} {found.way.name} ↓ level {found.way.go_to}: {outcome}{here}")
    if found.proof is not None and found.since is not None and found.applies:
        yield from _counting(says, found.since, found.proof, found.due, 2, full)
    for question in found.questions:
        yield from _question(says, question, full)


def _question(says: _Says, question: Question, full: bool) -> Iterator[str]:
    depth, answer = 2 + 2 * question.depth, question.answer
    line = f"{_MARKS[question.so]} {question.words}"
    if answer is None:
        yield from _deeper(depth, f"{line}:")
        return
    if question.proof is not None and answer.start is not None:
        yield from _deeper(depth, line)
        yield from _counting(says, answer.start, question.proof, answer.due, depth + 2, full)
        return
    found = f"found {answer.found}" if answer.found else "nothing found"
    if answer.wanted:
        found += f", {'wanted' if question.so is answer.value else 'not wanted'} {answer.wanted}"
    since = f", since {says.at(question.since)}" if question.since is not None else ""
    needs = f"; the vendor must be asked for {answer.needs}" if answer.needs and answer.value is None else ""
    yield from _deeper(depth, f"{line}: {found}{since}{needs}")


def _deeper(depth: int, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=" " * depth, subsequent_indent=" " * (depth + 2), break_on_hyphens=False
    )  # fmt: skip


def _counting(says: _Says, start: datetime, proof: Proof, at: datetime | None, depth: int, full: bool) -> Iterator[str]:
    due = "not while it is paused" if at is None else says.at(at)
    left = f"{exact(proof.left)} to go" if proof.left else "reached"
    yield from _deeper(
        depth, f"{exact(proof.counted)} of {exact(proof.limit)} since {says.at(start)}; {left}; due {due}"
    )
    rows = list(_folded(says, proof.stretches, full))
    width = max((len(span) for span, _, _ in rows), default=0)
    for span, length, word in rows:
        yield " " * (depth + 2) + f"{span.ljust(width)} {length:>16}  {word}"
    total = f"{exact(proof.counted)} counted + {exact(proof.uncounted)} not counted"
    yield " " * (depth + 2) + f"sum: {total} = {exact(proof.counted + proof.uncounted)}"


def _folded(says: _Says, stretches: Sequence[Interval], full: bool) -> Iterator[tuple[str, str, str]]:
    """Yield each stretch; of very many the middle ones together, so that they still sum up."""
    half = _MOST_STRETCHES // 2
    middle = stretches[half:-half] if len(stretches) > _MOST_STRETCHES and not full else ()
    for stretch in stretches[: half if middle else None]:
        yield _stretch(says, stretch)
    for counted in (True, False):
        alike = [stretch for stretch in middle if stretch.counted is counted]
        if alike:
            length = sum((stretch.length for stretch in alike), timedelta(0))
            word = "counted" if counted else "not counted"
            span = f"{says.at(middle[0].start)} – {says.at(middle[-1].end)}"
            yield span, exact(length), f"{word}: {len(alike)} stretches; --full shows them"
    for stretch in stretches[-half:] if middle else ():
        yield _stretch(says, stretch)


def _stretch(says: _Says, stretch: Interval) -> tuple[str, str, str]:
    word = "counted" if stretch.counted else "not counted"
    return f"{says.at(stretch.start)} – {says.at(stretch.end)}", exact(stretch.length), f"{word}: {stretch.reason}"


def exact(length: timedelta) -> str:
    """Write a length of time so that lengths can be added up by hand: `26 h 05 min 30 s`."""
    seconds = int(length.total_seconds())
    hours, minutes, left = seconds // 3600, seconds % 3600 // 60, seconds % 60
    parts = [f"{hours} h"] if hours else []
    parts += [f"{minutes:02d} min" if hours else f"{minutes} min"] if minutes or (not left and not hours) else []
    parts += [f"{left:02d} s" if parts else f"{left} s"] if left else []
    return " ".join(parts)
