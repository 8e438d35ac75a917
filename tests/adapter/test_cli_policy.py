"""The policy commands: what they print, what they leave behind, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner, Result

from adapter.cli import cli
from adapter.cli.policy.showing import SPECIMEN
from adapter.problems import Problem
from adapter.settings import Guards, Server, Settings, SettingsError, Worker
from adapter.store.sql import SqlStore
from adapter.toolbox import Toolbox
from connectors import discover
from connectors.contract import Refused
from connectors.site import SiteSettings
from policies.case import Facts
from policies.commands import Mode
from policies.document import dump, parse
from policies.explain import explain
from policies.reference import reference
from policies.schema import schema_text

POLICY = """\
version: 1
name: Commanded
owner: lead@example.com
applies_to: {desk: {groups: [Support, Experts]}}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - {level: 2, name: Specialist, targets: {desk: {group: Experts}}}
  - {level: 3, name: Management, take: oversight, targets: {desk: {followers: [mara]}}}
rules:
  - {name: waits, when: {unanswered_for: 30m clock}, go_to: 2}
  - {name: waits long, when: {unanswered_for: 2h clock}, go_to: 3}
tests:
  - name: half an hour, not less
    ticket: {site: desk, created: "2027-03-01 09:00"}
    expect: [{at: "09:29", level: 1}, {at: "09:30", level: 2, rule: waits}]
  - name: an answer stops it
    ticket: {site: desk, created: "2027-03-01 09:00"}
    steps: [{at: "09:10", agent_says: "Hello"}]
    expect: [{at: "2027-03-02 09:00", level: 1}]
"""
SLOWER = POLICY.replace("unanswered_for: 30m clock", "unanswered_for: 45m clock").replace("09:29", "09:44")
SLOWER = SLOWER.replace("09:30", "09:45")
Run = Callable[..., Result]


class Tools(Toolbox):
    """The real tools, for a folder that has a database and one site, with the bench's clock."""

    def __init__(self, folder: Path, clock: Callable[[], datetime], mode: Mode = Mode.ACT) -> None:
        self.folder, self.time, self.mode = folder, clock, mode

    def clock(self) -> datetime:  # type: ignore[override]
        return self.time()

    def read_settings(self, path: Path | None = None) -> Settings:  # type: ignore[override]
        return Settings(
            file=self.folder / "stepladder.toml",
            policy=self.folder / "policy.yaml",
            database=f"sqlite:///{self.folder / 'stepladder.db'}",
            server=Server(),
            worker=Worker(),
            guards=Guards(),
            sites={"acme": SiteSettings(vendor="desk", url="https://acme.example", mode=self.mode)},
        )


@pytest.fixture
def run(tmp_path: Path, clock: Any) -> Run:
    tools = Tools(tmp_path, clock)
    return lambda *words: CliRunner().invoke(cli, ["policy", *map(str, words)], obj=tools)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def slower(tmp_path: Path) -> Path:
    path = tmp_path / "slower.yaml"
    path.write_text(SLOWER)
    return path


def is_a_sentence(result: Result, *words: str) -> bool:
    """Say whether a command ended with words for a person and exit code 2."""
    assert "Traceback" not in result.stderr
    return result.exit_code == 2 and all(word in result.stderr for word in words)


# --- test ---------------------------------------------------------------------------------------------------
def test_each_test_has_a_line_and_the_last_one_counts(run: Run, file: Path) -> None:
    result = run("test", file)
    assert result.exit_code == 0
    assert "  PASSED half an hour, not less\n  PASSED an answer stops it\n" in result.output
    assert result.output.splitlines()[-1].strip("= ") == "2 passed, 0 failed"


def test_a_failure_says_what_was_expected_found_and_why(run: Run, file: Path) -> None:
    file.write_text(POLICY.replace('{at: "09:29", level: 1}', '{at: "09:29", level: 2}'))
    result = run("test", file)
    assert result.exit_code == 1
    assert f"FAILED half an hour, not less  ({file}:13)" in result.output
    assert "E line 15: at 2027-03-01 09:29 expected level 2; found level 1 (stays at level 1" in result.output
    assert result.output.splitlines()[-1].strip("= ") == "1 passed, 1 failed"


