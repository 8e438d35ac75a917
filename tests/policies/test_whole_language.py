"""Promises that hold for any policy made of all there is: levels, guards, reminders, ways down, rules that only tell.

A life is lived twice: from next look to next look, and minute by minute. All must happen at the same times.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.case import Decision
from policies.commands import Mode
from policies.document import parse
from policies.policy import Policy

LAST = 300
"""Minutes a life lasts."""

BEGIN = """\
version: 1
name: Tested
applies_to: {desk: all}
calendars:
  office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}
  shifts: {timezone: UTC, hours: {daily: ["09:20-10:10", "10:45-12:00", "13:00-14:00"]}}
defaults: {calendar: always, pause_while: [pending]}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, minor], high: [major, critical]}}
roles: {escalation_manager: {people: [Eva Lang], tell: [eva@acme.example]}}
"""

MORE_OF_LEVEL_2 = st.sampled_from(
    [
        "taken_within: 20m, if_not_taken: {remind_every: 10m, at_most: 2, then: next_level}",
        "taken_within: 15m, if_not_taken: {remind_every: 20m, at_most: 3, then: stay}",
        "review_every: 45m",
        "out_of_hours: {hold_until: office, unless: {severity: critical}}",
        "out_of_hours: {outside: office, targets: {desk: {group: Kitchen}}, tell: night@acme.example}",
        "needs_confirmation: [escalation_manager]",
        "calendar: office, taken_within: 30m",
        "out_of_hours: {hold_until: shifts, unless: {unanswered_for: 50m}}",
        "out_of_hours: {outside: shifts, tell: night@acme.example, unless: {not: {unresolved_for: 80m}}}",
        "mode: observe",
        "calendar: shifts, review_every: 30m",
    ]
)
MORE_OF_LEVEL_3 = st.sampled_from(
    ["", ", mode: observe", ", mode: note", ", needs_confirmation: [escalation_manager]", ", calendar: shifts"]
)
GUARDS = st.lists(
    st.sampled_from(
        [
            "min_time_between: 25m",
            "per_ticket: {at_most: 2, per: 2h}",
            "never: {tags: outage}",
            "never: {not: {unresolved_for: 50m}}",
            "never: {unanswered_for: 45m, not: {unanswered_for: 65m}}",
            "never_hold: {unresolved_for: 80m}",
            "never_hold: {not: {unanswered_for: 35m}}",
            "evidence: {for: functional, need: [steps_tried], at_most: 50m}",
        ]
    ),
    max_size=3,
    unique_by=lambda guard: guard.partition(":")[0],
)
DOWN = st.sampled_from(
    [
        "{name: answered, from: 2, when: {answered: true}, for: 40m, go_to: 1}",
        "{name: quiet, from: 3, when: {no_human_activity_for: 1h}, for: 30m, go_to: 2}",
        "{name: calm, from: 2, when: {not: {tags: outage}, answered: true}, for: 20m clock, go_to: 1}",
        "{name: far, from: 3, when: {answered: true}, for: 30m, go_to: 1}",
        "{name: from the top, from: 4, when: {not: {unanswered_for: 25m}}, for: 15m, go_to: 1}",
        "{name: half way, from: 4, when: {tags: outage}, for: 20m, go_to: 2}",
    ]
)
RULES = st.lists(
    st.sampled_from(
        [
            "when: {unanswered_for: 30m}, go_to: 2",
            "when: {unanswered_for: 35m}, go_to: 3, wait_if: {human_active_within: 10m, at_most: 25m}",
            "when: {tags: outage}, go_to: 3, tell: boss@acme.example",
            "when: {unresolved_for: 1h}, go_to: next_level, again: after 50m",
            "when: {at_level_for: 40m, level: 2}, go_to: 4",
            "when: {requested_by_staff: true}, go_to: requested_level",
            "when: {unresolved_for: 70m}, tell: boss@acme.example",
            "when: {not_taken_for: 40m}, go_to: 2, calendar: office",
            "when: {unanswered_for: 20m}, go_to: 2, mode: observe",
            "when: {unresolved_for: 45m}, go_to: 3, mode: note",
            "when: {unresolved_for: 65m}, tell: trial@acme.example, mode: observe",
            "when: {tags: outage}, go_to: 4, mode: note, tell: trial@acme.example",
            "when: {answered: false, no_human_activity_for: 30m}, go_to: 3, calendar: shifts",
        ]
    ),
    min_size=1,
    max_size=4,
    unique=True,
)
DONE = ["reply", "ana", "tag", "untag", "pend", "open", "ask", "take", "tried"]
PAUSES = ["pause r0", "pause r1", "pause answered", "pause not taken at level 2", "resume"]
ACTS = st.sampled_from([*DONE, "/confirm", "/decline", "/snooze 35m", "/hold", "/release", *PAUSES])
LIFE = st.lists(st.tuples(st.integers(1, 60), ACTS), max_size=6)


@st.composite
def policies(draw: Any) -> str:
    """The sections behind the usual beginning."""
    more, higher = draw(MORE_OF_LEVEL_2), draw(MORE_OF_LEVEL_3)
    tell = "" if "tell:" in more and "if_not_taken" not in more else ", tell: lead@acme.example"
    levels = (
        "  - {level: 1, name: One, targets: {desk: {group: Support}}}\n"
        "  - {level: 2, name: Two, targets: {desk: {group: Experts}}, priority: {at_least: high}, "
        f"{more}{tell}}}\n"
        f"  - {{level: 3, name: Three, targets: {{desk: {{group: Leads}}}}, path: hierarchical{higher}}}\n"
        "  - {level: 4, name: Four, take: oversight, targets: {desk: {followers: [coo]}}, path: hierarchical}\n"
    )
    rules = "".join(f"  - {{name: r{n}, {rule}}}\n" for n, rule in enumerate(draw(RULES)))
    guards, down = draw(GUARDS), draw(st.lists(DOWN, max_size=3, unique=True))
    text = f"levels:\n{levels}rules:\n{rules}"
    text += f"guards: {{{', '.join(guards)}}}\n" if guards else ""
    return text + (f"come_down: [{', '.join(down)}]\n" if down else "")


@functools.lru_cache(maxsize=256)
def policy_of(text: str) -> Policy:
    """The policy with these sections behind the beginning."""
    return parse(BEGIN + text)


class Life:
    """One ticket, its events, and a log of all that a policy did."""

    def __init__(self, say: Any, text: str, acts: list[tuple[int, str]]) -> None:
        self.say, self.log = say, list[tuple[float, str]]()
        self.desk = say.desk(policy_of(text))
        self.acts: dict[int, list[str]] = {}
        when = 0
        for gap, act in acts:
            when += gap
            self.acts.setdefault(when, []).append(act)
        self.desk.look(0, say.born(priority="normal"))
        self._after(0)

    def live(self, minute: float) -> Decision:
        """Look at this minute, with what happens then, until nothing more moves."""
        acts = self.acts.pop(int(minute), []) if float(minute).is_integer() else []
        done = [act for act in acts if not self._paused(act)]
        events = [self._event(f"e{minute}.{n}", minute, act) for n, act in enumerate(done)]
        self.desk.look(minute, *events)
        return self._after(minute)

    def _after(self, minute: float) -> Decision:
        for _ in range(8):
            decision = self.desk.decision
            self.log += [(minute, f"told {n.occasion} {n.rule} {[str(who) for who in n.to]}") for n in decision.notices]
            if (move := decision.command or decision.observed) is not None:
                self.log.append((minute, f"level {move.level} {dict(move.target)} {move.mode}"))
            if move is not None and move.mode is Mode.ACT:
                self.desk.promise(minute)
                echo = self.desk.echo(minute)
                self.desk.case = self.say.settled(self.desk.case)
                self.desk.look(minute, echo)
            elif decision.next_look is not None and decision.next_look <= self.say.at(minute):
                self.desk.look(minute)
            else:
                return decision
        raise AssertionError(f"it does not come to rest at {minute}: {self.log[-8:]}")

    def _paused(self, act: str) -> bool:
        """Pause a rule or all rules' pauses end, if that is what is done."""
        verb, _, name = act.partition(" ")
        if verb in ("pause", "resume"):
            paused = {**self.desk.facts.paused_rules, name: "a look at it"} if verb == "pause" else {}
            self.desk.facts = replace(self.desk.facts, paused_rules=paused)
        return verb in ("pause", "resume")

    def _event(self, name: str, minute: float, act: str) -> Any:
        say, ticket = self.say, self.desk.case.ticket
        status = str(ticket.status)
        changes: dict[str, Any] = {
            "tag": {"tag": (None, "outage")},
            "untag": {"tag": ("outage", None)},
            "pend": {"status": (status, "pending")},
            "open": {"status": (status, "open")},
            "take": {"assignee": (None, "tom")},
        }
        if act in changes:
            return say.changed(name, minute, say.tom, **changes[act])
        if act.startswith("/"):
            return say.said(name, minute, say.eva, act, public=False)
        who, text, public = {
            "reply": (say.tom, "Hm", True),
            "ana": (say.ana, "Hm", True),
            "ask": (say.tom, "/escalate", False),
            "tried": (say.tom, "tried: a restart", False),
        }[act]
        return say.said(name, minute, who, text, public=public)


