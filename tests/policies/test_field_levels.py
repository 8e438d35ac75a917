"""What guides to escalation ask of levels: how many, what each is for, whom a ticket gets to. Quoted in fragments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.case import Facts, Used
from policies.document import PolicyError, parse
from policies.matrix import matrix
from policies.sheet import as_text

SUPPORT = (Path(__file__).parents[2] / "policies" / "library" / "support.yaml").read_text("utf-8")
ASKED = "  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}"
FRONTLINE = "  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}\n"


def sent(say: Any, levels: str, to: int = 2, more: str = "", facts: Facts | None = None, **told: Any) -> Any:
    """A desk whose ticket Tom has asked to bring to this level."""
    tested = say.desk(say.ladder(ASKED, FRONTLINE + levels, more), facts or Facts())
    tested.look(0, say.born(**told))
    tested.look(1, say.said("asks", 1, say.tom, f"/escalate {to}", public=False))
    return tested


# --- how many, and where it begins ------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [2, 3, 4, 7, 12])
def test_a_policy_has_as_many_levels_as_the_organisation_needs(say: Any, number: int) -> None:
    """“several levels of escalation”; “may vary depending on the organization's size”."""
    levels = "".join(
        f"  - {{level: {n}, name: L{n}, targets: {{desk: {{group: G{n}}}}}}}\n" for n in range(1, number + 1)
    )
    tested = say.desk(say.ladder("  - {name: stands, when: {at_level_for: 1h}, go_to: next_level}", levels))
    tested.look(0, say.born())
    for hour in range(1, number + 3):
        if tested.look(60 * hour).command is not None:
            tested.written(60 * hour)
    assert list(dict.fromkeys(tested.levels)) == list(range(1, number + 1))  # each once, in order, and then no further


def test_every_ticket_begins_at_the_frontline_and_the_note_names_it_as_the_origin(say: Any) -> None:
    """“first level is usually the … frontline staff”."""
    tested = say.desk(say.policy("when: {unanswered_for: 30m}, go_to: 3"))
    first = tested.look(0, say.born(assignee="tom"))
    assert (tested.level, first.command) == (1, None)  # nobody moves it away from those who got it
    command = tested.look(30).command
    assert (command.level_before, command.level) == (1, 3)
    assert "level 1 → 3; Support / tom → Leads" in command.note.text


NAMES = ("Immediate Resolution", "Specialist Intervention", "Management Oversight", "Executive Decision")


@pytest.mark.parametrize("number", [2, 3, 4])
def test_levels_are_called_as_the_organisation_calls_them_in_every_note_and_message(say: Any, number: int) -> None:
    """“Level 1: Immediate Resolution”; “Level 2: Specialist Intervention”; “Level 3: Management Oversight”;
    “Level 4: Executive Decision”."""
    levels = "".join(
        f"  - {{level: {n}, name: {name}, targets: {{desk: {{group: G{n}}}}}, tell: lead@acme.example}}\n"
        for n, name in enumerate(NAMES, 1)
    )
    tested = say.desk(say.ladder(ASKED, levels))
    assert tested.policy.level(1).name == NAMES[0]
    tested.look(0, say.born())
    decision = tested.look(1, say.said("asks", 1, say.tom, f"/escalate {number}", public=False))
    said = f"{number} · {NAMES[number - 1]}"
    assert decision.command.note.text.startswith(f"▲ Level {said}")
    [message] = decision.notices
    assert f"level {said}" in message.subject
    assert f"Level: {said}" in message.note.text


# --- expertise and authority ------------------------------------------------------------------------------------
SKILLS = """\
  - level: 2
    name: Specialists
    path: functional
    targets:
      desk:
        group: Experts
        by_product: {billing: {group: Billing Experts}}
        by_issue_type: {bug: {group: Developers}}
        by_language: {ja: {group: Tokyo Desk}}
"""


@pytest.mark.parametrize(
    ("told", "team"),
    [
        ({}, "Experts"),
        ({"product": "billing"}, "Billing Experts"),
        ({"kind": "Bug"}, "Developers"),
        ({"language": "ja"}, "Tokyo Desk"),
    ],
)
def test_functional_escalation_hands_the_ticket_to_those_who_have_the_skill(say: Any, told: Any, team: str) -> None:
    """“Functional escalation … higher level of expertise within the same function”;
    “subject matter experts … specialized skills”."""
    command = sent(say, SKILLS, **{"language": "en", **told}).decision.command
    assert command.take.value == "ownership"
    assert command.target == {"group": team}