def test_tests_can_be_chosen_by_name(run: Run, file: Path) -> None:
    result = run("test", file, "-k", "ANSWER")
    assert result.exit_code == 0
    assert "1 passed, 0 failed" in result.output
    assert "half an hour" not in result.output


def test_a_name_that_no_test_has_is_an_error(run: Run, file: Path) -> None:
    assert is_a_sentence(run("test", file, "-k", "nothing like it"), "No test has 'nothing like it'")


def test_a_file_that_cannot_be_read_does_not_keep_the_others_from_being_tested(run: Run, file: Path) -> None:
    broken = file.with_name("broken.yaml")
    broken.write_text(POLICY.replace("go_to: 2", "go_to: 7"))
    result = run("test", broken, file.with_name("nowhere.yaml"), file)
    assert is_a_sentence(result, "broken.yaml:10:", "there is no level 7", "nowhere.yaml")
    assert "2 passed, 0 failed, 2 of 3 files cannot be read" in result.output


def test_junit_has_every_test_every_failure_and_every_error(run: Run, file: Path) -> None:
    broken = file.with_name("broken.yaml")
    broken.write_text("version: 1\n")
    file.write_text(
        POLICY.replace('{at: "09:29", level: 1}', '{at: "09:29", level: 2}').replace("not less", "<not> & less")
    )
    report = file.with_name("report.xml")
    assert run("test", file, broken, "--junit", report).exit_code == 2
    root = Xml.parse(report).getroot()
    assert {name: root.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    case = root.find("testsuite/testcase")
    assert case is not None
    assert (case.get("classname"), case.get("name")) == ("Commanded", "half an hour, <not> & less")
    assert (case.get("file"), case.get("line")) == (str(file), "13")
    failure, error = case.find("failure"), root.find("testsuite/testcase/error")
    assert failure is not None
    assert "expected level 2; found level 1" in (failure.get("message") or "")
    assert error is not None
    assert "is missing in what begins here" in (error.text or "")


def test_junit_leaves_out_what_xml_cannot_say(run: Run, file: Path) -> None:
    file.write_text(POLICY.replace("name: half an hour, not less", 'name: "a bell: \\a"'))
    report = file.with_name("report.xml")
    run("test", file, "--junit", report)
    assert Xml.parse(report).getroot().tag == "testsuites"


# --- show and schema ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("form", "start"), [("text", "Commanded "), ("markdown", "# Commanded"), ("html", "<!doctype")]
)
def test_a_policy_is_shown_in_three_forms(run: Run, file: Path, form: str, start: str) -> None:
    result = run("show", file, "--format", form)
    assert result.exit_code == 0
    assert result.output.startswith(start)
    assert parse(POLICY).revision in result.output


def test_a_file_that_does_not_load_is_not_shown(run: Run, file: Path) -> None:
    file.write_text(POLICY.replace("go_to: 2", "go_to: 7"))
    assert is_a_sentence(run("show", file), "policy.yaml:10:", "there is no level 7")


def test_the_schema_is_printed_as_it_is_shipped(run: Run) -> None:
    result = run("schema")
    assert result.exit_code == 0
    assert result.output == schema_text()


# --- list and diff ------------------------------------------------------------------------------------------
def activate(store: SqlStore, text: str, clock: Any) -> str:
    policy = parse(text)
    store.activate(policy.revision, policy.name, dump(policy), clock())
    return policy.revision


def test_nothing_is_listed_before_the_first_activation(run: Run) -> None:
    assert "No policy was activated yet" in run("list").output