@settings(max_examples=60, derandomize=True)
@given(text=policies(), acts=LIFE)
def test_living_by_next_looks_is_living_minute_by_minute(say: Any, text: str, acts: list[tuple[int, str]]) -> None:
    stepping, jumping = Life(say, text, acts), Life(say, text, acts)
    for minute in range(1, LAST + 1):
        stepping.live(minute)
    decision, minute = jumping.desk.decision, 0.0
    while True:
        due = (decision.next_look - say.start).total_seconds() / 60 if decision.next_look else LAST + 1
        minute = min(due, min(jumping.acts, default=LAST + 1))
        if minute > LAST:
            break
        decision = jumping.live(minute)
    assert jumping.log == stepping.log


@settings(max_examples=60, derandomize=True)
@given(text=policies(), acts=LIFE, silence=st.integers(1, 3000))
def test_after_any_silence_one_look_makes_one_move_at_most(
    say: Any, text: str, acts: list[tuple[int, str]], silence: int
) -> None:
    life = Life(say, text, acts)
    for minute in sorted(life.acts):
        life.live(minute)
    last = sum(gap for gap, _ in acts)
    moves = life.desk.case.moves
    decision = life.desk.look(last + silence)
    assert life.desk.case.moves == moves + (decision.command is not None and decision.command.mode is Mode.ACT)
    assert decision.next_look is None or decision.next_look >= say.at(last + silence)
    occasions = [(notice.occasion, notice.rule) for notice in decision.notices]
    assert len(occasions) == len(set(occasions))  # no reminder is made up for


@settings(max_examples=60, derandomize=True)
@given(text=policies(), acts=LIFE)
def test_every_hold_has_a_reason_and_time_ends_it_or_somebody_does(
    say: Any, text: str, acts: list[tuple[int, str]]
) -> None:
    life = Life(say, text, acts)
    for minute in range(1, LAST, 7):
        decision = life.live(minute)
        for hold in life.desk.case.held:
            assert hold.reason
            ends_by_itself = not hold.reason.startswith(("the policy never", "waits until somebody", "paused"))
            assert (hold.until is not None) == ends_by_itself, hold
            if hold.until is not None:
                assert decision.next_look is not None
                assert decision.next_look <= hold.until
