"""The escalation matrix: complete, in words, within 100 columns, and readable by everyone."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from policies import sentences as say
from policies.conditions import REGISTRY, parsed
from policies.difference import as_text as difference_text
from policies.difference import differences
from policies.document import parse
from policies.durations import Duration
from policies.matrix import matrix
from policies.policy import Policy
from policies.sheet import WIDTH, Grid, Section, Sheet, as_html, as_markdown, as_text
from policies.source import read

LIBRARY = Path(__file__).parents[2] / "policies" / "library"
POLICIES = sorted(LIBRARY.glob("*.yaml"))

TEXT = """\
version: 1
name: Shown <b> & more
owner: lead@example.com
review_by: 2027-05-01
applies_to: {desk: {groups: [Support], tags: {none_of: [spam]}}, board/east: all}
calendars:
  office:
    timezone: Europe/Berlin
    hours: {mon-thu: ["08:00-12:00", "13:00-18:00"], fri: "08:00-16:00"}
    closed: [2026-12-24, 2026-12-31]
  night: {timezone: UTC, hours: {daily: "22:00-06:00"}}
defaults: {calendar: office, pause_while: [pending, on_hold]}
customers: {tiers: [{tier: vip, tags: [vip], organizations: [Globex, Initech]}, {tier: standard}]}
severity: {impact: [low, high], urgency: [low, high], matrix: {low: [minor, minor], high: [minor, major]}}
levels:
  - {level: 1, name: Frontline, role: Answers., targets: {desk: {group: Support}, board: {field: {Team: First}}}}
  - level: 2
    name: Specialist
    targets: {desk: {group: Experts}}
    priority: {at_least: high}
    taken_within: 30m
    expected_resolution: 4h clock
    note: "Look at | {ticket}"
  - {level: 3, name: Management, path: hierarchical, take: oversight, priority: {set: urgent}, mode: note}
rules:
  - name: waits
    when: {unanswered_for: 1h 30m, tier: vip}
    go_to: 2
    again: after 2d clock
    calendar: night
    wait_if: {human_active_within: 10m, at_most: 1h}
  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}
  - name: climbs
    when: {level: {less_than: 2}, any: [{priority: {at_least: high}}, {not: {answered: true}}]}
    go_to: next_level
  - {name: old, when: {unresolved_for: 3d clock}, go_to: 3, mode: observe}
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse(TEXT)


@pytest.fixture(scope="module")
def shown(policy: Policy) -> str:
    return as_text(matrix(policy))


def part(text: str, title: str) -> str:
    """Return what stands below a heading of the text."""
    return text.partition(f"\n{title} ─")[2].partition(" ─────")[0]


def test_it_is_stamped_with_name_revision_owner_and_review_date(policy: Policy, shown: str) -> None:
    head = shown[: shown.index("At a glance")]
    for word in ("Shown <b> & more", policy.revision, "lead@example.com", "1 May 2027"):
        assert word in head


def test_a_level_says_who_when_and_how(shown: str) -> None:
    level = " ".join(part(shown, "Level 2 · Specialist").split())
    for words in (
        "Desk: group Experts",
        "the ticket moves there",
        "at least high",
        "30 minutes of office time",
        "4 hours by the clock",
        "“Look at | {ticket}”",
        "The requester has been waiting for a public reply for 1 hour 30 minutes of night time, and the customer's "
        "tier is vip. Counts the calendar night. Once more for the same cause after 2 days by the clock. Waits while "
        "somebody has worked on it within 10 minutes of night time, but no longer than 1 hour of night time.",
        "• asked (if they name level 2, or none at level 1)",
    ):
        assert words in level


def test_a_rule_stands_at_the_levels_it_can_lead_to(shown: str) -> None:
    second, third = part(shown, "Level 2 · Specialist"), part(shown, "Level 3 · Management")
    assert "• climbs (from level 1)" in second
    assert "climbs" not in third, "below level 2 it can only lead to level 2"
    assert "• old" in third
    assert "• old" not in second


