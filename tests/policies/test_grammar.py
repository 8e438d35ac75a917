"""Roles, ladders, reasons to come down and guards: what they become, and every mistake at its place, in words."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.commands import Recipient
from policies.conditions import Leaf, leaves
from policies.document import PolicyError, dump, parse
from policies.levels import Branch, OutOfHours, Path, Reminders
from policies.policy import Budget, Evidence, Guards, LevelBudget, People, Policy

TEXT = """\
version: 1
name: Harbour desk
applies_to: {desk: all, board: all}
calendars:
  quay: {timezone: Europe/Oslo, hours: {mon-fri: "07:00-15:00"}}
  dusk: {timezone: Europe/Oslo, hours: {daily: "18:00-02:00"}}
roles:
  escalation_manager: {people: [Ida Holm, "81"], tell: ida@harbour.example}
  harbour_master: {people: Jon Vik}
defaults:
  calendar: {from: service_hours, else: quay}
  pause_while: [pending]
  pause_while_blocked: {at_most: 2d clock}
  after_reopening: restart
severity: {impact: [one, all], urgency: [later, now], matrix: {one: [small, grave], all: [grave, disaster]}}
customers:
  tiers:
    - {tier: fleet, organizations: [Northline]}
    - {tier: everybody}
csat: {bad: [rated_badly]}
levels:
  - level: 1
    name: Window
    targets: {desk: {group: Window}, board: {field: {team: Window}}}
    tell: window@harbour.example
    taken_within: 20m clock
    if_not_taken: {remind_every: 10m clock, at_most: 1}
  - level: 2
    name: Engineers
    targets:
      desk: {group: Engineers, by_product: {Crane: {group: Crane crew}}, by_tier: {fleet: {group: Fleet}}, pick: one}
      board: {field: {team: Engineers}, by_issue_type: {Bug: {assignee: "5:b"}}, by_region: {north: {assignee: n}}}
    fallback:
      - {desk: {group: Duty}}
      - {board: {assignee: duty}, desk: {group: Everybody}}
    taken_within: 30m
    if_not_taken: {remind_every: 15m, at_most: 2, then: next_level}
    tell: [crew@harbour.example, {on_call: Crew, else: duty@harbour.example}]
    out_of_hours:
      outside: dusk
      targets: {desk: {group: Night watch}}
      tell: [night@harbour.example]
      unless: {severity: disaster}
    review_every: 2h
    calendar: always
  - level: 3
    name: Master
    path: hierarchical
    take: oversight
    out_of_hours: {hold_until: quay, unless: {any: [{severity: disaster}, {tier: fleet}]}}
    needs_confirmation: [harbour_master]
rules:
  - name: rated badly
    when: {csat: bad}
    tell: [crew@harbour.example]
  - name: waits long
    when: {unanswered_for: 4h}
    go_to: next_level
    tell: window@harbour.example
come_down:
  - name: calm again
    from: 3
    when: {answered: true, priority: {at_most: normal}}
    for: 2h
    go_to: 2
guards:
  never: {tags: [training]}
  min_time_between: 30m
  per_ticket: {at_most: 4, per: 1d}
  level_budget: {level: 2, at_most: 25, per: 1h, then: hold}
  evidence: {for: functional, need: [steps_tried, product, custom.berth]}
  never_hold: {severity: {at_least: grave}}
tests:
  - name: it waits, climbs, and comes down
    ticket: {site: desk, created: "2027-03-01 09:00", custom: {service_hours: quay}}
    expect: [{at: "09:01", level: 1}]
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse(TEXT)


def changed(*changes: tuple[str, str]) -> str:
    text = TEXT
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


# --- what they become ---------------------------------------------------------------------------------------------
def test_roles_are_people_and_how_to_reach_them(policy: Policy) -> None:
    assert policy.roles == {
        "escalation_manager": People(people=("Ida Holm", "81"), tell=(Recipient(address="ida@harbour.example"),)),
        "harbour_master": People(people=("Jon Vik",)),
    }