def test_revisions_are_listed_with_the_open_cases_that_keep_to_them(
    run: Run, build_bench: Callable[..., Any], store: SqlStore, clock: Any
) -> None:
    bench = build_bench(policy=POLICY)
    first = store.active_policy()
    for ticket in ("7", "8", "9"):
        bench.born(ticket)
        bench.looks(ticket)
    clock.advance(minutes=31)
    for ticket in ("7", "8"):
        bench.looks(ticket)
        assert bench.case(ticket).level == 2
    clock.advance(seconds=1)
    bench.hear({"kind": "changed", "by": "agent", "changes": [["status", "new", "solved"]]}, tickets=["8"])
    bench.looks("8")
    second = activate(store, SLOWER, clock)
    lines = [line.split() for line in run("list").output.splitlines()[1:]]
    assert [(line[0], line[1], line[4], line[5:]) for line in lines] == [
        (second, "2027-03-01", "0", ["active", "Commanded"]),
        (first, "2027-03-01", "1", ["Commanded"]),
    ]


def test_two_files_are_compared(run: Run, file: Path, slower: Path) -> None:
    result = run("diff", file, slower)
    assert result.exit_code == 1
    assert "- The requester has been waiting for a public reply for 30 minutes by the clock." in result.output
    assert "+ The requester has been waiting for a public reply for 45 minutes by the clock." in result.output
    assert "waits long" not in result.output


def test_a_policy_does_not_differ_from_itself(run: Run, file: Path) -> None:
    result = run("diff", file, file)
    assert result.exit_code == 0
    assert "They are the same." in result.output


def test_the_active_policy_is_compared_with_a_file_or_a_revision(
    run: Run, slower: Path, store: SqlStore, clock: Any
) -> None:
    first = activate(store, POLICY, clock)
    assert run("diff", "active", slower).exit_code == 1
    assert run("diff", first[:6], "active").exit_code == 0
    assert run("show", "active").output.startswith("Commanded")


def test_a_revision_that_nobody_activated_is_a_sentence(run: Run, file: Path, store: SqlStore, clock: Any) -> None:
    assert is_a_sentence(run("diff", file, "active"), "No policy is active yet")
    known = activate(store, POLICY, clock)
    assert is_a_sentence(run("diff", file, "fffffffffff"), "no activated revision begins", known)
    activate(store, SLOWER, clock)
    assert is_a_sentence(run("show", ""), "several revisions begin")


# --- explain a file -----------------------------------------------------------------------------------------
TICKET: dict[str, Any] = {
    "ticket": {"site": "desk", "created": "2027-03-01 09:00"},
    "steps": [{"at": "09:20", "note": "Hm"}],
}


@pytest.fixture
def ticket(tmp_path: Path) -> Path:
    path = tmp_path / "ticket.json"
    path.write_text(json.dumps(TICKET, indent="\t"))
    return path


def test_an_invented_ticket_is_explained(run: Run, file: Path, ticket: Path) -> None:
    result = run("explain", ticket, "--policy", file, "--at", "09:25")
    assert result.exit_code == 0, result.output
    assert "NEXT    09:30, in 5 min: moves to level 2 Specialist" in result.output
    assert "✗ waits → level 2: not so; by itself 09:30" in result.output
    assert "25 min of 30 min since 09:00; 5 min to go; due 09:30" in result.output
    assert "sum: 25 min counted + 0 min not counted = 25 min" in result.output
    assert "· an agent answers the requester" in result.output
    assert max(len(line) for line in result.output.splitlines()) <= 100


def test_a_story_that_is_still_to_come_is_explained_at_its_end(run: Run, file: Path, ticket: Path, clock: Any) -> None:
    clock.advance(days=-1)
    assert "asked for Mon 1 Mar 2027 09:20" in run("explain", ticket, "--policy", file).output
    clock.advance(days=2)
    assert "asked for Tue 2 Mar 2027 09:00" in run("explain", ticket, "--policy", file).output


def test_without_a_policy_the_active_one_explains_or_the_one_of_the_settings(
    run: Run, file: Path, ticket: Path, store: SqlStore, clock: Any
) -> None:
    assert parse(POLICY).revision in run("explain", ticket, "--at", "09:25").output
    slower = activate(store, SLOWER, clock)
    result = run("explain", ticket, "--at", "09:25")
    assert slower in result.output
    assert "NEXT    09:45" in result.output


