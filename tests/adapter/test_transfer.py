"""Escalated tickets move to another revision: shown first, one transaction each, and never a storm."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from adapter.cli import cli
from adapter.records import Committed
from adapter.settings import Guards, Server, Settings, Worker
from adapter.toolbox import Toolbox
from adapter.transfer import Outlook, outlooks, transfer
from connectors.site import SiteSettings
from policies.commands import Mode
from policies.document import dump, parse
from policies.policy import Policy

Bench = Any
OLD = """
version: 1
name: Old
applies_to: {desk: {groups: [Support, Experts]}}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - {level: 2, name: Specialist, targets: {desk: {group: Experts}}}
  - {level: 3, name: Management, take: oversight, targets: {desk: {followers: [mara]}}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}
"""
NEW = OLD.replace("name: Old", "name: New").replace(
    "rules:\n",
    "rules:\n  - {name: waits, when: {at_level_for: 1h clock}, go_to: 3}\n"
    "  - {name: waits long, when: {at_level_for: 90m clock}, go_to: 3}\n",
)
SHORT = "\n".join(line for line in NEW.splitlines() if "level: 3" not in line and "go_to: 3" not in line)
TELLING = OLD.replace("rules:\n", "rules:\n  - {name: very urgent, when: {priority: urgent}, tell: lead@x.example}\n")
HELD = NEW + "guards: {min_time_between: 1d clock}\n"
OUTSIDE = NEW.replace("[Support, Experts]", "[Billing]").replace("group: Experts", "group: Fachleute")


def escalated(bench: Bench, *tickets: str, after: float = 0) -> None:
    for ticket in tickets:
        bench.born(ticket, priority="urgent", key=f"#{ticket}")
        bench.looks(ticket)
    bench.clock.advance(minutes=after)


def seen(bench: Bench, text: str, mode: Mode | None = Mode.ACT) -> list[Outlook]:
    modes = {bench.post.scope: mode} if mode else {}
    return list(outlooks(bench.store, bench.finder, modes, parse(text), bench.clock()))


def activated(bench: Bench, text: str) -> Policy:
    policy = parse(text)
    bench.store.activate(policy.revision, policy.name, dump(policy), bench.clock())
    return policy


@pytest.fixture
def old(build_bench: Any) -> Bench:
    return build_bench(policy=OLD, moves=1000)


# --- what would come of it ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "after", "says"),
    [
        (NEW, 60, "goes up to level 3 · Management at once: "),
        (NEW, 30, "stays at level 2"),
        (TELLING, 5, "tells lead@x.example (rule)"),
        (HELD, 60, "waits: held, it was moved"),
        (OUTSIDE, 5, "is forgotten: the new policy does not apply to it"),
    ],
)
def test_what_a_ticket_would_do_at_once_is_said(old: Bench, text: str, after: float, says: str) -> None:
    escalated(old, "7", after=after)
    (found,) = seen(old, text)
    assert (found.key, found.level, found.problem) == ("#7", 2, "")
    assert found.says.startswith(says)


def test_its_next_look_is_said(old: Bench) -> None:
    escalated(old, "7", after=30)
    (found,) = seen(old, NEW)
    assert found.next_look == old.clock() + timedelta(minutes=30)


def test_where_it_only_observes_it_would_only_observe(old: Bench) -> None:
    escalated(old, "7", after=60)
    (found,) = seen(old, NEW, Mode.OBSERVE)
    assert found.says.startswith("goes up to level 3 · Management at once (only observed): ")


def test_looking_changes_nothing(old: Bench) -> None:
    escalated(old, "7", after=60)
    before = old.case(), old.store.open(old.ref(), old.clock()).revision, old.store.due(old.clock(), 9)
    seen(old, NEW)
    assert (old.case(), old.store.open(old.ref(), old.clock()).revision, old.store.due(old.clock(), 9)) == before


def test_a_level_that_the_new_policy_does_not_have_is_a_problem(old: Bench) -> None:
    old.born("7")
    old.hear({"kind": "commented", "by": "agent", "says": "/escalate 3", "public": False})
    old.looks()
    (found,) = seen(old, SHORT)
    assert found.problem == "the new policy has no level 3; its highest is 2"
    assert transfer(old.store, [found.ref], activated(old, SHORT), old.clock()) == (found.ref,)
    assert old.case().pinned == parse(OLD).revision


def test_a_site_that_is_gone_is_a_problem(old: Bench) -> None:
    escalated(old, "7")
    assert seen(old, NEW, None)[0].problem == "its site is not in the settings any more"


def test_only_open_escalated_tickets_of_another_revision_are_seen(old: Bench) -> None:
    escalated(old, "1", "2")
    old.born("3")
    old.looks("3")
    old.hear({"kind": "changed", "by": "agent", "changes": [["status", "new", "solved"]]}, tickets=["2"])
    old.looks("2")
    assert [found.ref.id for found in seen(old, NEW)] == ["1"]
    assert seen(old, OLD) == []


# --- one transaction each -----------------------------------------------------------------------------------
def test_a_ticket_that_moves_keeps_to_the_new_revision_and_is_due(old: Bench) -> None:
    escalated(old, "7", after=60)
    policy = activated(old, NEW)
    assert transfer(old.store, [old.ref()], policy, old.clock()) == ()
    assert old.case().pinned == policy.revision
    assert old.store.due(old.clock(), 9) == [old.ref()]
    old.looks()
    assert old.case().level == 3


def test_a_worker_that_is_just_looking_loses_its_turn_and_looks_again(old: Bench) -> None:
    escalated(old, "7", after=60)
    policy, commit = activated(old, NEW), old.store.commit
    found: list[Any] = []

    def race(thought: Any) -> Any:
        old.store.commit = commit
        found.append(transfer(old.store, [old.ref()], policy, old.clock()))
        return commit(thought)

    old.store.commit = race
    assert old.look() == old.clock()
    assert found == [()]
    assert old.case().pinned == policy.revision
    old.looks()
    assert old.case().level == 3


def test_who_was_faster_than_the_transfer_makes_it_try_again(old: Bench) -> None:
    escalated(old, "7")
    policy, commit = activated(old, NEW), old.store.commit
    answers: list[Committed] = []

    def race(thought: Any) -> Any:
        if not answers:
            work = old.store.open(old.ref(), old.clock())
            commit(replace(thought, case=work.case))
        answers.append(commit(thought))
        return answers[-1]

    old.store.commit = race
    assert transfer(old.store, [old.ref()], policy, old.clock()) == ()
    assert answers == [Committed.FENCED, Committed.DONE]
    assert old.case().pinned == policy.revision


def test_a_ticket_that_came_down_meanwhile_needs_no_moving(old: Bench) -> None:
    escalated(old, "7")
    old.clock.advance(seconds=5)
    old.hear({"kind": "changed", "by": "agent", "changes": [["group", "Experts", "Support"]]})
    old.looks()
    assert old.case().level == 1
    assert transfer(old.store, [old.ref()], activated(old, NEW), old.clock()) == ()
    assert old.case().pinned is None


def test_fifty_tickets_make_one_move_each_and_not_two(old: Bench) -> None:
    tickets = [str(number) for number in range(1, 51)]
    escalated(old, *tickets, after=600)
    policy = activated(old, NEW)
    assert len(seen(old, NEW)) == 50
    assert transfer(old.store, [old.ref(ticket) for ticket in tickets], policy, old.clock()) == ()
    old.vendor.done.clear()
    for _ in range(3):
        for ticket in tickets:
            old.looks(ticket)
    moves = [call.parts["level"] for call in old.vendor.done if "level" in call.parts]
    assert moves == [3] * 50
    old.clock.advance(hours=5)
    for ticket in tickets:
        old.looks(ticket)
    assert len([call for call in old.vendor.done if "level" in call.parts]) == 50


# --- the command --------------------------------------------------------------------------------------------
class Tools(Toolbox):
    """The real tools, for a folder that has a database and one site, with the bench's clock."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        self.folder, self.bench = folder, bench

    def clock(self) -> Any:  # type: ignore[override]
        return self.bench.clock()

    def vendors(self) -> Any:  # type: ignore[override]
        return {"desk": self.bench.post.connector}

    def read_settings(self, path: Path | None = None) -> Settings:  # type: ignore[override]
        return Settings(
            file=self.folder / "stepladder.toml",
            policy=self.folder / "policy.yaml",
            database="",
            server=Server(),
            worker=Worker(),
            guards=Guards(),
            sites={"acme": SiteSettings(vendor="desk", url="https://acme.example", mode=Mode.ACT)},
        )

    def open_store(self, settings: Settings) -> Any:
        return self.bench.store


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, old: Bench) -> Run:
    (tmp_path / "new.yaml").write_text(NEW)

    def invoke(*words: str, text: str = NEW, says: str = "") -> Result:
        (tmp_path / "new.yaml").write_text(text)
        command = ["policy", "activate", str(tmp_path / "new.yaml"), *words]
        return CliRunner().invoke(cli, command, obj=Tools(tmp_path, old), input=says)

    return invoke