def test_a_field_may_name_the_calendar(policy: Policy) -> None:
    assert (policy.calendar, policy.calendar_from) == ("quay", "service_hours")
    assert parse(changed(("{from: service_hours, else: quay}", "dusk"))).calendar_from is None


def test_a_tier_may_have_a_calendar() -> None:
    policy = parse(
        changed(("{from: service_hours, else: quay}", "quay"), ("{tier: everybody", "{tier: everybody, calendar: dusk"))
    )
    assert [tier.calendar for tier in policy.tiers] == [None, "dusk"]


def test_a_blocked_ticket_pauses_for_a_while(policy: Policy) -> None:
    assert policy.pause_linked is not None
    assert policy.pause_linked.length == timedelta(days=2)


def test_targets_branch_in_the_order_they_are_written(policy: Policy) -> None:
    places = policy.level(2).places
    assert places["desk"].target == {"group": "Engineers", "pick": "one"}
    assert places["desk"].branches == (
        Branch(field="product", targets={"crane": {"group": "Crane crew"}}),
        Branch(field="tier", targets={"fleet": {"group": "Fleet"}}),
    )
    assert [branch.field for branch in places["board"].branches] == ["kind", "custom.region"]


def test_fallbacks_keep_their_order_for_each_vendor(policy: Policy) -> None:
    assert policy.level(2).fallbacks == {
        "desk": ({"group": "Duty"}, {"group": "Everybody"}),
        "board": ({"assignee": "duty"},),
    }


def test_reminders_stay_where_nothing_else_is_said(policy: Policy) -> None:
    first, second = (policy.level(number).if_not_taken for number in (1, 2))
    assert first is not None
    assert not first.climb
    assert second is not None
    assert second == Reminders(every=second.every, at_most=2, climb=True)
    assert second.every.length == timedelta(minutes=15)


def test_whom_to_tell_is_an_address_or_whoever_is_on_call(policy: Policy) -> None:
    assert policy.level(2).tell == (
        Recipient(address="crew@harbour.example"),
        Recipient(on_call="Crew", otherwise="duty@harbour.example"),
    )


def test_out_of_hours_a_move_waits_or_others_get_it(policy: Policy) -> None:
    night, master = (policy.level(number).out_of_hours for number in (2, 3))
    assert night is not None
    assert master is not None
    assert (night.calendar, night.hold, night.tell) == ("dusk", False, (Recipient(address="night@harbour.example"),))
    assert night.places["desk"].target == {"group": "Night watch"}
    assert master == OutOfHours(calendar="quay", hold=True, unless=master.unless)
    assert master.unless is not None
    assert [leaf.name for leaf in leaves(master.unless)] == ["severity", "tier"]


def test_a_level_has_reviews_confirmations_and_a_calendar(policy: Policy) -> None:
    assert str(policy.level(2).review_every) == "2h"
    assert [level.calendar for level in policy.levels] == [None, "always", None]
    assert policy.level(3).needs_confirmation == ("harbour_master",)


def test_a_rule_may_only_tell(policy: Policy) -> None:
    rated, waits = (rule for rule in policy.rules if not rule.implied)
    assert (rated.go_to, rated.tell) == (None, (Recipient(address="crew@harbour.example"),))
    assert waits.tell == (Recipient(address="window@harbour.example"),)


def test_a_rule_that_only_tells_may_rest_on_frustration_alone() -> None:
    moods = "frustration: {phrases: {en: {strong: [sinking]}}}\n"
    alone = changed(("when: {csat: bad}", "when: {frustration: strong}")) + moods
    assert parse(alone).rules[0].go_to is None
    with pytest.raises(PolicyError, match="frustration alone is no reason to escalate"):
        parse(alone.replace("    tell: [crew@harbour.example]\n  -", "    go_to: 2\n  -", 1))