def test_what_the_levels_refer_to_is_there(shown: str) -> None:
    words = " ".join(shown.split())
    for said in (
        "groups: Support tags: anything but spam",
        "Board/east all tickets",
        "Mon–Thu: 08:00–12:00, 13:00–18:00",
        "every day: 22:00–06:00 next day",
        "closed on 24 December 2026 and 31 December 2026",
        "while the status is on hold or pending, and while it is solved or closed",
        "organization Globex or Initech or tag vip",
        "From the least to the greatest: minor, major.",
    ):
        assert said in words


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.name)
def test_every_policy_of_the_library_fits_into_100_columns(file: Path) -> None:
    text = as_text(matrix(parse(file.read_text("utf-8"))))
    assert max(len(line) for line in text.splitlines()) <= WIDTH


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.name)
def test_every_rule_and_level_of_the_library_is_shown(file: Path) -> None:
    policy = parse(file.read_text("utf-8"))
    words = " ".join(as_text(matrix(policy)).split())
    assert [rule.name for rule in policy.rules if f"• {rule.name}" not in words] == []
    assert [level.name for level in policy.levels if f"Level {level.number} · {level.name}" not in words] == []


def test_a_very_wide_table_still_fits(policy: Policy) -> None:
    row = ("q" * 90, "y" * 90, "words that wrap")
    sheet = matrix(policy)
    section = Section(title="Wide", blocks=(Grid(caption="c", head=("a", "b", "c"), rows=(row,)),))
    text = as_text(Sheet(title="t", subtitle="s", stamp=sheet.stamp, sections=(section,)))
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert text.count("q") == 90


# --- Markdown and HTML --------------------------------------------------------------------------------------
def test_markdown_takes_their_meaning_from_characters(policy: Policy) -> None:
    text = as_markdown(matrix(policy))
    assert text.startswith("# Shown \\<b\\> & more\n")
    assert "“Look at \\| {ticket}”" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables if "Level" in line or "Frontline" in line} == {7}


