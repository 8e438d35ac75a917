"""All that a ladder can say, played as a policy's own tests play it: who is told, what waits, what comes down."""

from typing import Any

import pytest

from policies.commands import Command, Note, Take
from policies.document import PolicyError, parse
from policies.invented import echoed
from policies.model import Named, Priority
from policies.simulate import run_examples

POLICY = """\
version: 1
name: Played in full
applies_to: {desk: all, board: all}
calendars:
  day: {timezone: UTC, hours: {mon-fri: "08:00-18:00"}}
  late: {timezone: UTC, hours: {daily: "12:00-22:00"}}
roles:
  escalation_manager: {people: [Ida Holm, "81"], tell: ida@harbour.example}
  master: {people: Jon Vik, tell: jon@harbour.example}
defaults: {calendar: {from: hours, else: always}, pause_while_blocked: {at_most: 2h}}
severity: {impact: [one, all], urgency: [later, now], matrix: {one: [small, small], all: [grave, disaster]}}
customers: {tiers: [{tier: fleet, tags: [fleet]}, {tier: others}]}
levels:
  - {level: 1, name: Window, targets: {desk: {group: Window}, board: {field: {team: Window}}}}
  - level: 2
    name: Engineers
    targets:
      desk:
        group: Engineers
        by_product: {crane: {group: Crane crew}}
        by_tier: {fleet: {assign: turns, from: [Eva, Tom]}}
      board: {field: {team: Engineers}, by_issue_type: {Bug: {assignee: bo}}, by_region: {north: {assignee: nils}}}
    fallback: [{desk: {group: Everybody}}]
    priority: {at_least: high}
    expected_resolution: 4h
    taken_within: 30m
    if_not_taken: {remind_every: 15m, at_most: 2, then: next_level}
    tell: [crew@harbour.example, {on_call: Crew, else: duty@harbour.example}]
  - level: 3
    name: Lead
    targets: {desk: {group: Leads}}
    out_of_hours:
      outside: day
      targets: {desk: {group: Night watch}}
      tell: night@harbour.example
      unless: {severity: disaster}
    tell: lead@harbour.example
    review_every: 2h
  - {level: 4, name: Office, out_of_hours: {hold_until: day, unless: {severity: disaster}}}
  - {level: 5, name: Master, take: oversight, needs_confirmation: master, targets: {desk: {followers: [jon]}}}
rules:
  - {name: praise, when: {tags: praise}, tell: [crew@harbour.example, boss@harbour.example]}
  - {name: waits, when: {level: 1, unanswered_for: 1h}, go_to: 2, tell: window@harbour.example}
  - {name: to the lead, when: {tags: lead}, go_to: 3}
  - {name: to the office, when: {tags: office}, go_to: 4}
  - {name: to the master, when: {tags: master}, go_to: 5}
  - {name: promised, when: {until_promise: 30m}, go_to: 2}
  - {name: breaks soon, when: {until_sla_breach: 30m}, go_to: 3}
  - {name: stuck, when: {blocked: true, level: 1, at_level_for: 5h}, go_to: 2}
  - {name: sinking, when: {matches: {message: sinking}}, go_to: 2}
come_down:
  - {name: calm again, from: 3, when: {answered: true}, for: 1h, go_to: 1}
guards:
GUARDS
tests:
"""
NO_GUARDS = "  never: {tags: [drill]}"
MONDAY = 'created: "2027-03-01 10:00"'