def test_a_reason_to_come_down_lasts_for_a_while(policy: Policy) -> None:
    (way,) = policy.come_down
    assert (way.name, way.start, way.go_to, str(way.lasting)) == ("calm again", 3, 2, "2h")
    assert [leaf.name for leaf in leaves(way.when)] == ["answered", "priority"]


def test_guards_carry_what_was_written(policy: Policy) -> None:
    guards = policy.guards
    per_day, per_hour = guards.per_ticket, guards.level_budgets[0]
    assert per_day is not None
    assert guards.evidence is not None
    assert guards == Guards(
        never=guards.never,
        min_time_between=guards.min_time_between,
        per_ticket=Budget(at_most=4, per=per_day.per),
        level_budgets=(LevelBudget(level=2, at_most=25, per=per_hour.per, hold=True),),
        evidence=Evidence(
            path=Path.FUNCTIONAL, need=("steps_tried", "product", "custom.berth"), at_most=guards.evidence.at_most
        ),
        never_hold=guards.never_hold,
    )
    assert (str(guards.min_time_between), str(per_day.per), str(per_hour.per)) == ("30m", "1d", "1h")
    assert str(guards.evidence.at_most) == "4h clock"
    assert isinstance(guards.never_hold, Leaf)
    assert guards.never_hold.value == {"at_least": "grave"}


def test_several_levels_may_have_a_budget() -> None:
    several = "level_budget: [{level: 2, at_most: 9, per: 1h}, {level: 3, at_most: 2, per: 31d, then: warn}]"
    budgets = parse(
        changed(("level_budget: {level: 2, at_most: 25, per: 1h, then: hold}", several))
    ).guards.level_budgets
    assert [(budget.level, budget.hold) for budget in budgets] == [(2, False), (3, False)]


def test_the_highest_severity_is_never_held_unless_the_policy_says_otherwise() -> None:
    without = changed(("  never_hold: {severity: {at_least: grave}}\n", ""))
    bare = without[: without.index("guards:")] + without[without.index("tests:") :]
    for text in (without, bare):
        node = parse(text).guards.never_hold
        assert isinstance(node, Leaf)
        assert (node.name, node.value) == ("severity", "disaster")


def test_without_severities_nothing_is_never_held() -> None:
    plain = "version: 1\nname: x\napplies_to: {desk: all}\nlevels: [{level: 1, name: a}, {level: 2, name: b}]\n"
    assert parse(plain + "rules: [{name: r, when: {unanswered_for: 1h}, go_to: 2}]").guards == Guards()


def test_tests_may_name_whatever_moves_a_ticket() -> None:
    for name in ("calm again", "not taken at level 2", "rated badly"):
        parse(changed(('{at: "09:01", level: 1}', f'{{at: "09:01", level: 1, rule: {name}}}')))


def test_a_policy_with_everything_survives_being_stored(policy: Policy) -> None:
    again = parse(dump(policy))
    assert again.revision == policy.revision
    assert again.levels == policy.levels
    assert again.guards == policy.guards