def test_a_move_of_this_very_moment_is_told(run: Run, file: Path, ticket: Path) -> None:
    result = run("explain", ticket, "--policy", file, "--at", "09:30")
    assert "NOW     moves to level 2 Specialist" in result.output
    assert "NEXT    11:00, in 1 h 30 min: moves to level 3 Management" in result.output
    assert "cause of 09:30: counts, because it is new" in result.output


def test_very_many_stretches_are_folded_unless_all_are_wanted(run: Run, file: Path, ticket: Path) -> None:
    file.write_text(
        POLICY.replace("unanswered_for: 2h clock", "unanswered_for: 90h").replace(
            "levels:", 'calendars: {office: {timezone: UTC, hours: {mon-fri: "09:00-12:00"}}}\nlevels:', 1
        )
    )
    short = run("explain", ticket, "--policy", file, "--at", "2027-03-20 09:00").output
    full = run("explain", ticket, "--policy", file, "--at", "2027-03-20 09:00", "--full").output
    assert "stretches; --full shows them" in short
    assert "stretches; --full shows them" not in full
    assert full.count("\n") > short.count("\n")
    assert [line for line in short.splitlines() if "sum:" in line] == [
        line for line in full.splitlines() if "sum:" in line
    ]


def test_a_mistake_in_the_file_is_shown_at_its_place(run: Run, file: Path, ticket: Path) -> None:
    ticket.write_text('{"ticket": {"site": "desk",\n "createt": "2027-03-01 09:00"}}')
    result = run("explain", ticket, "--policy", file)
    assert is_a_sentence(result, "ticket.json:2:2: ", "createt", 'did you mean "created"')


def test_a_time_that_is_none_or_too_early_is_a_sentence(run: Run, file: Path, ticket: Path) -> None:
    assert is_a_sentence(run("explain", ticket, "--policy", file, "--at", "noon"), "noon", "is not a time")
    assert is_a_sentence(run("explain", ticket, "--policy", file, "--at", "08:00"), "does not exist yet")


# --- explain what is remembered -----------------------------------------------------------------------------
@pytest.fixture
def bench(build_bench: Callable[..., Any], clock: Any) -> Any:
    bench = build_bench(policy=POLICY)
    clock.advance(seconds=-1)
    bench.born("7", key="#5158", subject="It does not work")
    bench.looks("7")
    clock.advance(minutes=10)
    return bench


def test_a_remembered_ticket_is_explained(run: Run, bench: Any) -> None:
    result = run("explain", "acme/7")
    assert result.exit_code == 0, result.output
    assert result.output.startswith(
        "desk/acme/7 · #5158 · It does not work\nlevel 1 Frontline, since Mon 1 Mar 2027 09:00"
    )
    assert "NEXT    09:30, in 20 min: moves to level 2 Specialist" in result.output


def test_a_ticket_goes_by_its_key_too(run: Run, bench: Any) -> None:
    by_id = run("explain", "acme/7").output
    assert run("explain", "acme/#5158").output == by_id
    assert run("explain", "acme/5158").output == by_id


def test_its_numbers_are_those_that_are_decided_with(run: Run, bench: Any, clock: Any) -> None:
    bench.hear({"kind": "commented", "by": "requester", "says": "Hello?"})
    bench.looks()
    said = run("explain", "acme/7").output
    found = explain(parse(POLICY), bench.case(), Facts(), clock())
    for asked in found.rules:
        for question in asked.questions:
            assert question.proof is not None
            assert f"{int(question.proof.counted.total_seconds()) // 60} min of" in said


def test_an_escalated_ticket_is_explained_by_the_policy_it_keeps_to(
    run: Run, bench: Any, store: SqlStore, clock: Any, slower: Path
) -> None:
    first = store.active_policy()
    clock.advance(minutes=21)
    bench.looks()
    assert bench.case().level == 2
    activate(store, SLOWER, clock)
    result = run("explain", "acme/7")
    assert f"NOTE    it keeps to revision {first} until it is back at level 1" in result.output
    assert "fired before, for the same cause" in result.output
    other = run("explain", "acme/7", "--policy", slower)
    assert f"but keeps to {first}" in " ".join(other.output.split())


