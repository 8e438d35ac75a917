"""Mistakes of people who write YAML by hand, each told at the place where it was made."""

import pytest

from policies.document import PolicyError, parse

TEXT = """\
version: 1
name: Small
review_by: 2027-05-01
applies_to: {desk: {tags: {none_of: [spam]}}}
calendars:
  office: {timezone: Europe/Berlin, hours: {mon-fri: "08:00-18:00"}, holidays: {country: DE, region: BY}}
severity:
  impact: [low, high]
  urgency: [low, high]
  matrix:
    low: [minor, major]
    high: [major, critical]
roles: {Leitung: {people: Ada Berg, tell: ada@acme.example}}
levels:
  - level: 1
    name: Frontline
    targets: {desk: {group: Support}}
  - level: 2
    name: Specialists
    targets:
      desk:
        group: Experts
        by_product: {crane: {group: Cranes}}
        pick: one
    tell: {on_call: Crew, else: crew@acme.example}
rules:
  - name: waits
    when: {unresolved_for: 30m, reopens: 2}
    go_to: 2
  - name: asked
    when: {requested_by_staff: true}
    go_to: 2
come_down:
  - name: calm
    from: 2
    when: {answered: true}
    for: 2h
    go_to: 1
tests:
  - name: it waits
    ticket: {site: desk, created: "2027-03-01 09:00"}
    expect: [{at: "09:30", level: 1}]
"""

# old → new, the word at which the caret stands, what is said
MISTAKES = [
    # characters that only look right
    ("    name: Frontline", "\u00a0\u00a0\u00a0 name: Frontline", "\u00a0", "a space that is no plain one (U+00A0"),
    ("    go_to: 2\n  - name: asked", "    go_to:\u00a02\n  - name: asked", "\u00a02", "a non-breaking space"),
    ("  - name: asked", "  \u2013 name: asked", "\u2013", 'a list entry begins with "- "'),
    ("  - name: asked", "  \u2022 name: asked", "\u2022", 'a list entry begins with "- "'),
    ('"08:00-18:00"', "\u201c08:00-18:00\u201d", "\u201c08", "a curly quote"),
    ('"08:00-18:00"', '"08:00\u201318:00"', '"08', "a dash that is no hyphen"),
    # comments
    ("[spam]", "[#spam]", "#spam", "`#` begins a comment here"),
    ("name: Frontline", "name: #Frontline", "name", "`#` begins a comment; quote the text"),
    ("    name: Frontline", "    // first\n    name: Frontline", "//", "a comment begins with `#`"),
    # lines that do not line up, entries without a dash, brackets
    ("        group: Experts", "       group: Experts", "group: Experts", "does not line up with line 23"),
    ("        by_product", "          by_product", "by_product", "does not line up with line 22"),
    ("  - name: asked", "    name: asked", "name: asked", 'is the "- " of a new entry missing?'),
    ("    name: Frontline", "    name Frontline", "name Front", "a colon is missing in this line"),
    ("    name: Frontline", "    name:Frontline", "name:Front", "a space is missing behind the colon"),
    ("{desk: {group: Support}}", "{desk: {group: Support}", "{desk: {group", "the { that begins here is not closed"),
    ("come_down:", "---\ncome_down:", "---", "`---` begins a second policy here"),
    # comparisons, truth, dates, durations, levels
    ("reopens: 2", "reopens: >2", ">2", "written in words: {more_than: 2}"),
    ("    when: {requested_by_staff: true}", "    when:\n      reopens: >2\n", "reopens", "{more_than: 2}"),
    ("reopens: 2", "reopens: <2", "<2", "write {less_than: 2}"),
    ("reopens: 2", 'severity: ">= major"', '">=', "a comparison is written in words: {at_least: major}"),
    ("requested_by_staff: true", "requested_by_staff: ja", "ja", "write true"),
    ("review_by: 2027-05-01", "review_by: 1.5.2027", "1.5", 'did you mean "2027-05-01"?'),
    ("for: 2h", "for: 1,5h", "1,5h", "did you mean 1h 30m?"),
    ("go_to: 2\n  - name: asked", "go_to: specialists\n  - name: asked", "specialists\n", 'did you mean "2"?'),
    ("go_to: 2\n  - name: asked", "go_to: level 2\n  - name: asked", "level 2\n", 'did you mean "2"?'),
    # carets beside the fault
    ("country: DE", "country: de", "de, region", 'did you mean "DE"?'),
    ("region: BY", "region: XX", "XX", 'DE has no region "XX"'),
    ("low: [minor, major]", "low: [minor]", "[minor]", 'row "low" has 1 cells'),
    ("impact: [low, high]", "impact: [high, low]", "[high, low]", "from the least to the greatest"),
    ("go_to: 1", "go_to: 2", "2\ntests", "coming down from level 2 leads below it"),
    ("by_product", "by_produkt", "by_produkt", 'did you mean "by_product"?'),
    ("timezone: Europe/Berlin", "timezone: CEST", "CEST", "write one like Europe/Berlin"),
    ("calendars:\n  office:", "calendars:\n  always:", "always", "every policy has `always`"),
    ("{on_call: Crew", "{oncall: Crew", "oncall", 'unknown key "oncall"; did you mean "on_call"?'),
    # names that the document gives
    ("applies_to: {desk", "applies_to: {desks", "desks", 'no level has a target for "desks"; did you mean "desk"?'),
    ("applies_to: {desk", "applies_to: {Desk", "Desk", 'did you mean "desk"?'),
    ("    tell: {on", "    needs_confirmation: escalation_manager\n    tell: {on", "escalation_m", "exactly so"),
]


@pytest.mark.parametrize(("old", "new", "at", "sentence"), MISTAKES, ids=[m[1].strip()[:30] for m in MISTAKES])
def test_a_mistake_is_told_where_it_was_made(old: str, new: str, at: str, sentence: str) -> None:
    assert TEXT.count(old) == 1, old
    text = TEXT.replace(old, new)
    with pytest.raises(PolicyError) as error:
        parse(text)
    [problem] = error.value.problems
    assert sentence in problem.sentence
    place = text.index(at, max(0, text.index(new.strip(" ")) - 12))
    assert (problem.line, problem.column) == (text[:place].count("\n") + 1, place - text.rfind("\n", 0, place))


def test_the_policy_without_mistakes_loads() -> None:
    assert parse(TEXT).name == "Small"


def test_all_conditions_are_listed_for_a_name_that_is_like_none() -> None:
    with pytest.raises(PolicyError, match=r"known here: all, any, not, .*unanswered_for.*until_sla_breach"):
        parse(TEXT.replace("requested_by_staff", "xyz"))


def test_a_long_list_of_known_names_says_that_it_is_cut() -> None:
    rules = "".join(f"  - {{name: r{n}, when: {{tags: t{n}}}, go_to: 2}}\n" for n in range(70))
    text = TEXT.replace("come_down:", rules + "come_down:").replace("level: 1}]", "level: 1, rule: Zzz}]")
    with pytest.raises(PolicyError, match=r"known here: waits, asked, r0, .*r57, …"):
        parse(text)