# --- mistakes -----------------------------------------------------------------------------------------------------
MISTAKES = [
    # people
    ("{people: Jon Vik}", "{peple: Jon Vik}", 'unknown key "peple"; did you mean "people"?'),
    ("{people: Jon Vik}", "{tell: jon@harbour.example}", '"people" is missing in what begins here'),
    ("tell: ida@harbour.example", "tell: ida", 'expected an e-mail address such as lead@example.com, found "ida"'),
    ("tell: ida@harbour.example", "tell: ida@@harbour.example", "expected an e-mail address"),
    ("tell: ida@harbour.example", 'tell: "Ida Holm <ida@harbour.example>"', "expected an e-mail address"),
    ("tell: ida@harbour.example", "tell: ida@harbour", "with a dot behind the @"),
    ("tell: ida@harbour.example", 'tell: "ida@harbour.example,jon@harbour.example"', "expected an e-mail address"),
    (
        "tell: ida@harbour.example",
        'tell: "ida@harbour.example\\nBcc: all@harbour.example"',
        "expected an e-mail address",
    ),
    ("tell: ida@harbour.example", 'tell: "ida@harbour.example\\n"', "expected an e-mail address"),
    ("tell: ida@harbour.example", 'tell: "ida@h\u00e5rbour.example"', "expected an e-mail address"),
    ("tell: ida@harbour.example", f"tell: {'i' * 250}@harbour.example", "at most 254 characters; this has 266"),
    ("tell: ida@harbour.example", "tell: [ida@a.example, ida@a.example]", "ida@a.example is named twice"),
    ("tell: ida@harbour.example", "tell: [[ida@a.example]]", "expected an e-mail address, or {on_call: …, else: …}"),
    ("{on_call: Crew, else: duty@harbour.example}", "{on_call: Crew}", '"else" is missing in what begins here'),
    ("{on_call: Crew, else: duty@harbour.example}", "{on_call: Crew, else: Duty}", "expected an e-mail address"),
    ("{on_call: Crew,", '{on_call: "Crew\\nBcc: x",', "this must be one line"),
    # time
    (
        "{from: service_hours, else: quay}",
        "{from: service_hours, else: qay}",
        'unknown calendar "qay"; did you mean "quay"?',
    ),
    ("{from: service_hours, else: quay}", "{from: service_hours}", '"else" is missing in what begins here'),
    ("{from: service_hours, else: quay}", "{from: custom.service_hours, else: quay}", 'did you mean "service_hours"?'),
    ("{from: service_hours,", "{from: organization.service_hours,", "without what stands before the dot"),
    ("{at_most: 2d clock}", "2d", "expected the keys at_most"),
    ("{tier: everybody}", "{tier: everybody, calendar: quay}", "names the customer's calendar already"),
    ("{tier: everybody}", "{tier: everybody, calendar: qay}", 'unknown calendar "qay"; did you mean "quay"?'),
    # levels
    ("by_tier: {fleet:", "by_tier: {flet:", 'unknown tier "flet"; did you mean "fleet"?'),
    ("by_product: {Crane: {group: Crane crew}}", "by_product: {Crane: Crane crew}", "expected the vendor's words"),
    ("by_product: {Crane: {group: Crane crew}}", "by_product: {}", "expected names with values"),
    ("- {desk: {group: Duty}}", "- {dsk: {group: Duty}}", '"dsk" is not in applies_to; did you mean "desk"?'),
    ("- {desk: {group: Duty}}", "- {desk: Duty}", "expected the vendor's words for a place"),
    (
        "{desk: {group: Night watch}}",
        "{bord: {group: Night watch}}",
        '"bord" is not in applies_to; did you mean "board"?',
    ),
    ("    taken_within: 30m\n", "", "say by when a ticket is to be taken, with `taken_within`"),
    ("    tell: window@harbour.example\n", "", "nobody is reminded: say whom, with `tell`"),
    (
        "remind_every: 15m, at_most",
        "remind_every: 15m clock, at_most",
        "write both with `clock` or both without, as in 30m",
    ),
    ("remind_every: 10m clock", "remind_every: 10m", "write both with `clock` or both without, as in 20m clock"),
    ("remind_every: 15m, at_most: 2", "remind_every: 15m, at_most: 0", "expected a number from 1 to 20, found 0"),
    ("remind_every: 15m, at_most: 2", "remind_every: 15m, at_most: 21", "expected a number from 1 to 20, found 21"),
    ("remind_every: 15m, at_most: 2", "remind_every: 3000d, at_most: 2", "more than 3650d away"),
    ("then: next_level}", "then: next}", 'unknown choice "next"'),
    (
        "out_of_hours: {hold_until: quay,",
        "taken_within: 1h\n    tell: a@b.example\n    if_not_taken: "
        "{remind_every: 1h, at_most: 1, then: next_level}\n    out_of_hours: {hold_until: quay,",
        "there is no level above this one",
    ),
    ("hold_until: quay", "hold_until: qay", 'unknown calendar "qay"; did you mean "quay"?'),
    ("outside: dusk", "outside: dust", 'unknown calendar "dust"; did you mean "dusk"?'),
    ("hold_until: quay", "hold_until: quay, outside: dusk", "say one of the two"),
    ("hold_until: quay, ", "", "say one of the two"),
    ("hold_until: quay", "hold_until: quay, tell: a@b.example", "what waits goes nowhere else"),
    (
        "      targets: {desk: {group: Night watch}}\n      tell: [night@harbour.example]\n",
        "",
        "say what is different `outside`",
    ),
    (
        "unless: {severity: disaster}",
        "unless: {severity: disastr}",
        'unknown severity "disastr"; did you mean "disaster"?',
    ),
    ("unless: {severity: disaster}", "unless: {}", "it would match every ticket"),
    ("{tier: fleet}]}", "{tier: flet}]}", 'unknown tier "flet"; did you mean "fleet"?'),
    ("review_every: 2h", "review_every: 2", "a unit is missing"),
    (
        "    tell: [crew@harbour.example, {on_call: Crew, else: duty@harbour.example}]\n",
        "",
        "nobody is asked to look at it",
    ),
    ("[harbour_master]", "[harbor_master]", 'unknown role "harbor_master"; did you mean "harbour_master"?'),
    ("    name: Window\n", "    name: Window\n    needs_confirmation: harbour_master\n", "nobody is asked before"),
    ("calendar: always", "calendar: alway", 'unknown calendar "alway"; did you mean "always"?'),
    ("  - level: 2\n", "  - level: 3\n", "listed from 1 upwards without gaps; expected 2"),
    ("name: Engineers\n", 'name: "Engineers\\nBcc: x"\n', "this must be one line"),
    # rules
    ("    when: {csat: bad}\n    tell: [crew@harbour.example]", "    when: {csat: bad}", "this rule does nothing"),
    (
        "    when: {csat: bad}\n",
        "    when: {csat: bad}\n    wait_if: {human_active_within: 1m, at_most: 1m}\n",
        "this rule only tells",
    ),
    ("name: rated badly", "name: not taken at level 2", "is the name of something else that moves tickets"),
    ("name: rated badly", "name: calm again", "is the name of something else that moves tickets"),
    ("name: rated badly", "name: |\n      rated\n      badly", "this must be one line"),
    # coming down
    ("    from: 3", "    from: 4", "there is no level 4; the levels are 1 to 3"),
    ("    from: 3", "    from: 2", "coming down from level 2 leads below it, not to level 2"),
    ("    go_to: 2\n", "    go_to: 0\n", "there is no level 0; the levels are 1 to 3"),
    ("    for: 2h\n", "", '"for" is missing in what begins here'),
    (
        "{answered: true, priority: {at_most: normal}}",
        "{answerd: true}",
        'unknown condition "answerd"; did you mean "answered"?',
    ),
    # guards
    ("never: {tags: [training]}", "nevr: {tags: [training]}", 'unknown key "nevr"; did you mean "never"?'),
    ("never: {tags: [training]}", "never: {statuz: solved}", 'unknown condition "statuz"; did you mean "status"?'),
    ("min_time_between: 30m", "min_time_between: 30", "a unit is missing"),
    ("per_ticket: {at_most: 4,", "per_ticket: {at_most: 0,", "expected a number from 1 to 10000, found 0"),
    (
        "per_ticket: {at_most: 4, per: 1d}",
        "per_ticket: {at_most: 4, per: 32d}",
        "a budget counts over 1m to 31d; this says 32d",
    ),
    (
        "per_ticket: {at_most: 4, per: 1d}",
        "per_ticket: {at_most: 4, per: 30s}",
        "a budget counts over 1m to 31d; this says 30s",
    ),
    ("level_budget: {level: 2,", "level_budget: {level: 4,", "there is no level 4; the levels are 1 to 3"),
    ("level_budget: {level: 2,", "level_budget: {level: 1,", "every ticket starts at level 1"),
    ("then: hold}", "then: stop}", 'unknown choice "stop"'),
    (
        "level_budget: {level: 2, at_most: 25, per: 1h, then: hold}",
        "level_budget: [{level: 2, at_most: 1, per: 1h}, {level: 2, at_most: 2, per: 1d}]",
        'a budget for level "2" is already in line',
    ),
    ("for: functional", "for: functionl", 'unknown path "functionl"; did you mean "functional"?'),
    ("[steps_tried, product", "[steps_tred, product", 'unknown evidence "steps_tred"; did you mean "steps_tried"?'),
    ("custom.berth]", "custom.]", 'unknown evidence "custom."'),
    ("need: [steps_tried, product, custom.berth]", "need: []", "this list is empty"),
    (
        "never_hold: {severity: {at_least: grave}}",
        "never_hold: {severity: {at_least: grav}}",
        'unknown severity "grav"; did you mean "grave"?',
    ),
    (
        "never_hold: {severity: {at_least: grave}}",
        "never_hold: {frustration: mild}",
        "this policy has no `frustration` section",
    ),
    # characters that a file cannot hold, spelled in quotes
    ("name: Harbour desk", 'name: "Harbour \\ud800"', "a character that YAML does not allow (U+D800)"),
    ("name: calm again", 'name: "calm \\0"', "a character that YAML does not allow (U+0000)"),
    ("Jon Vik", '"\\UFFFFFFFF"', "there is no such character"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), MISTAKES)
