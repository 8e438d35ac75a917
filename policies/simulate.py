"""Plays the tests that travel with a policy: an invented ticket, its events, the looks that `decide` asks for.

Nothing here decides. Time jumps from event to look to expectation, each at its exact instant; what a decision wants
written is taken as written, and comes back as the echo it would be. The keys of a test are in `examples.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from textwrap import shorten
from typing import Any
from zoneinfo import ZoneInfo

from policies.case import Case, Decision, Facts, Needs, Used
from policies.commands import Command, Mode
from policies.conditions import leaves
from policies.decide import decide
from policies.echoes import promised
from policies.effort import Effort, TooMany
from policies.examples import instant
from policies.expectations import Came, mismatch
from policies.hearing import Unheard, unheard
from policies.invented import CUSTOMER, VENDORS_OWN, changed, echoed, first_picture, typed
from policies.model import TICKET_FIELDS, Actor, Comment, Event, Kind, Named, Role, Status
from policies.policy import Example, Policy

MOST_LOOKS = 1000
"""At the ticket of one test; a month that is looked at every hour needs fewer."""
MOST_ASKED = 200_000
"""How many questions all looks of a policy's tests ask together; hundreds of tests of a hundred rules ask fewer."""
MOST_FAILURES = 20
_LONGEST_FAILURE = 1000
_PER_LOOK = 60  # questions could be asked in the time that the rest of a look takes