STORIES = [
    # who is told
    ("praise is told, and the ticket stays", "tags: praise", "",
     '{at: "10:00", level: 1, told: [boss@harbour.example, crew@harbour.example]}, {at: "10:30", level: 1, told: []}'),
    ("whoever moves a ticket is told, and whom the rule names", "", "",
     '{at: "10:59", level: 1, told: []}, '
     '{at: "11:00", level: 2, rule: waits, told: [window@harbour.example, crew@harbour.example, Crew]}'),
    # nobody takes it
    ("two reminders, then it climbs", "", "",
     '{at: "11:00", level: 2}, {at: "11:29", level: 2, told: []}, '
     '{at: "11:30", level: 2, told: [crew@harbour.example, Crew]}, {at: "11:44", level: 2, told: []}, '
     '{at: "11:45", level: 2, told: [crew@harbour.example, Crew]}, '
     '{at: "11:59", level: 2}, {at: "12:00", level: 3, rule: not taken at level 2, told: lead@harbour.example}'),
    ("who takes it is not reminded", "", '{at: "11:29", take: true, by: Eva}',
     '{at: "11:00", level: 2}, {at: "2027-03-02 10:00", level: 2, told: []}'),
    ("a review is asked for where nobody did anything", "tags: lead", "",
     '{at: "10:00", level: 3}, {at: "11:59", level: 3, told: []}, {at: "12:00", level: 3, told: lead@harbour.example}'),
    # where it goes
    ("by product", "product: Crane", "", '{at: "11:00", level: 2, target: Crane crew}'),
    ("by tier, to the first of a pool", "tier: fleet", "", '{at: "11:00", level: 2, target: {assign: turns}}'),
    ("by type", "site: board, kind: bug", "", '{at: "11:00", level: 2, target: bo}'),
    ("by region", "site: board, custom: {region: North}", "", '{at: "11:00", level: 2, target: nils}'),
    ("by default", "site: board", "", '{at: "11:00", level: 2, target: {field: {team: Engineers}}}'),
    # the hour
    ("at night others get it", "", '{at: "19:00", set: {tags: [lead]}}, {at: "11:01", take: true}',
     '{at: "19:00", level: 3, target: Night watch, told: [night@harbour.example, window@harbour.example, '
     'crew@harbour.example, Crew]}'),
    ("by day they do not", "", '{at: "10:30", set: {tags: [lead]}}', '{at: "10:30", level: 3, target: Leads}'),
    ("what is a disaster goes to the same people at night", "impact: all, urgency: now",
     '{at: "19:00", set: {tags: [lead]}}, {at: "11:01", take: true}', '{at: "19:00", level: 3, target: Leads}'),
    ("the office sleeps", "", '{at: "10:10", agent_says: Hi}, {at: "19:00", set: {tags: [office]}}',
     '{at: "19:00", level: 1, held: out of hours}, {at: "2027-03-02 07:59", level: 1, held: true}, '
     '{at: "2027-03-02 08:00", level: 4, held: false, rule: to the office}'),
    ("for a disaster it is woken", "impact: all, urgency: now",
     '{at: "10:10", agent_says: Hi}, {at: "19:00", set: {tags: [office]}}', '{at: "19:00", level: 4, held: false}'),
    # who agrees
    ("the master is asked, and agrees", "tags: master", '{at: "10:20", note: /confirm, by: Jon Vik}',
     '{at: "10:19", level: 1, held: /confirm, told: jon@harbour.example}, {at: "10:20", level: 5, held: false}'),
    ("nobody else may agree", "tags: master", '{at: "10:20", note: /confirm, by: Eva}',
     '{at: "10:30", level: 1, held: confirms it}'),
    ("the master does not want it", "tags: master", '{at: "10:20", note: /decline, by: Jon Vik}',
     '{at: "10:30", level: 1, held: false}'),
    # snoozed, held, released
    ("a snoozed ticket does not climb", "", '{at: "10:30", note: /snooze 2h, by: Ida Holm}',
     '{at: "11:00", level: 1, held: snoozed by Ida Holm}, {at: "12:29", level: 1}, {at: "12:30", level: 2}'),
    ("nobody else may snooze", "", '{at: "10:30", note: /snooze 2h, by: Eva}', '{at: "11:00", level: 2, held: false}'),
    ("a held ticket stays until it is released", "",
     '{at: "10:30", note: /hold, by: "81"}, {at: "15:00", note: /release, by: "81"}',
     '{at: "14:59", level: 1, held: held here}, {at: "15:00", level: 2}'),
    # coming down
    ("it comes down when it is calm, to where it was", "tags: lead, priority: low",
     '{at: "10:00", agent_says: Hi}',
     '{at: "10:59", level: 3}, {at: "11:00", level: 1, rule: calm again, target: Window, told: lead@harbour.example}'),
    # time
    ("a field names the customer's hours", "custom: {hours: Late}", "",
     '{at: "12:59", level: 1}, {at: "13:00", level: 2}'),
    ("a field that names none", "custom: {hours: never}", "", '{at: "11:00", level: 2}'),
    ("blocked, no time counts, for two hours at most", "blocked_by: [T-1]", "",
     '{at: "12:59", level: 1}, {at: "13:00", level: 2, rule: waits}'),
    ("what blocked it is solved", "blocked_by: [T-1]", '{at: "10:30", set: {blocked_by: []}}',
     '{at: "11:29", level: 1}, {at: "11:30", level: 2}'),
    ("a promise comes near", 'due_at: "11:15"', "", '{at: "10:44", level: 1}, {at: "10:45", level: 2, rule: promised}'),
    ("a promise is made later", "", '{at: "10:05", set: {due_at: "10:40"}}', '{at: "10:10", level: 2, rule: promised}'),
    ("a promise is taken back", 'due_at: "11:15"', '{at: "10:05", set: {due_at: none}}', '{at: "10:59", level: 1}'),
    ("the vendor's promise comes near", 'sla_breach_at: "11:15"', "",
     '{at: "10:44", level: 1}, {at: "10:45", level: 3, rule: breaks soon}'),
    ("the vendor takes its promise back", 'sla_breach_at: "11:15"', '{at: "10:40", set: {sla_breach_at: none}}',
     '{at: "10:50", level: 1}'),
    ("a message fits a pattern", "", '{at: "10:05", customer_says: "We are SINKING!"}',
     '{at: "10:05", level: 2, rule: sinking}'),
]  # fmt: skip