class Page(HTMLParser):
    """Checks that elements close in order, and keeps what was seen."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attrs for name, attrs in self.seen if name == tag)


@pytest.fixture(scope="module")
def page(policy: Policy) -> Page:
    return Page(as_html(matrix(policy)))


def test_the_page_is_well_formed(page: Page) -> None:
    assert page.open == []


def test_the_page_runs_and_loads_nothing(page: Page, policy: Policy) -> None:
    assert not [tag for tag, _ in page.seen if tag in ("script", "link", "img", "iframe", "object", "base")]
    assert not [a for _, attrs in page.seen for a in attrs if a in ("src", "href", "style") or a.startswith("on")]
    assert not re.search(r"url\(|@import|https?:", as_html(matrix(policy)))


def test_a_screen_reader_finds_its_way(page: Page) -> None:
    assert next(page.all("html"))["lang"] == "en"
    assert len(list(page.all("main"))) == len(list(page.all("h1"))) == len(list(page.all("title"))) == 1
    assert {attrs.get("scope") for attrs in page.all("th")} == {"col", "row"}
    ids = {attrs.get("id") for attrs in page.all("h2")}
    assert {attrs.get("aria-labelledby") for attrs in page.all("section")} == ids
    levels = [int(tag[1]) for tag, _ in page.seen if re.fullmatch(r"h\d", tag)]
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_a_wide_table_is_a_list_with_labels_where_the_page_is_narrow(policy: Policy) -> None:
    text = as_html(matrix(policy))
    glance = text.partition('<div class="wide stack" role="region"')[2].partition("</table>")[0]
    assert '<td data-label="Taken within">30 minutes of office time</td>' in glance
    assert "@media screen and (max-width:44rem)" in text


def test_names_are_text_on_the_page(policy: Policy) -> None:
    assert "Shown &lt;b&gt; &amp; more" in as_html(matrix(policy))


# --- words --------------------------------------------------------------------------------------------------
SENTENCES = [
    ({"status": ["new", "on_hold"]}, "the status is new or on hold"),
    ({"not": {"status": "open"}}, "the status is not open"),
    ({"tags": "do_not_escalate"}, "it is tagged do_not_escalate"),
    ({"custom": {"env": "pre_prod"}}, "env is pre_prod"),
    ({"priority": {"at_least": "high"}}, "the priority is high or above"),
    ({"tags": ["outage", "Outage", "security"]}, "it is tagged outage or security"),
    ({"custom": {"environment": "production", "seats": ["1", "2"]}}, "environment is production and seats is 1 or 2"),
    ({"level": 2}, "it is at level 2"),
    ({"level": {"less_than": 3}}, "it is below level 3"),
    ({"reopens": {"at_least": 2}}, "it has come back at least 2 times after it was solved"),
    ({"reopens": 1}, "it has come back 1 time after it was solved"),
    ({"requested_by_staff": False}, "staff has not asked for it"),
    ({"answered": True}, "the requester has an answer"),
    ({"unresolved_for": "90s"}, "the ticket has been unresolved for 1 minute 30 seconds of office time"),
    ({"at_level_for": "2d clock"}, "the ticket has stood at its level for 2 days by the clock"),
    ({"not_taken_for": "1d clock"}, "nobody at the present level has taken the ticket for 24 hours by the clock"),
    (
        {"not": {"any": [{"kind": "bug"}, {"product": "x"}]}},
        "the ticket type is not bug, and the product is not x",
    ),
    ({"any": [{"kind": "bug"}, {"product": "x", "level": 1}]}, "either the ticket type is bug, or "),
]


@pytest.mark.parametrize(("when", "words"), SENTENCES)
def test_a_condition_is_said_in_words(when: dict[str, object], words: str) -> None:
    assert say.in_words(parsed(when), "office").startswith(words)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_condition_of_the_registry_has_words_and_an_opposite(name: str) -> None:
    node = parsed(read(REGISTRY[name].example)[0].plain)
    yes, no = say.in_words(node, "office"), say.in_words(node, "office", so=False)
    assert yes != no
    assert "{" not in yes + no
    assert "this long" not in yes


def test_a_calendar_that_counts_every_minute_is_the_clock() -> None:
    assert say.counted(Duration.parse("4h"), "always") == say.counted(Duration.parse("4h clock"), "office")


# --- differences --------------------------------------------------------------------------------------------
def test_a_policy_does_not_differ_from_itself(policy: Policy) -> None:
    assert differences(policy, policy) == ()
    assert difference_text(policy, policy).endswith("They are the same.\n")


def test_a_comment_is_no_difference(policy: Policy) -> None:
    other = parse(TEXT + "# a remark\n")
    assert other.revision != policy.revision
    assert difference_text(policy, other).endswith("They say the same.\n")


CHANGES = [
    ("owner: lead@", "owner: head@", "About", "owner"),
    ("groups: [Support]", "groups: [Support, Sales]", "Applies to", "tickets"),
    ("pause_while: [pending, on_hold]", "pause_while: [pending]", "Time", "no time counts"),
    ("fri: ", "sat: ", "Calendars", "hours"),
    ("2026-12-31]", "2026-12-30]", "Calendars", "closed"),
    ("low: [minor, minor]", "low: [minor, major]", "Severity", "impact low"),
    ("tags: [vip]", "tags: [gold]", "Customers", "who"),
    ("taken_within: 30m", "taken_within: 31m", "Levels", "taken within"),
    ("take: oversight", "take: ownership", "Levels", "how"),
    ("unanswered_for: 1h 30m", "unanswered_for: 1h 31m", "Rules", "when"),
    ("again: after 2d", "again: after 3d", "Rules", "once more after"),
    ("at_most: 1h}", "at_most: 2h}", "Rules", "waits while"),
    ("go_to: 3, mode: observe", "go_to: 2, mode: observe", "Rules", "leads to"),
]


@pytest.mark.parametrize(("old", "new", "section", "label"), CHANGES)
def test_a_change_is_found_in_its_section(policy: Policy, old: str, new: str, section: str, label: str) -> None:
    assert old in TEXT
    [found] = differences(policy, parse(TEXT.replace(old, new, 1)))
    assert (found.section, found.labels) == (section, (label,))


def test_a_rule_that_is_new_one_that_is_gone_and_the_order_are_said(policy: Policy) -> None:
    lines = TEXT.splitlines(keepends=True)
    asked, *climbs, old = lines[-5:]
    other = parse("".join([*lines[:-11], *climbs, asked, old.replace("name: old", "name: very old")]))
    text = difference_text(policy, other)
    assert "\n  - waits (gone)\n" in text
    assert "\n  + very old (new)\n" in text
    assert "\n  ~ the order\n        - asked, climbs\n        + climbs, asked\n" in text
