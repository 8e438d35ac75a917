"""How fast policies are decided, checked and counted: thirty rules, one core, no socket and no database.

    python tests/bench/deciding.py [--profile]

A look answers every rule, traces those that are true and finds the next instant to look at. It is measured with one
ticket, and with many that differ, so that nothing is fast only because it was asked a moment ago. Prints; writes
nothing. `engines.py` has the same rules in other rule engines.
"""

from __future__ import annotations

import cProfile
import pstats
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from policies.calendars import Clock, Pause
from policies.case import Case, Decision, Facts
from policies.decide import decide
from policies.document import parse
from policies.lint import lint
from policies.model import Actor, Event, Kind, Named, Priority, Role, Status, TicketRef, ticket_from
from policies.policy import Policy
from policies.simulate import run_examples

LIBRARY = Path(__file__).resolve().parents[2] / "policies" / "library" / "it-service-desk.yaml"
TICKETS = 300
LOOKS = 2000
RUNS = 5
REF = TicketRef(vendor="zendesk", site="acme", id="1")
ANA = Actor(id="ana", role=Role.REQUESTER, name="Ana Ruiz")
BORN = datetime(2027, 3, 1, 9, tzinfo=UTC)  # a Monday
NOW = BORN + timedelta(minutes=170)
DAYS = timedelta(hours=24)  # three working days

HEAD = """\
version: 1
name: Thirty rules
applies_to: {zendesk: all}
calendars: {office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}, holidays: {country: DE}}}
defaults: {calendar: office, pause_while: [pending, on_hold]}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, minor], high: [major, critical]}}
customers: {tiers: [{tier: vip, organizations: [Globex], tags: [vip]}, {tier: gold, tags: [gold]}, {tier: standard}]}
levels:
  - {level: 1, name: One, targets: {zendesk: {group: Support}}}
  - {level: 2, name: Two, targets: {zendesk: {group: Experts}}, priority: {at_least: high}, taken_within: 30m}
  - {level: 3, name: Three, targets: {zendesk: {group: Leads}}}
  - {level: 4, name: Four, take: oversight, targets: {zendesk: {followers: [coo]}}}
rules:
"""

RULES = (
    "when: {requested_by_staff: true}, go_to: requested_level",
    "when: {severity: critical, unresolved_for: 15m clock}, go_to: 3",
    "when: {severity: critical, unresolved_for: 4h clock}, go_to: 4",
    "when: {severity: major, level: {less_than: 3}, not_taken_for: 30m clock}, go_to: next_level",
    "when: {severity: major, unresolved_for: 8h}, go_to: 3",
    "when: {tier: vip, unanswered_for: 30m clock}, go_to: 2",
    "when: {tier: vip, unanswered_for: 4h}, go_to: 3",
    "when: {tier: [vip, gold], reopens: {at_least: 2}}, go_to: 3",
    "when: {tier: gold, unresolved_for: 8h}, go_to: 2",
    "when: {tier: standard, unresolved_for: 16h}, go_to: 2",
    "when: {tier: standard, unanswered_for: 6h}, go_to: 2, again: after 3d",
    "when: {priority: urgent, not_taken_for: 15m}, go_to: 2",
    "when: {priority: urgent, unresolved_for: 4h}, go_to: 3",
    "when: {priority: {at_least: high}, unresolved_for: 2h}, go_to: 2",
    "when: {priority: {at_least: high}, no_human_activity_for: 3h}, go_to: 3",
    "when: {priority: [low, normal], no_human_activity_for: 24h}, go_to: 2",
    "when: {priority: [low, normal], unresolved_for: 40h}, go_to: 3",
    "when: {tags: [outage, security]}, go_to: 3",
    "when: {any: [{tags: [press, legal]}, {organization: [Initech, Hooli]}]}, go_to: 4",
    "when: {product: billing, unanswered_for: 2h}, go_to: 2",
    "when: {product: [mail, storage], unresolved_for: 8h}, go_to: 2",
    "when: {kind: incident, not: {status: [pending, on_hold]}, unresolved_for: 12h}, go_to: 2",
    "when: {kind: [incident, problem], reopens: {at_least: 1}}, go_to: 2",
    "when: {language: [de, fr], not_taken_for: 1h}, go_to: 2",
    "when: {channel: phone, answered: false, no_human_activity_for: 1h}, go_to: 2",
    "when: {all: [{custom: {environment: production}}, {any: [{priority: urgent}, {unresolved_for: 2h}]}]}, go_to: 3",
    "when: {level: 2, at_level_for: 8h}, go_to: 3, wait_if: {human_active_within: 15m, at_most: 1h}",
    "when: {level: 3, at_level_for: 16h}, go_to: 4",
    "when: {any: [{unresolved_for: 5d clock}, {reopens: {at_least: 4}}]}, go_to: 4",
    "when: {status: [new, open], group: Support, not: {tags: parked}}, go_to: 2",
)


def thirty_rules() -> Policy:
    """The policy that is measured."""
    return parse(HEAD + "\n".join(f"  - {{name: rule {n}, {rule}}}" for n, rule in enumerate(RULES, start=1)))