def test_without_being_asked_no_ticket_moves(run: Run, old: Bench) -> None:
    escalated(old, "7", after=60)
    assert "Active now: New" in run().output
    assert old.case().pinned == parse(OLD).revision


def test_where_nobody_can_be_asked_it_only_shows(run: Run, old: Bench) -> None:
    escalated(old, "7", after=60)
    result = run("--move-open")
    assert result.exit_code == 2
    assert "#7 (desk/acme), level 2: goes up to level 3 · Management at once: " in result.output
    assert "Nobody can be asked here: answer with y or n, or say --yes." in result.stderr
    assert "Nothing was changed." in result.stderr
    assert old.store.active_policy() == old.case().pinned == parse(OLD).revision


@pytest.mark.parametrize(("answer", "code", "name"), [("y", 0, "New"), ("n", 2, "Old")])
def test_an_answer_through_a_pipe_is_heard(run: Run, old: Bench, answer: str, code: int, name: str) -> None:
    escalated(old, "7", after=60)
    result = run("--move-open", says=f"{answer}\n")
    assert result.exit_code == code
    assert ("Nothing was changed." in result.stderr) is (answer == "n")
    assert next(stored.name for stored in old.store.policies() if stored.active) == name


def test_a_ticket_that_is_forgotten_is_not_counted_as_moved(run: Run, old: Bench) -> None:
    escalated(old, "7", after=5)
    old.born("8", priority="urgent", key="#8", group="Billing")
    old.hear({"kind": "changed", "by": "agent", "changes": [["group", "Support", "Billing"]]}, tickets=["8"])
    old.looks("8")
    narrow = OUTSIDE.replace("[Billing]", "[Fachleute]")
    result = run("--move-open", says="y\n", text=narrow)
    assert "Activate it, move 0 escalated tickets to it, and forget 1?" in result.output
    assert "0 escalated tickets moved to it, 1 forgotten, because it does not apply to them" in result.output