@pytest.mark.parametrize("asked_by", ["a fetch", "a write"])
def test_why_a_ticket_is_not_to_be_seen_any_more_is_said_with_the_vendors_reason(
    run: Run, bench: Any, clock: Any, asked_by: str
) -> None:
    refused = Refused("its project takes us no more", gone=True)
    if asked_by == "a fetch":
        bench.vendor.fetches = [refused]
        bench.hear({"kind": "touched"})
    else:
        bench.vendor.script = [refused]
        clock.advance(minutes=21)
    bench.looks()
    clock.advance(minutes=1)
    assert bench.case().story.ended == "gone"
    said = " ".join(run("explain", "acme/7").output.split())
    at = "Mon 1 Mar 2027 09:31" if asked_by == "a write" else "Mon 1 Mar 2027 09:10"
    assert f"the vendor said {at}: its project takes us no more" in said.replace(":00:", ":")


def test_the_past_is_explained_as_it_was_remembered(run: Run, bench: Any, clock: Any) -> None:
    clock.advance(minutes=21)
    bench.looks()
    assert "level 2 Specialist" in run("explain", "acme/7").output.splitlines()[1]
    before = run("explain", "acme/7", "--at", "09:15")
    assert "level 1 Frontline" in before.output.splitlines()[1]
    assert "15 min of 30 min since 09:00" in before.output
    assert "they are not remembered" in before.output
    assert is_a_sentence(run("explain", "acme/7", "--at", "2027-02-01 09:00"), "Nothing was remembered")


def test_the_future_is_explained_as_if_nothing_happened(run: Run, bench: Any) -> None:
    result = run("explain", "acme/7", "--at", "09:40")
    assert "NOW     moves to level 2 Specialist" in result.output


def test_what_is_paused_and_what_waits_to_be_read_is_said(run: Run, bench: Any, store: SqlStore, clock: Any) -> None:
    store.pause("site:desk/acme", "maintenance", clock())
    store.pause("rule:waits", "too loud", clock())
    bench.hear({"kind": "commented", "by": "agent", "says": "Hello"})
    output = run("explain", "acme/7").output
    assert "HELD    writes are paused: maintenance; `stepladder resume acme` ends it" in output
    assert "HELD    the rule waits is paused: too loud" in output
    assert "NOTE    1 deliveries wait to be read" in output


def test_a_ticket_to_which_the_policy_does_not_apply_is_not_said_to_be_unheard_of(
    run: Run, bench: Any, store: SqlStore, clock: Any
) -> None:
    policy = parse(POLICY[: POLICY.index("tests:")].replace("Support", "Billing").replace("Experts", "Fachleute"))
    store.activate(policy.revision, policy.name, dump(policy), clock())
    bench.looks()
    assert is_a_sentence(run("explain", "acme/7"), "The policy does not apply to desk/acme/7, so only its id is kept")
    assert is_a_sentence(run("explain", "acme/#7"), "or the active policy does not apply to it")


def test_a_ticket_or_site_that_is_not_known_is_a_sentence(run: Run, bench: Any) -> None:
    assert is_a_sentence(run("explain", "acme/99"), "remembers no ticket '99' at desk/acme")
    assert is_a_sentence(run("explain", "elsewhere/7"), "sites acme", "'elsewhere/7'")
    assert is_a_sentence(run("explain", "nothing.json"), "expected a file, or SITE/TICKET")