_OURSELVES = Actor(id="stepladder", role=Role.OURS, name="Stepladder")
_VENDOR = Actor(id="vendor", role=Role.APP, name="The vendor")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleResult:
    """What came of one test. Each failure is a sentence with what was expected, what was found, and why.

    `remarks`: orders that nobody could give, which a test may contain without failing.
    """

    name: str
    failures: tuple[str, ...]
    where: str
    remarks: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Everything was as expected."""
        return not self.failures


class Stuck(Exception):
    """A test cannot be played to its end."""


def run_examples(policy: Policy) -> tuple[ExampleResult, ...]:
    """Play every test of the policy, as far as the effort goes that its tests have together."""
    effort = Effort(MOST_ASKED)
    return tuple(play(policy, example, effort) for example in policy.examples)


def play(policy: Policy, example: Example, effort: Effort | None = None) -> ExampleResult:
    """Play one test. `effort`: what is left of it, if other tests are played too."""
    unheard: list[Unheard] = []
    try:
        life = _Play(policy, example, effort)
        unheard = life.unheard
        failures = _few(list(life.failures()))
    except TooMany:
        failures = ("it was not played to its end: the tests of this policy take too long together; shorten them",)
    except Stuck as stuck:
        failures = (str(stuck),)
    if failures:
        failures += tuple(f"the order {order}" for order in unheard)
    remarks = tuple(f"the order {order}" for order in unheard if order.never)
    return ExampleResult(name=example.name, failures=failures, where=example.where, remarks=remarks)


def _few(failures: Sequence[str]) -> tuple[str, ...]:
    shown = tuple(shorten(failure, _LONGEST_FAILURE, placeholder=" …") for failure in failures[:MOST_FAILURES])
    more = len(failures) - len(shown)
    return (*shown, f"and {more} more expectations are not met") if more else shown


def lived(policy: Policy, example: Example, until: datetime) -> tuple[Case, tuple[Event, ...], Facts]:
    """Live up to a time: the case as it is then, and what happens at that very instant. Raises Stuck."""
    life = _Play(policy, example)
    events = life.until(until)
    return life.case, events, life.facts(until)


class _Play:
    """One ticket's life while a test is played."""

    def __init__(self, policy: Policy, example: Example, effort: Effort | None = None) -> None:
        self.policy, self.example, self.effort = policy, example, effort or Effort(MOST_ASKED)
        self.steps_of_a_look = _PER_LOOK + sum(1 for rule in policy.rules for _ in leaves(rule.when))
        self.zone = ZoneInfo(policy.calendars[policy.calendar].timezone)
        self.created = instant(example.ticket["created"], policy)
        self.ticket = first_picture(policy, example, self.created, self._instant)
        self.case = Case.fresh(self.ticket.ref, self.created)
        self.steps = sorted(self._steps(), key=lambda step: step[0])
        self.next_look: datetime | None = None
        self.rule: str | None = None
        self.why, self.moved = "nothing has happened yet", ""
        self.target: Mapping[str, Any] = {}
        self.told: set[str] = set()
        self.unheard: list[Unheard] = []
        self.count = self.looks = 0

    # --- time ---------------------------------------------------------------------------------------------
    def failures(self) -> Iterable[str]:
        """Live through the ticket's life and yield what is not as expected."""
        lines = self.example.lines or (0,) * len(self.example.expect)
        told = zip(self.example.expect, lines, strict=True)
        checks = sorted(((self._instant(e["at"]), e, line) for e, line in told), key=lambda check: check[0])
        self._look(self.created, self._birth())
        for at, expectation, line in checks:
            self._live_until(at)
            if wrong := mismatch(expectation, self._came()):
                yield f"{f'line {line}: ' if line else ''}at {self._local(at)} {wrong}"
            self.told.clear()

    def until(self, end: datetime) -> tuple[Event, ...]:
        """Live through everything before `end`, and return what happens then."""
        events = self._birth()
        if end < self.created:
            raise Stuck(f"at {self._local(end)} it does not exist yet; it is created at {self._local(self.created)}")
        if end > self.created:
            self._look(self.created, events)
            self._live_until(end - timedelta(microseconds=1))
            events = []
        return (*events, *(event for at, step in self.steps if at <= end for event in self._happened(end, step)))

    def _birth(self) -> list[Event]:
        """Return the creation, and the vendor's picture of the whole: of an invented ticket everything is known."""
        kinds = (Kind.CREATED, Kind.FETCHED)
        return [self._event(self.created, kind, CUSTOMER) for kind in kinds]

    def _live_until(self, end: datetime) -> None:
        while True:
            coming = [at for at in (self.steps[0][0] if self.steps else None, self.next_look) if at and at <= end]
            if not coming:
                return
            now = min(coming)
            events: list[Event] = []
            while self.steps and self.steps[0][0] <= now:
                events += self._happened(now, self.steps.pop(0)[1])
            self._look(now, events)

    def _look(self, now: datetime, events: list[Event]) -> None:
        while True:
            if self.looks == MOST_LOOKS:
                looks = f"after {MOST_LOOKS} looks, at {self._local(now)}"
                raise Stuck(f"{looks}, it still asks to be looked at ({self.why})")
            self.looks += 1
            self.effort.spend(self.steps_of_a_look)
            decision = decide(self.policy, self.case, events, self.facts(now), now)
            if isinstance(decision, Needs):
                raise Stuck(f"at {self._local(now)} the decision needs to know {', '.join(sorted(decision.fields))}")
            before, self.case = self.case.level, decision.case
            self.next_look, self.why = decision.next_look, decision.why
            self._noticed(now, before, decision)
            if decision.command is None:
                return
            events = self._written(now, decision.command)

    def _noticed(self, now: datetime, before: int, decision: Decision) -> None:
        """Note what tests ask for: the rule that moved the ticket, and who was told something."""
        if self.case.level != before:
            self.rule = decision.fired[0] if decision.fired else None
            self.moved = f"since {self._local(now)}, {decision.why if self.rule else 'moved by a person'}"
        self.told |= {who.address or who.on_call or "" for notice in decision.notices for who in notice.to}

    def facts(self, now: datetime) -> Facts:
        """Return what is known besides the ticket: everything, and how many `others` came to a level."""
        others = self.example.ticket.get("others", {})
        used = {
            budget.level: Used(count=others[budget.level], free_at=self.created + budget.per.length)
            for budget in self.policy.guards.level_budgets
            if budget.level in others and now < self.created + budget.per.length
        }
        return Facts(fetched=TICKET_FIELDS, used=used)

    def _instant(self, said: str) -> datetime:
        at = instant(said, self.policy, self.created.astimezone(self.zone).date())
        if at < self.created:
            raise Stuck(f"{said} is before the ticket is created")
        return at

    def _local(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M}"

    # --- events -------------------------------------------------------------------------------------------
    def _steps(self) -> Iterable[tuple[datetime, Mapping[str, Any]]]:
        for number in range(self.example.ticket.get("reopens", 0)):
            yield self.created + timedelta(seconds=2 * number + 1), {"solve": True}
            yield self.created + timedelta(seconds=2 * number + 2), {"reopen": True}
        if "taken" in self.example.ticket:
            yield self._instant(self.example.ticket["taken"]), {"take": True}
        for step in self.example.steps:
            yield self._instant(step["at"]), step

    def _happened(self, now: datetime, step: Mapping[str, Any]) -> list[Event]:
        name = step.get("by")
        agent = Actor(id=name or f"agent-{self.case.level}", role=Role.AGENT, name=name or self._somebody())
        match step:
            case {"customer_says": words}:
                return [self._said(now, CUSTOMER, words)]
            case {"agent_says": words} | {"note": words}:
                event = self._said(now, agent, words, public="agent_says" in step)
                if (deaf := unheard(self.policy, event, named=name is not None)) is not None:
                    self.unheard.append(deaf)
                return [event]
            case {"request": level}:
                return [self._said(now, agent, "/escalate" if level is True else f"/escalate {level}", public=False)]
            case {"set": values}:
                actor = _VENDOR if values.keys() <= VENDORS_OWN else agent
                return [self._changed(now, actor, typed(values, self._instant))]
            case {"take": _}:
                return [self._changed(now, agent, {"assignee": Named(id=agent.id, name=agent.name)})]
            case {"solve": _}:
                return [self._changed(now, agent, {"status": Status.SOLVED})]
        said = self._said(now, CUSTOMER, "It is not solved.")
        return [said, self._changed(now, CUSTOMER, {"status": Status.OPEN})]

    def _somebody(self) -> str:
        return f"An agent of level {self.case.level}"

    def _event(self, now: datetime, kind: Kind, actor: Actor, **more: Any) -> Event:
        self.count += 1
        self.ticket, number = replace(self.ticket, as_of=now), f"{self.count:06}"
        told = {"kind": kind, "at": now, "received_at": now, "actor": actor, "ticket": self.ticket, **more}
        return Event(id=number, order=number, **told)

    def _said(self, now: datetime, actor: Actor, words: str, *, public: bool = True) -> Event:
        comment = Comment(id=str(self.count + 1), text=words, public=public)
        return self._event(now, Kind.COMMENTED, actor, comment=comment)

    def _changed(self, now: datetime, actor: Actor, values: Mapping[str, Any]) -> Event:
        self.ticket, changes = changed(self.ticket, values)
        return self._event(now, Kind.CHANGED, actor, changes=changes)

    def _written(self, now: datetime, command: Command) -> list[Event]:
        """Take a command as carried out, and return its echo."""
        self.target = command.target or command.restore
        if command.mode is not Mode.ACT:
            self.case = replace(self.case, pending=())
            return []
        echo = self._changed(now, _OURSELVES, echoed(command))
        expect = {change.field: change.after for change in echo.changes}
        self.case = replace(promised(self.case, command.operation, expect, False, now), pending=())
        return [echo]

    # --- expectations -------------------------------------------------------------------------------------
    def _came(self) -> Came:
        return Came(
            level=self.case.level, rule=self.rule, priority=self.ticket.priority, target=self.target, told=self.told,
            held=self.case.held, why=self.why, moved=self.moved,
        )  # fmt: skip