AUTHORITY = """\
  - {level: 2, name: Experts, path: functional, targets: {desk: {group: Experts}}}
  - level: 3
    name: Management
    path: hierarchical
    take: oversight
    targets: {desk: {followers: [lead@acme.example, network@acme.example, sales@acme.example]}}
    tell: [lead@acme.example, network@acme.example, sales@acme.example]
    note: "Please decide who pays for {ticket}."
"""


def test_hierarchical_escalation_brings_authority_and_leaves_the_work_with_the_experts(say: Any) -> None:
    """“Hierarchical escalation … higher level of authority”; “decision-making authority … strategic or high-impact”."""
    tested = sent(say, AUTHORITY)
    tested.written(1)
    decision = tested.look(2, say.said("asks3", 2, say.tom, "/escalate 3", public=False))
    assert decision.command.take.value == "oversight"
    assert "group" not in decision.command.target
    assert tested.case.ticket.group.name == "Experts"  # the functional escalation goes on beside it
    assert "the ticket stays with Experts" in decision.command.note.text
    assert "Please decide who pays for #1." in decision.command.note.text  # its own text for those who decide


def test_several_leaders_watch_one_ticket_and_all_of_them_are_told(say: Any) -> None:
    """“Team leaders … coordinating efforts across departments”."""
    decision = sent(say, AUTHORITY, to=3).decision
    leaders = ["lead@acme.example", "network@acme.example", "sales@acme.example"]
    assert decision.command.target["followers"] == leaders
    assert [str(who) for notice in decision.notices for who in notice.to] == leaders


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("{assignee: mia}", {"assignee": "mia"}),
        ("{group: Experts}", {"group": "Experts"}),
        ("{group: Experts, assignee: mia}", {"group": "Experts", "assignee": "mia"}),
        ("{group: Experts, assign: least_busy}", {"group": "Experts", "assign": "least_busy"}),
        ("{followers: [boss@acme.example]}", {"followers": ["boss@acme.example"]}),
    ],
    ids=["a person", "a team", "a person of a team", "who has least to do", "a supervisor who watches"],
)
def test_a_ticket_goes_to_a_person_a_team_or_a_supervisor(say: Any, text: str, target: Any) -> None:
    """“most appropriate person or team”; “supervisor or a specialist team”."""
    command = sent(say, f"  - {{level: 2, name: Two, targets: {{desk: {text}}}}}").decision.command
    assert command.target == target


def test_if_the_first_choice_cannot_have_it_there_are_others_in_order(say: Any) -> None:
    """“most appropriate person or team”."""
    others = "fallback: [{desk: {assignee: leo}}, {desk: {group: Leads}}]"
    levels = f"  - {{level: 2, name: Two, targets: {{desk: {{assignee: mia}}}}, {others}}}"
    assert sent(say, levels).decision.command.fallbacks == ({"assignee": "leo"}, {"group": "Leads"})


# --- the highest level ------------------------------------------------------------------------------------------
EXECUTIVE = """\
  - {level: 2, name: Experts, targets: {desk: {group: Experts}}}
  - level: 3
    name: Executive
    path: hierarchical
    take: oversight
    targets: {desk: {followers: [ceo@acme.example]}}
    tell: [ceo@acme.example]
    GATE
"""
CRITICAL = {"impact": "high", "urgency": "high"}


def test_the_board_is_asked_only_after_an_escalation_manager_agreed(say: Any) -> None:
    """“CEOs, board members”; “Critical issues impacting business operations”."""
    tested = sent(say, EXECUTIVE.replace("GATE", "needs_confirmation: [escalation_manager]"), to=3, **CRITICAL)
    assert tested.level == 1
    assert [str(who) for notice in tested.decision.notices for who in notice.to] == ["eva@acme.example"]
    decision = tested.look(9, say.said("yes", 9, say.eva, "/confirm", public=False))
    assert tested.level == 3
    assert [str(who) for notice in decision.notices for who in notice.to] == ["ceo@acme.example"]


def test_a_rule_may_bring_critical_issues_there_at_once(say: Any) -> None:
    """“Critical issues impacting business operations”."""
    rules = "  - {name: business stands still, when: {severity: critical}, go_to: 3}"
    reached = {}
    for urgency in ("low", "high"):
        tested = say.desk(say.ladder(rules, FRONTLINE + EXECUTIVE.replace("GATE", "priority: {set: urgent}")))
        tested.look(0, say.born(impact="high", urgency=urgency))
        reached[urgency] = tested.level
    assert reached == {"low": 1, "high": 3}