def test_with_yes_it_is_done(run: Run, old: Bench) -> None:
    escalated(old, "7", "8", after=30)
    result = run("--move-open", "--yes")
    assert "next look Mon 1 Mar 2027 10:00" in result.output
    assert "2 escalated tickets moved to it; each is looked at next." in result.output
    assert {old.store.active_policy(), old.case("7").pinned, old.case("8").pinned} == {parse(NEW).revision}


def test_a_ticket_that_has_to_stay_is_shown_and_stays(run: Run, old: Bench) -> None:
    old.born("7", key="#7")
    old.hear({"kind": "commented", "by": "agent", "says": "/escalate 3", "public": False})
    old.looks()
    result = run("--move-open", text=SHORT)
    assert "#7 (desk/acme), level 3: PROBLEM: the new policy has no level 3" in result.output
    assert "Active now: New" in result.output, "there is nothing to ask about"
    assert old.case().pinned == parse(OLD).revision


def test_if_no_ticket_keeps_to_another_revision_that_is_said(run: Run, old: Bench) -> None:
    result = run("--move-open")
    assert "No escalated ticket keeps to another revision." in result.output
    assert "Active now: New" in result.output


def test_a_policy_that_is_not_right_shows_and_moves_nothing(run: Run, old: Bench) -> None:
    escalated(old, "7", after=60)
    failing = (
        NEW
        + 'tests: [{name: no, ticket: {site: desk, created: "2027-03-01 09:00"}, expect: [{at: "09:30", level: 3}]}]\n'
    )
    result = run("--move-open", "--yes", text=failing)
    assert result.exit_code == 2
    assert "#7" not in result.output
    assert old.case().pinned == parse(OLD).revision


def test_whom_a_policy_tells_in_vain_is_a_warning(run: Run, old: Bench) -> None:
    assert "warning: the policy tells lead@x.example, but there is no [mail]" in run(text=TELLING).output


# --- at a terminal ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("answer", "name"), [("y", "New"), ("n", "Old")])
def test_at_a_terminal_it_asks_first(old: Bench, any_database: str, tmp_path: Path, answer: str, name: str) -> None:
    escalated(old, "7", after=60)
    root = Path(__file__).parents[2]
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); database = sys.argv.pop(1)\n"
        "from pathlib import Path\n"
        "import adapter.toolbox as a\n"
        "from adapter.settings import Guards, Server, Settings, Worker\n"
        "from connectors.contract import SiteSettings\n"
        "class Tools(a.Toolbox):\n"
        "    def vendors(self): return {'desk': type('Desk', (), {'check_target': staticmethod(lambda t: ())})}\n"
        "    def read_settings(self, path):\n"
        "        site = SiteSettings(vendor='desk', url='https://acme.example', mode='act')\n"
        "        return Settings(file=path, policy=path, database=database, server=Server(),\n"
        "                        worker=Worker(), guards=Guards(), sites={'acme': site})\n"
        "a.cli(obj=Tools())\n"
    )
    (tmp_path / "new.yaml").write_text(NEW)
    ours, theirs = pty.openpty()
    words = [
        "policy",
        "activate",
        str(tmp_path / "new.yaml"),
        "--move-open",
        "--config",
        str(tmp_path / "stepladder.db"),
    ]
    command = [sys.executable, "-c", program, str(root), any_database, *words]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        os.write(ours, f"{answer}\n".encode())
        output, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert "Activate it, move 1 escalated ticket to it? [y/N]" in output
    assert next(stored.name for stored in old.store.policies() if stored.active) == name
    assert (old.case().pinned == parse(NEW).revision) is (answer == "y")
