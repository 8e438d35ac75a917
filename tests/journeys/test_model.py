"""Any life of several tickets, and any death: when it comes to rest, what was promised holds.

A machine of rules (hypothesis) lets people act, time pass, the post come late, twice, backwards or never, the vendor
fail, an administrator pause, go back to observing, take moves back or activate another policy, old things be let go,
and the house die at any statement. It is the adapter on a SQLite file, by a pretend vendor over TLS, in one thread and
with a clock that moves only when a rule says so: what fails once fails again. `make crash` lives longer lives.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from adapter.activation import activate, check
from adapter.retention import Purge
from connectors import discover
from connectors.contract import TryLater
from connectors.faults import Fault
from tests.journeys.dying import Died, Lives
from tests.journeys.test_interleavings import HANDS, people, proves, trouble
from tests.journeys.test_replay import replays

House = Any
WHOLE = os.environ.get("STEPLADDER_CRASHES") == "all"
MOST = 3
"""How many tickets live at the same time."""
UNGUARDED = "[worker]\nsettle = 10\n[guards]\nescalations_in_10_minutes = 100000\n[missed]\nevery = 15\nwait = 20"
OTHER = {"VIP unresolved for 30 minutes": "VIP unresolved for 10 minutes", "unresolved_for: 30m": "unresolved_for: 10m"}
"""What the other policy says differently."""


class Machine(RuleBasedStateMachine):
    """Lives of tickets in one house after the other; `lives` and `policies` are set by the test."""

    lives: Lives
    policies: tuple[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.house = self.lives.house
        self.desk = self.house.desk
        self.tickets: list[str] = []
        self.acts: set[str] = set()
        self.paused = False

    @initialize(priority=st.sampled_from(["normal", "urgent"]), vip=st.booleans())
    def begins(self, priority: str, vip: bool) -> None:
        self._activate(self.policies[0])
        self.a_customer_opens_a_ticket(priority, vip)

    # --- people -----------------------------------------------------------------------------------------------
    @precondition(lambda self: len(self.tickets) < MOST)
    @rule(priority=st.sampled_from(["low", "normal", "urgent"]), vip=st.booleans())
    def a_customer_opens_a_ticket(self, priority: str, vip: bool) -> None:
        self._moment()
        self.tickets.append(
            self.desk.open_ticket("VPN down", "Nobody gets in.", priority=priority, tags=["vip"] if vip else [])
        )

    @rule(which=st.integers(0, MOST - 1), act=people)
    def somebody_acts(self, which: int, act: tuple[str, str]) -> None:
        self._moment()
        ticket, (kind, what) = self.tickets[which % len(self.tickets)], act
        self.acts.add(kind)
        if kind == "says":
            self.desk.customer_says(ticket, what)
        elif kind in ("answers", "notes"):
            self.desk.agent_says(ticket, what, public=kind == "answers")
        else:
            self.desk.agent_changes(ticket, **{kind: what})

    # --- post, time and work ----------------------------------------------------------------------------------
    @rule(how=st.sampled_from(["as it is", "as it is", "twice", "backwards", "only the last"]))
    def the_post_comes(self, how: str) -> None:
        waiting = self.lives.post()
        late = []
        if how == "twice":
            waiting += list(waiting)
        elif how == "backwards":
            waiting.reverse()
        elif how == "only the last":
            late, waiting[:] = waiting[:-1], waiting[-1:]
        self.lives.deliver()
        self.lives.waiting += late

    @rule()
    def what_is_due_is_looked_at(self) -> None:
        self.lives.look()

    @rule(seconds=st.sampled_from([1, 61, 700, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.desk.faults.settle()  # what is done long after it was looked for is the risk that remains
        self.lives.pass_to(self.lives.clock() + timedelta(seconds=seconds))
        self.lives.look()

    @rule()
    def the_post_is_lost_and_missed(self) -> None:
        self.desk.faults.settle()
        self.desk.faults.clear()
        self.lives.post().clear()
        self._ask_what_was_missed()

    @rule()
    def months_pass_and_what_is_old_is_let_go(self) -> None:
        self.it_comes_to_rest_and_is_true()
        adapter = self.lives.adapter
        self.tickets = [ticket for ticket in self.tickets if self.house.view(ticket).status != "solved"]
        self.lives.pass_to(self.lives.clock() + timedelta(days=100))
        Purge(adapter.store, adapter.settings.retention.keep, adapter.journal, self.lives.clock).whole()

    # --- what goes wrong --------------------------------------------------------------------------------------
    @rule(fault=trouble)
    def the_vendor_fails(self, fault: tuple[str, tuple[str, str]]) -> None:
        do, match = fault[1]
        self.desk.faults.add(Fault(do=do, match=match, seconds=0.02 if do == "cut_late" else 0.5))

    @rule(at=st.integers(0, 60), after=st.booleans())
    def it_dies(self, at: int, after: bool) -> None:
        with suppress(Died), self.lives.death.watching(at, after=after):
            self.lives.deliver()
            self.lives.look()
        self.lives.reborn()

    # --- the administrator ------------------------------------------------------------------------------------
    @rule(on=st.booleans())
    def writing_is_paused_or_goes_on(self, on: bool) -> None:
        store, now = self.lives.adapter.store, self.lives.clock()
        store.pause("all", "let us see", now) if on else store.resume("all", now)

    @rule(which=st.integers(0, 1))
    def a_policy_is_activated(self, which: int) -> None:
        self._activate(self.policies[which])

    @rule(which=st.integers(0, MOST - 1))
    def a_move_is_taken_back(self, which: int) -> None:
        if self.tickets:
            self._moment()
            self.lives.undo(self.tickets[which % len(self.tickets)])

    @rule(mode=st.sampled_from(["observe", "act"]))
    def it_starts_again_in_another_mode(self, mode: str) -> None:
        self._mode(mode)

    @rule()
    def it_comes_to_rest_and_is_true(self) -> None:
        """Let nothing go wrong any more and everything arrive; then prove what must be so."""
        self.desk.faults.settle()
        self.desk.faults.clear()
        self._mode("act")
        self.lives.adapter.store.resume("all", self.lives.clock())
        self._activate(self.policies[0])
        self.lives.adapter.gate.run(self.lives.clock())
        self.lives.rest(minutes=30)
        for ticket in self.tickets:
            proves(self.house, ticket, self.acts | HANDS)

    def teardown(self) -> None:
        self.it_comes_to_rest_and_is_true()
        for ticket in self.tickets:  # so that the next lives have the house to themselves
            self._moment()
            self.desk.agent_changes(ticket, status="solved")
        self.lives.rest(minutes=1)

    # --- how --------------------------------------------------------------------------------------------------
    def _moment(self) -> None:
        """No two things happen in one millisecond: finer than that no vendor tells time."""
        self.lives.clock.tick(timedelta(milliseconds=2))

    def _mode(self, mode: str) -> None:
        file = self.house.folder / "stepladder.toml"
        told = file.read_text()
        for other in ("observe", "act"):
            told = told.replace(f'mode = "{other}"', f'mode = "{mode}"')
        if told != file.read_text():
            file.write_text(told)
            self.lives.reborn()
            self.lives.adapter.gate.run(self.lives.clock())

    def _activate(self, text: str) -> None:
        adapter, now = self.lives.adapter, self.lives.clock()
        report = check(text, "policy.yaml", discover(), now, adapter.settings)
        if adapter.store.active_policy() != report.policy.revision:
            activate(report, adapter.store, now)
            adapter.gate.run(now)

    def _ask_what_was_missed(self) -> None:
        self.lives.pass_to(self.lives.clock() + timedelta(minutes=26))
        adapter, now = self.lives.adapter, self.lives.clock()
        post = next(iter(adapter.sites))
        with suppress(TryLater):
            adapter.missed.check(post, adapter.store.watch(post.scope, now), now)
        self.lives.look()


def test_whatever_happens_what_was_promised_holds_at_rest(build_house: Any, vendor: str, policy: str) -> None:
    lives = Lives(build_house(vendor, more=UNGUARDED))
    other = policy
    for ours, theirs in OTHER.items():
        other = other.replace(ours, theirs)
    machine = type("TheseLives", (Machine,), {"lives": lives, "policies": (policy, other)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=100 if WHOLE else 10,
            stateful_step_count=30 if WHOLE else 15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    lives.end()
    replays(lives.house)