GUARDED = [
    ("what never moves", "never: {tags: [drill]}", "tags: drill", "",
     '{at: "12:00", level: 1, held: the policy never escalates}'),
    ("moved a short time ago", "min_time_between: 40m", "", '{at: "11:05", set: {tags: [office]}}',
     '{at: "11:05", level: 2, held: it was moved}, {at: "11:39", level: 2}, {at: "11:40", level: 4, held: false}'),
    ("moved often enough", "per_ticket: {at_most: 1, per: 3h}", "", '{at: "11:05", set: {tags: [office]}}',
     '{at: "13:59", level: 2, held: at most 1}, {at: "14:00", level: 4}'),
    ("for a disaster neither counts", "per_ticket: {at_most: 1, per: 3h}\n  min_time_between: 40m",
     "impact: all, urgency: now", '{at: "11:05", set: {tags: [office]}}', '{at: "11:05", level: 4, held: false}'),
    ("a level is full", "level_budget: {level: 2, at_most: 5, per: 2h, then: hold}", "others: {2: 5}", "",
     '{at: "11:00", level: 1, held: level 2 got 5 tickets}, {at: "11:59", level: 1}, {at: "12:00", level: 2}'),
    ("a level is nearly full", "level_budget: {level: 2, at_most: 5, per: 2h, then: hold}", "others: {2: 4}", "",
     '{at: "11:00", level: 2, held: false}'),
    ("a full level may only be warned of", "level_budget: {level: 2, at_most: 5, per: 2h}", "others: {2: 5}", "",
     '{at: "11:00", level: 2, held: false}'),
    ("what was tried must be written down", "evidence: {for: functional, need: steps_tried, at_most: 2h}", "",
     '{at: "11:10", note: "tried: a restart"}',
     '{at: "11:00", level: 1, held: must be recorded first}, {at: "11:10", level: 2}'),
    ("but it does not wait for ever", "evidence: {for: functional, need: product, at_most: 2h}", "", "",
     '{at: "12:59", level: 1, held: product}, {at: "13:00", level: 2}'),
]  # fmt: skip


def played(name: str, guards: str, ticket: str, steps: str, expect: str) -> tuple[str, ...]:
    site = "" if "site:" in ticket else "site: desk, "
    told = f"ticket: {{{site}{MONDAY}{', ' if ticket else ''}{ticket}}}"
    happened = f"steps: [{steps}], " if steps else ""
    text = POLICY.replace("GUARDS", f"  {guards}") + f"  - {{name: {name!r}, {told}, {happened}expect: [{expect}]}}\n"
    return run_examples(parse(text))[0].failures


@pytest.mark.parametrize(("name", "ticket", "steps", "expect"), STORIES, ids=[story[0] for story in STORIES])
def test_a_story_of_the_ladder(name: str, ticket: str, steps: str, expect: str) -> None:
    assert played(name, NO_GUARDS.strip(), ticket, steps, expect) == ()


@pytest.mark.parametrize(("name", "guards", "ticket", "steps", "expect"), GUARDED, ids=[story[0] for story in GUARDED])
def test_a_story_of_the_guards(name: str, guards: str, ticket: str, steps: str, expect: str) -> None:
    assert played(name, guards, ticket, steps, expect) == ()


