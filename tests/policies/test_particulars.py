"""Everything a policy says is on its page and in a comparison: people, hours, reminders, ways down, guards, roles."""

import re

import pytest

from policies import sentences as say
from policies.conditions import parsed
from policies.difference import as_text as difference_text
from policies.difference import differences
from policies.document import parse
from policies.matrix import matrix
from policies.policy import Policy
from policies.sheet import WIDTH, Grid, as_html, as_markdown, as_text

TEXT = """\
version: 1
name: Whole
applies_to: {desk: all, board: all}
calendars:
  office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}
  night: {timezone: UTC, hours: {daily: "22:00-06:00"}}
defaults: {calendar: {from: support_hours, else: office}, pause_while: [pending], pause_while_blocked: {at_most: 3d}}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, minor], high: [minor, critical]}}
roles:
  escalation_manager: {people: [Ada Berg, "77"], tell: [ada@acme.example]}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}, board: {field: {team: First}}}}
  - level: 2
    name: Specialist
    targets:
      desk: {group: Experts, by_product: {billing: {group: Billing}}, assign: least_busy}
      board: {assign: round_robin, from: [ann, ben], by_region: {emea: {assignee: eva}}}
    fallback: [{desk: {group: Leads}}, {desk: {group: Duty}}, {board: {assignee: duty}}]
    taken_within: 30m
    if_not_taken: {remind_every: 15m, at_most: 2, then: next_level}
    tell: specialists@acme.example
  - level: 3
    name: Management
    path: hierarchical
    take: oversight
    tell: [lead@acme.example, {on_call: Duty manager, else: duty@acme.example}]
    out_of_hours: {hold_until: office, unless: {severity: critical}}
    review_every: 2h clock
  - level: 4
    name: Executive
    path: hierarchical
    take: oversight
    targets: {desk: {followers: [coo]}, board: {watchers: [coo]}}
    out_of_hours: {outside: office, targets: {desk: {followers: [night]}}, tell: [night@acme.example]}
    needs_confirmation: [escalation_manager]
    calendar: always
rules:
  - {name: waits, when: {unanswered_for: 1h}, go_to: 2, tell: [boss@acme.example]}
  - {name: late, when: {after_promise: 30m clock}, go_to: 4}
  - {name: promised, when: {until_promise: 1h clock, blocked: false}, go_to: 3}
  - {name: outage, when: {matches: {subject: down, custom.region: "em.*"}}, go_to: 2}
  - {name: rated, when: {kind: complaint}, tell: [lead@acme.example]}
come_down:
  - {name: calm, from: 3, when: {answered: true, not: {priority: urgent}}, for: 2h, go_to: 1}
guards:
  never: {tags: [do_not_escalate]}
  min_time_between: 30m
  per_ticket: {at_most: 4, per: 1d}
  level_budget: [{level: 2, at_most: 25, per: 1h, then: warn}, {level: 4, at_most: 1, per: 1h, then: hold}]
  evidence: {for: functional, need: [steps_tried, product, custom.environment]}
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse(TEXT)


@pytest.fixture(scope="module")
def shown(policy: Policy) -> str:
    return as_text(matrix(policy))


def part(text: str, title: str) -> str:
    """Return what stands below a heading, on one line."""
    return " ".join(re.split(r"\n\S.* ───", text.partition(f"\n{title} ─")[2])[0].split())


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Level 2 · Specialist", "Desk: group Experts; whoever of them has the fewest open tickets"),
        ("Level 2 · Specialist", "Desk, if the product is billing: group Billing; whoever of them has the fewest open"),
        ("Level 2 · Specialist", "Board: one of ann and ben; each of them in turn"),
        (
            "Level 2 · Specialist",
            "Board, if the region is emea: assignee eva; one of ann and ben; each of them in turn",
        ),
        ("Level 2 · Specialist", "If that fails Desk: group Leads, then group Duty Board: assignee duty"),
        ("Level 2 · Specialist", "Who is told specialists@acme.example"),
        ("Level 2 · Specialist", "reminded at that moment, then every 15 minutes of working time, twice in all"),
        ("Level 2 · Specialist", "15 minutes of working time later it goes to level 3 Management"),
        ("Level 2 · Specialist", "Tells boss@acme.example."),
        (
            "Level 3 · Management",
            "lead@acme.example and whoever is on call for Duty manager (duty@acme.example if nobody",
        ),
        ("Level 3 · Management", "a move waits until office opens, unless the severity is critical"),
        (
            "Level 3 · Management",
            "when nobody from support has changed or said anything for 2 hours by the clock, those",
        ),
        ("Level 3 · Management", "• not taken at level 2 (in spite of reminders)"),
        (
            "Level 3 · Management",
            "• promised No more than 1 hour by the clock is left until the time that was promised",
        ),
        ("Level 3 · Management", "and no open linked ticket blocks it."),
        (
            "Level 3 · Management",
            "Down again • calm (to level 1) The requester has an answer, and the priority is not urg",
        ),
        ("Level 3 · Management", "If that has been so for 2 hours of working time without a break."),
        ("Level 4 · Executive", "while office is closed: Desk: followers night told: night@acme.example"),
        ("Level 4 · Executive", "somebody with the role escalation_manager, by /confirm in an internal comment"),
        ("Level 4 · Executive", "Durations count always"),
        ("Level 4 · Executive", "The time that was promised passed 30 minutes by the clock ago or longer."),
        ("Level 2 · Specialist", "Its subject fits the pattern down and region fits the pattern em.*."),
        ("Only told", "• rated The ticket type is complaint. Tells lead@acme.example."),
        ("Guards", "No move up while it is tagged do_not_escalate"),
        ("Guards", "Between moves at least 30 minutes, every minute counted"),
        ("Guards", "One ticket moved at most 4 times within 24 hours"),
        ("Guards", "at most 25 tickets within 1 hour to level 2 Specialist; for more, its people are warned"),
        ("Guards", "at most 1 ticket within 1 hour to level 4 Executive; more wait for their turn"),
        ("Guards", "until these are recorded: the steps that were tried, the product and the environment"),
        ("Guards", "Spared from all but the first, while the severity is critical"),
        ("Guards", "What waits is not lost: `stepladder policy explain` shows it"),
        ("Applies to", "Desk all tickets Board all tickets"),
        ("Level 1 · Frontline", "Board: field team = First"),
        ("Roles", "escalation_manager Ada Berg and 77 ada@acme.example agree to a move"),
        ("Time", "working time is that of the calendar that the customer's field support_hours names, else office"),
        ("Time", "at level 4 Executive: always"),
        ("Time", "while an open linked ticket blocks it, each time for 72 hours at most"),
    ],
)
def test_the_page_says(shown: str, title: str, words: str) -> None:
    assert words in part(shown, title)


def test_a_level_that_is_only_told_says_so_at_a_glance(shown: str) -> None:
    assert "told:" in part(shown, "At a glance")
    assert "nobody is named" not in shown


def test_a_level_that_lives_in_several_places_says_so_at_a_glance(policy: Policy) -> None:
    glance = next(section for section in matrix(policy).sections if section.title == "At a glance")
    (grid,) = glance.blocks
    assert isinstance(grid, Grid)
    desk, board = grid.rows[1][1].split("\n")
    assert desk.startswith("Desk: group Experts; whoever of them")
    assert desk.endswith(" (others by product and if that fails)")
    assert board.endswith(" (others by region and if that fails)")
    assert grid.rows[0][1] == "Desk: group Support\nBoard: field team = First"


def test_a_level_that_only_names_who_watches_does_not_move_the_ticket() -> None:
    text = TEXT.replace("path: hierarchical\n    take: oversight\n    targets", "targets")
    executive = part(as_text(matrix(parse(text))), "Level 4 · Executive")
    assert "How the ticket stays where it is; they watch it" in executive


def test_what_follows_from_reminders_is_no_rule_of_the_author(policy: Policy) -> None:
    assert any(rule.implied for rule in policy.rules)
    changed = parse(TEXT.replace("then: next_level", "then: stay"))
    assert [(found.section, found.labels) for found in differences(policy, changed)] == [
        ("Levels", ("if nobody does",))
    ]


def test_the_page_keeps_within_its_width_and_has_the_same_words_in_every_form(policy: Policy, shown: str) -> None:
    assert max(map(len, shown.splitlines())) <= WIDTH
    for words in ("in spite of reminders", "to level 1", "every minute counted"):
        assert words in as_markdown(matrix(policy))
        assert words in as_html(matrix(policy))


ONE = TEXT.replace("{calendar: {from: support_hours, else: office}", "{calendar: office")
BY_TIER = ONE.replace(
    "roles:", "customers: {tiers: [{tier: platinum, tags: [p], calendar: night}, {tier: standard}]}\nroles:", 1
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BY_TIER, "working time is that of the calendar night for platinum customers, and office for all others"),
        (ONE, "Durations count the calendar office at level 4 Executive: always by the clock: every minute"),
    ],
)
def test_whose_calendar_counts_is_said(text: str, line: str) -> None:
    assert line in part(as_text(matrix(parse(text))), "Time")


# --- words of a time that depends on the ticket -------------------------------------------------------------------
def test_time_that_depends_on_the_customer_or_the_level_is_called_working_time(policy: Policy) -> None:
    one = parse(ONE)
    plain = parse(one.text.replace("    calendar: always\n", ""))
    rule = policy.rules[0]
    assert [say.rules_calendar(p, rule) for p in (policy, one, plain)] == ["working", "working", "office"]
    assert [say.levels_calendar(p, p.level(2)) for p in (policy, one, plain)] == ["working", "office", "office"]
    assert say.levels_calendar(policy, policy.level(4)) == "always"


@pytest.mark.parametrize(
    ("when", "yes", "no"),
    [
        ({"blocked": True}, "an open linked ticket blocks it", "no open linked ticket blocks it"),
        ({"blocked": False}, "no open linked ticket blocks it", "an open linked ticket blocks it"),
        (
            {"matches": {"message": "x+"}},
            "what the requester wrote fits the pattern x+",
            "what the requester wrote does",
        ),
        (
            {"until_sla_breach": "30m clock"},
            "no more than 30 minutes by the clock is left until the vendor's own promise breaks",
            "more than 30 minutes by the clock is left until the vendor's own promise breaks, or none is running",
        ),
        (
            {"after_sla_breach": "1m"},
            "the vendor's own promise broke 1 minute of office time ago or longer",
            "the vendor's own promise did not break 1 minute of office time ago, or none was running",
        ),
    ],
)
def test_a_question_about_promises_blocks_and_patterns_is_said(when: dict[str, object], yes: str, no: str) -> None:
    assert say.in_words(parsed(when), "office") == yes
    assert say.in_words(parsed(when), "office", so=False).startswith(no)


# --- differences --------------------------------------------------------------------------------------------------
CHANGES = [
    ("by_product: {billing: {group: Billing}}", "by_product: {billing: {group: Money}}", "Levels", "who"),
    ("assign: least_busy", "assign: round_robin", "Levels", "who"),
    (
        "{desk: {group: Leads}}, {desk: {group: Duty}}",
        "{desk: {group: Duty}}, {desk: {group: Leads}}",
        "Levels",
        "if that fails",
    ),
    ("remind_every: 15m", "remind_every: 20m", "Levels", "if nobody does"),
    ("tell: specialists@", "tell: experts@", "Levels", "who is told"),
    ("else: duty@", "else: other@", "Levels", "who is told"),
    ("hold_until: office, unless: {severity: critical}", "hold_until: office", "Levels", "out of hours"),
    ("review_every: 2h", "review_every: 3h", "Levels", "looked at again"),
    ("tell: [boss@acme.example]", "tell: [head@acme.example]", "Rules", "tells"),
    ("when: {kind: complaint}, tell", "when: {kind: complaint}, go_to: 2, tell", "Rules", "leads to"),
    ("for: 2h, go_to: 1", "for: 3h, go_to: 1", "Coming down", "has been so for"),
    ("for: 2h, go_to: 1", "for: 2h, go_to: 2", "Coming down", "leads"),
    ("never: {tags: [do_not_escalate]}", "never: {tags: [drill]}", "Guards", "no move up"),
    ("min_time_between: 30m", "min_time_between: 31m", "Guards", "between moves"),
    ("at_most: 4, per: 1d", "at_most: 5, per: 1d", "Guards", "one ticket"),
    ("per: 1h, then: warn", "per: 1h, then: hold", "Guards", "one level"),
    ("need: [steps_tried, product", "need: [steps_tried, priority", "Guards", "known before"),
    ("people: [Ada Berg", "people: [Eva Lang", "Roles", "people"),
    ("tell: [ada@", "tell: [eva@", "Roles", "told at"),
    ("pause_while_blocked: {at_most: 3d}", "pause_while_blocked: {at_most: 4d}", "Time", "no time counts"),
    ("from: support_hours", "from: hours", "Time", "durations count"),
]


@pytest.mark.parametrize(("old", "new", "section", "label"), CHANGES)
def test_a_change_is_found_in_its_section(policy: Policy, old: str, new: str, section: str, label: str) -> None:
    assert old in TEXT
    [found] = differences(policy, parse(TEXT.replace(old, new, 1)))
    assert (found.section, found.labels) == (section, (label,))


def test_guards_that_are_new_are_said_in_words(policy: Policy) -> None:
    before = parse(TEXT[: TEXT.index("guards:")])
    text = difference_text(before, policy)
    assert "\n  ~ all moves\n" in text
    assert "+ at most 1 ticket within 1 hour to level 4 Executive; more wait for their turn" in text