# --- resources --------------------------------------------------------------------------------------------------
POOL = """\
  - {level: 2, name: Experts, targets: {desk: {group: Experts, assign: least_busy}}}
  - {level: 3, name: Crew, targets: {desk: {group: Leads, assign: round_robin, from: [mia, leo]}}}
"""


WORSE = (("major", 2), ("critical", 3))


@pytest.mark.parametrize(
    ("urgency", "level", "target"),
    [
        ("low", 2, {"group": "Experts", "assign": "least_busy"}),
        ("high", 3, {"group": "Leads", "assign": "round_robin", "from": ["mia", "leo"]}),
    ],
)
def test_severity_chooses_the_crew_and_the_crew_shares_the_work(
    say: Any, urgency: str, level: int, target: Any
) -> None:
    """“Resource Management: Allocates resources effectively based on issue severity”."""
    rules = "".join(f"  - {{name: {name}, when: {{severity: {name}}}, go_to: {to}}}\n" for name, to in WORSE)
    tested = say.desk(say.ladder(rules, FRONTLINE + POOL), Facts(turns={2: 4, 3: 7}))
    command = tested.look(0, say.born(impact="high", urgency=urgency)).command
    assert (command.level, command.target) == (level, target)
    assert command.turn == {2: 4, 3: 7}[level]  # whose turn it is goes on from the tickets before


def test_a_crew_that_has_all_it_can_bear_gets_no_more_but_what_is_critical(say: Any) -> None:
    """“Resource Management: Allocates resources effectively based on issue severity”."""
    more = "guards: {level_budget: {level: 2, at_most: 5, per: 1h, then: hold}}"
    full = Facts(used={2: Used(count=5, free_at=say.at(40))})
    assert sent(say, POOL, more=more, facts=full).level == 1
    assert sent(say, POOL, more=more, facts=full, **CRITICAL).level == 2
    tested = sent(say, POOL, more=more, facts=full)
    tested.facts = replace(full, used={2: Used(count=4, free_at=say.at(70))})
    tested.look(40)
    assert tested.level == 2


# --- what a level must say --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("1 · Frontline", ["explains, resets", "every ticket starts here"]),
        ("2 · Specialist", ["Subject matter experts", "specialists.lead@example.com", "30 minutes", "4 hours"]),
        ("3 · Management", ["finds people and time", "on call for Duty manager", "2 hours", "they watch it"]),
        ("4 · Executive", ["Decides in critical", "coo@example.com", "Who must agree", "escalation_manager"]),
    ],
)
def test_for_each_level_the_matrix_says_who_does_what_who_decides_and_who_is_told(title: str, said: list[str]) -> None:
    """“procedures for communication, decision-making, and problem resolution at each escalation level”."""
    section = as_text(matrix(parse(SUPPORT))).partition(f"\nLevel {title} ─")[2].partition("\nLevel ")[0]
    joined = " ".join(section.split())
    assert [words for words in said if words not in joined] == []


WRONG = {
    "a level without a name": ("    name: Specialist\n    role: Subject", "    role: Subject", "name"),
    "a role that is not there": ("needs_confirmation: [escalation_manager]", "needs_confirmation: [duty]", "duty"),
    "a level that is not there": (
        "severity: critical, unresolved_for: 4h clock}\n    go_to: 4",
        "severity: critical, unresolved_for: 4h clock}\n    go_to: 5",
        "5",
    ),
    "a criterion nobody knows": ("unanswered_for: 4h}", "unansered_for: 4h}", "unanswered_for"),
    "a time that is none": ("taken_within: 30m", "taken_within: soon", "soon"),
    "a way that is none": ("path: functional ", "path: sideways ", "sideways"),
    "a rule without criteria": ("    when: {csat: bad}\n", "", "when"),
}


@pytest.mark.parametrize(("old", "new", "word"), WRONG.values(), ids=WRONG)
def test_levels_responsibilities_and_criteria_are_checked_when_a_policy_is_loaded(
    old: str, new: str, word: str
) -> None:
    """“levels of escalation, the roles and responsibilities at each level, and the criteria”."""
    assert SUPPORT.count(old) == 1
    with pytest.raises(PolicyError) as caught:
        parse(SUPPORT.replace(old, new))
    [problem] = caught.value.problems
    assert word in str(problem)
    assert problem.line > 1