# --- explain everything that counts -------------------------------------------------------------------------
WHOLE = """\
version: 1
name: Whole
applies_to: {desk: {groups: [Support, Experts]}}
calendars: {office: {timezone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
roles: {escalation_manager: {people: [Ada Berg], tell: [ada@acme.example]}}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - level: 2
    name: Specialist
    targets: {desk: {group: Experts}}
    tell: [experts@acme.example]
    taken_within: 30m
    if_not_taken: {remind_every: 10m, at_most: 5, then: stay}
    calendar: always
  - level: 3
    name: Management
    path: hierarchical
    take: oversight
    tell: [{on_call: Duty manager, else: duty@acme.example}]
    out_of_hours: {hold_until: office}
rules:
  - {name: waits, when: {unanswered_for: 30m clock}, go_to: 2}
  - {name: managers, when: {tags: manager}, go_to: 3}
  - {name: complaint, when: {kind: complaint}, tell: [lead@acme.example]}
come_down:
  - {name: calm, from: 2, when: {answered: true}, for: 2h clock, go_to: 1}
guards: {per_ticket: {at_most: 4, per: 1d}}
"""


def explained(run: Run, file: Path, at: str, *steps: dict[str, Any]) -> str:
    """Return the explanation of an invented ticket on one line, its columns closed up."""
    file.write_text(WHOLE)
    story = file.with_name("story.json")
    told = {"ticket": {"site": "desk", "created": "2027-03-01 09:00"}, **({"steps": list(steps)} if steps else {})}
    story.write_text(json.dumps(told))
    result = run("explain", story, "--policy", file, "--at", at)
    assert result.exit_code == 0, result.output
    assert max(len(line) for line in result.output.splitlines()) <= 100
    return " ".join(result.output.split())


def test_messages_to_people_are_foretold_and_very_many_of_them_counted(run: Run, file: Path) -> None:
    said = explained(run, file, "09:40")
    assert "MAIL 10:00, in 20 min: to experts@acme.example: #1: level 2 · Specialist: reminder 1 of 5" in said
    assert "MAIL and 2 more until 10:40" in said
    assert "NEXT no move, unless something happens to the ticket" in said
    assert "TOLD 0 of at most 5 reminders to take it, next 10:00" in said
    assert "GUARD it was moved 1 of at most 4 times in 24 hours" in said
    assert "TIME durations count the calendar always: as level 2 Specialist says" in said


def test_a_way_down_is_told_with_its_proof_and_as_what_comes_next(run: Run, file: Path) -> None:
    said = explained(run, file, "11:00", {"at": "10:30", "agent_says": "Here you are"})
    assert "NEXT 12:30, in 1 h 30 min: comes down to level 1 Frontline" in said
    assert "✓ calm ↓ level 1: so since 10:30; due 12:30" in said
    assert "30 min of 2 h since 10:30; 1 h 30 min to go; due 12:30" in said


def test_a_rule_whose_move_is_held_says_so(run: Run, file: Path) -> None:
    said = explained(run, file, "17:20", {"at": "17:10", "set": {"tags": ["manager"]}})
    assert "✓ managers → level 3: fires, and is held" in said
    assert "HELD a move to level 3 by managers is held: level 3 is out of hours (office), since 17:10, until" in said


def test_a_rule_that_only_tells_says_whom(run: Run, file: Path) -> None:
    assert "✗ complaint → tells lead@acme.example: not so" in explained(run, file, "09:10")


def test_an_order_and_a_level_out_of_hours_are_told_with_their_end(run: Run, file: Path) -> None:
    snooze = {"at": "17:05", "note": "/snooze 2h", "by": "Ada Berg"}
    said = explained(run, file, "17:10", {"at": "09:10", "agent_says": "Hello"}, snooze)
    assert "HELD snoozed by Ada Berg, since 17:05, until 19:05 at the latest" in said
    assert "TIME level 3 Management is out of hours (office): moves to it wait, until Tue 2 Mar 09:00" in said


def test_a_level_that_was_only_observed_is_told_as_such(
    tmp_path: Path, build_bench: Callable[..., Any], clock: Any
) -> None:
    bench, tools = build_bench(policy=POLICY, mode=Mode.OBSERVE), Tools(tmp_path, clock, Mode.OBSERVE)
    clock.advance(seconds=-1)
    bench.born("7")
    bench.looks("7")
    clock.advance(minutes=31)
    bench.looks("7")
    assert bench.case("7").level == 2
    said = CliRunner().invoke(cli, ["policy", "explain", "acme/7"], obj=tools).output
    assert said.splitlines()[1].startswith("level 2 Specialist (observed only: the ticket was not moved), since")