# --- what a command makes of a ticket -----------------------------------------------------------------------------
def command(**more: Any) -> Command:
    told: dict[str, Any] = {
        "level": 2,
        "level_before": 1,
        "level_name": "Two",
        "take": Take.OWNERSHIP,
        "priority": None,
    }
    return Command(operation="o", note=Note(lines=()), **{"target": {}, **told, **more})


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ({"group": 7, "assignee": "eva"}, {"group": "7", "assignee": "eva"}),
        ({"group": "Night"}, {"group": "Night", "assignee": None}),
        ({"group": "Night", "assign": "turns"}, {"group": "Night", "assignee": None}),
        ({"assign": "turns", "from": ["eva", "tom"]}, {"assignee": "eva"}),
        ({"field": {"team": "Night", "shift": "late", "product": "crane"}},
         {"group": "Night", "custom": {"shift": "late"}, "product": "crane"}),
    ],
)  # fmt: skip
def test_a_target_becomes_the_fields_that_it_sets(target: dict[str, Any], fields: dict[str, Any]) -> None:
    found = echoed(command(target=target))
    assert {name: getattr(value, "id", value) for name, value in found.items()} == {"level": 2, **fields}
    assert echoed(command(target=target, take=Take.OVERSIGHT)) == {"level": 2}


def test_what_is_given_back_becomes_the_fields_as_they_were() -> None:
    found = echoed(
        command(restore={"group": "Window", "assignee": None, "custom.shift": "early"}, priority=Priority.LOW)
    )
    assert found.pop("group") == Named(id="Window", name="Window")
    assert found == {"level": 2, "priority": Priority.LOW, "assignee": None, "custom": {"shift": "early"}}


# --- what a failure says ------------------------------------------------------------------------------------------
def test_who_was_told_instead_is_said() -> None:
    (failure,) = played(
        "x", NO_GUARDS.strip(), "tags: praise", "", '{at: "10:00", level: 1, told: lead@harbour.example}'
    )
    assert failure.endswith(
        "at 2027-03-01 10:00 expected told: lead@harbour.example; "
        "found told: boss@harbour.example, crew@harbour.example"
    )
    (silence,) = played("x", NO_GUARDS.strip(), "", "", '{at: "10:00", level: 1, told: lead@harbour.example}')
    assert "found told: nobody" in silence


@pytest.mark.parametrize(("wanted", "said"), [("false", "nothing"), ("it is raining", '"it is raining"')])
def test_what_waits_instead_is_said(wanted: str, said: str) -> None:
    (failure,) = played("x", "never: {tags: [drill]}", "tags: drill", "", f'{{at: "12:00", level: 1, held: {wanted}}}')
    assert f"expected held: {said}; found held: waits, the policy never escalates while tags is drill" in failure


def test_nothing_waits_is_said() -> None:
    (failure,) = played("x", NO_GUARDS.strip(), "", "", '{at: "10:30", level: 1, held: true}')
    assert "at 2027-03-01 10:30 expected held: something; found held: nothing (stays at level 1" in failure


MISTAKES = [
    ("", '{at: "10:10", customer_says: Hi, by: Eva}', '{at: "10:30", level: 1}', "`customer_says` is not an agent's"),
    ("", '{at: "10:10", reopen: true, by: Eva}', '{at: "10:30", level: 1}', "`reopen` is not an agent's"),
    ("", '{at: "10:10", by: Eva}', '{at: "10:30", level: 1}', "this one has none"),
    ("due_at: soon", "", '{at: "10:30", level: 1}', "expected a time such as"),
    ("others: {9: 1}", "", '{at: "10:30", level: 1}', "there is no level 9; the levels are 1 to 5"),
    ("others: {1: 1}", "", '{at: "10:30", level: 1}', "every ticket starts at level 1"),
    ("others: 5", "", '{at: "10:30", level: 1}', "expected levels with a number of tickets"),
    ("", "", '{at: "10:30", level: 1, held: {}}', "expected text"),
    ("", "", '{at: "10:30", level: 1, told: {}}', "expected text"),
    ("", "", '{at: "10:30", level: 6}', "there is no level 6; the levels are 1 to 5"),
    ("", "", '{at: "10:30", level: 1, rule: calm agian}', 'unknown rule "calm agian"; did you mean "calm again"?'),
]


@pytest.mark.parametrize(("ticket", "steps", "expect", "sentence"), MISTAKES)
def test_a_mistake_in_a_test_is_explained(ticket: str, steps: str, expect: str, sentence: str) -> None:
    with pytest.raises(PolicyError) as error:
        played("x", NO_GUARDS.strip(), ticket, steps, expect)
    assert sentence in str(error.value)
    assert len(error.value.problems) == 1