TOLD = {
    "subject": "It does not work", "status": Status.OPEN, "priority": Priority.HIGH, "kind": "incident",
    "group": Named(id="11", name="Support"), "assignee": None, "requester": Named(id="ana", name="Ana Ruiz"),
    "organization": Named(id="7", name="Umbrella"), "form": None, "project": None, "tags": ("mail", "new-customer"),
    "level": 1, "product": "mail", "impact": "low", "urgency": "high", "tier": None, "language": "en",
    "channel": "web", "custom": {"environment": "staging"}, "created_at": BORN,
}  # fmt: skip


def another(number: int) -> dict[str, object]:
    """Return what is told of some other ticket."""
    dice = random.Random(number)
    tags = ("mail", "new-customer", "vip", "gold", "press", "parked", "backup", "invoice", "phone", "german")
    return {
        **TOLD,
        "status": dice.choice([Status.NEW, Status.OPEN, Status.OPEN, Status.PENDING]),
        "priority": dice.choice(list(Priority)),
        "kind": dice.choice(["incident", "question", "problem"]),
        "organization": dice.choice([None, Named(id=str(number), name=f"Customer {number}"), TOLD["organization"]]),
        "tags": (*dice.sample(tags, dice.randint(0, 3)), f"order-{number}"),
        "product": dice.choice(["mail", "billing", "storage", None]),
        "impact": dice.choice(["low", "high"]),
        "urgency": dice.choice(["low", "low", "high"]),
        "language": dice.choice(["en", "de", "fr"]),
        "channel": dice.choice(["web", "email", "phone"]),
        "custom": {"environment": dice.choice(["staging", "production"])},
        "created_at": BORN - timedelta(minutes=dice.randint(0, 120)),
    }


def settled(policy: Policy, told: dict[str, object]) -> Case:
    """Return a ticket of which everything is known, as it stands when its moves of the first hours are over."""
    picture = ticket_from(REF, BORN, told)
    event = Event(id="created", kind=Kind.CREATED, at=BORN, received_at=BORN, actor=ANA, ticket=picture)
    case, events, moved = Case.fresh(REF, BORN), [event], True
    for now in (*(NOW - timedelta(minutes=50 - look) for look in range(5)), *[NOW] * 3):
        found = decide(policy, case, events, Facts(), now)
        assert isinstance(found, Decision), found
        case, events, moved = replace(found.case, pending=()), [], found.command is not None
    assert not moved
    return case


def rate(policy: Policy, cases: Sequence[Case], looks: int = LOOKS) -> float:
    """Return how many looks a second of processor time."""
    facts, begin = Facts(), time.process_time()
    for look in range(looks):
        decide(policy, cases[look % len(cases)], (), facts, NOW)
    return looks / (time.process_time() - begin)


def often(act: Callable[[], object], times: int) -> float:
    """Return how often a second something can be done."""
    begin = time.process_time()
    for _ in range(times):
        act()
    return times / (time.process_time() - begin)


def told(measure: Callable[[], float], says: str, form: str = ",.0f") -> None:
    """Measure a few times and print the median with all that was found."""
    found = sorted(measure() for _ in range(RUNS))
    print(f"{says}: {statistics.median(found):{form}} (median of {RUNS}: {', '.join(f'{r:{form}}' for r in found)})")


def check(text: str) -> float:
    """Return how many milliseconds reading a policy and looking for mistakes takes."""
    return 1000 / often(lambda: lint(parse(text)), 1)


def main() -> int:
    """Measure and print."""
    policy = thirty_rules()
    one, many = settled(policy, TOLD), [settled(policy, another(number)) for number in range(TICKETS)]
    look = decide(policy, one, (), Facts(), NOW)
    assert isinstance(look, Decision)
    true = sum(1 for rule in look.trace if rule.value)
    print(f"level {look.case.level}, {true} of {len(look.trace)} rules true, next look {look.next_look}; {look.why}")
    told(lambda: rate(policy, [one]), "decisions/s, one ticket")
    told(lambda: rate(policy, many), f"decisions/s, {TICKETS} tickets that differ")
    clock = Clock(calendar=policy.calendars["office"])
    paused = replace(clock, pauses=(Pause(start=BORN + timedelta(minutes=5), end=NOW, reason="pending"),))
    for counting, name in ((clock, ""), (paused, ", with a pause")):
        elapsed, deadline = partial(counting.elapsed, BORN, NOW), partial(counting.deadline, BORN, DAYS, NOW)
        told(partial(often, elapsed, 20_000), f"business time between two instants/s{name}")
        told(partial(often, deadline, 20_000), f"when three days have counted/s{name}")
    text = LIBRARY.read_text(encoding="utf-8")
    lines, library = len(text.splitlines()), parse(text)
    told(lambda: check(text), f"reading a policy of {lines} lines and looking for mistakes, ms", ".1f")
    said = f"running its own {len(library.examples)} tests, ms"
    told(lambda: 1000 / often(lambda: run_examples(library), 1), said, ".1f")
    if "--profile" in sys.argv:
        with cProfile.Profile() as profile:
            rate(policy, [one])
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