# --- check beside settings ----------------------------------------------------------------------------------
class Beside(Toolbox):
    """The real tools, in a folder with settings for two sites, or with settings that are wrong."""

    def __init__(self, file: Path, *, wrong: bool = False) -> None:
        self.file, self.wrong = file, wrong

    def read_settings(self, path: Path | None = None) -> Settings:  # type: ignore[override]
        if self.wrong:
            raise SettingsError([Problem(source=str(path or self.file), setting="sites", message="none found")])
        vendor = sorted(discover())[0]
        site = SiteSettings(vendor=vendor, url="https://acme.example", fields={"area": "9"})
        return Settings(
            file=self.file, policy=self.file, database="sqlite://", server=Server(), worker=Worker(), guards=Guards(),
            sites={"acme": site, "emea": site},
        )  # fmt: skip


def checked(file: Path, *more: str, text: str, wrong: bool = False) -> Result:
    file.write_text(text)
    tools = Beside(file.with_name("stepladder.toml"), wrong=wrong)
    return CliRunner().invoke(cli, ["policy", "check", str(file), *more], obj=tools)


LADDER = """\
version: 1
name: Laddered
applies_to: {VENDOR: all}
levels:
  - {level: 1, name: Frontline, targets: {VENDOR: {assignee: eva}}}
  - {level: 2, name: Specialist, targets: {VENDOR/acme: {assignee: tom}}, tell: [experts@acme.example]}
rules:
  - {name: waits, when: {unanswered_for: 30m clock, custom: {region: emea}}, go_to: 2}
"""


def test_a_policy_is_checked_against_the_sites_that_are_configured(file: Path) -> None:
    vendor = sorted(discover())[0]
    result = checked(file, text=LADDER.replace("VENDOR", vendor))
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert f"level 2 (Specialist): has no target for the configured site {vendor}/emea" in said
    assert f'rule "waits": asks for the field region, which {vendor}/acme and {vendor}/emea cannot tell' in said
    assert "the policy tells experts@acme.example, but" in said


def test_settings_that_are_wrong_do_not_keep_a_policy_from_being_checked(file: Path) -> None:
    vendor = sorted(discover())[0]
    text = LADDER.replace("VENDOR", vendor)
    assert checked(file, text=text, wrong=True).stderr == "", "there are none"
    file.with_name("stepladder.toml").write_text("wrong")
    result = checked(file, text=text, wrong=True)
    assert result.exit_code == 0
    assert result.stderr.startswith("Policies are not compared with the configured sites: ")
    assert result.stderr.count("stepladder.toml") == 1, "the file is named once"
    assert is_a_sentence(checked(file, "--config", "else.toml", text=text, wrong=True), "else.toml", "none found")


def test_a_target_that_cannot_be_is_shown_at_its_place(file: Path) -> None:
    vendor = sorted(discover())[0]
    result = checked(file, text=LADDER.replace("VENDOR", vendor).replace("{assignee: eva}", "{asignee: eva}"))
    assert result.exit_code == 1
    assert f"policy.yaml:5:{result.output.splitlines()[2].index('asignee') - 8}: level 1, {vendor}: " in result.output
    assert "^^^^^^^" in result.output


# --- reference and pauses -----------------------------------------------------------------------------------
def test_the_reference_is_printed(run: Run) -> None:
    assert run("reference").output == reference(SPECIMEN.read_text("utf-8"))


@pytest.mark.parametrize(
    ("scope", "meant"), [("site:acne", "site:acme"), ("acm", "acme"), ("desk/acne", "acme"), ("al", "all")]
)
def test_a_scope_that_is_not_there_is_answered_with_a_guess(tmp_path: Path, clock: Any, scope: str, meant: str) -> None:
    result = CliRunner().invoke(cli, ["pause", scope], obj=Tools(tmp_path, clock))
    assert result.exit_code == 2
    assert f"did you mean {meant}?" in result.stderr