def test_a_mistake_is_found_and_explained(old: str, new: str, sentence: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse(changed((old, new)))
    assert sentence in str(error.value)
    assert len(error.value.problems) <= 2, str(error.value)  # a mistake is not reported again by those who refer to it
    line = TEXT[: TEXT.index(old)].count("\n") + 1
    assert any(abs(problem.line - line) <= 6 for problem in error.value.problems), str(error.value)


def test_all_mistakes_of_the_new_sections_are_shown_at_once() -> None:
    broken = changed(
        ("[harbour_master]", "[master]"),
        ("    from: 3", "    from: 9"),
        ("then: hold}", "then: stop}"),
        ("tell: ida@harbour.example", "tell: ida"),
        ("{from: service_hours, else: quay}", "{from: service_hours, else: qay}"),
    )
    with pytest.raises(PolicyError) as error:
        parse(broken)
    said = "\n".join(problem.message for problem in error.value.problems)
    assert all(word in said for word in ('"qay"', '"ida"', "no level 9", '"stop"'))
    assert '"master"' not in said  # the roles are broken, so who refers to them is not judged


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(TEXT) - 1), st.integers(0, 20), st.text("{}[]:,\"'\\#&*!|>%@-? \n\t0a", max_size=3)
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(deadline=None, max_examples=150)
def test_no_damage_to_the_new_sections_is_a_crash(damages: list[tuple[int, int, str]]) -> None:
    text = TEXT
    for at, length, put in damages:
        text = text[:at] + put + text[at + length :]
    try:
        policy = parse(text)
    except PolicyError as error:
        places = [(problem.line, problem.column) for problem in error.problems]
    else:
        places = [(1, 1)] if parse(dump(policy)).revision == policy.revision else []
    assert places
    assert all(line >= 1 and column >= 1 for line, column in places)


@pytest.mark.parametrize("section", ["roles", "come_down", "guards", "defaults"])
def test_a_section_that_is_a_word_says_what_belongs_there(section: str) -> None:
    start = TEXT.index(f"{section}:")
    rest = TEXT[start + 1 :]
    end = (
        start
        + 1
        + min(i for line in ("severity:", "defaults:", "tests:", "guards:") if (i := rest.find(f"\n{line}")) >= 0)
    )
    with pytest.raises(PolicyError, match=r"expected .+, found \"later\""):
        parse(TEXT[:start] + f"{section}: later" + TEXT[end:])
