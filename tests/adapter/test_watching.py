"""A ticket that cannot be looked at costs little and is not forgotten; requests are counted where they were made."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from adapter.brakes import Resting
from adapter.cli import cli
from adapter.reconcile import TRIES
from adapter.sites import Post
from adapter.store import tables as t
from adapter.toolbox import Toolbox
from connectors.contract import Refused, Stale, TryLater
from policies.commands import Mode

SCOPE, DAY = "desk/acme", date(2027, 3, 1)


def broken(bench: Any) -> None:
    """From now on a fetch runs into a fault of ours."""
    bench.vendor.fetches = [ZeroDivisionError("a bug of ours")] * 99


def failing(bench: Any) -> list[float]:
    """Look whenever it is due, until it is not due any more; return the pauses in between."""
    pauses = []
    while bench.store.due(bench.clock(), 1):
        bench.look()
        following = bench.store.next_due(bench.clock())
        if following is not None:
            pauses.append((following - bench.clock()).total_seconds())
            bench.clock.now = following
    return pauses


# --- faults of ours ---------------------------------------------------------------------------------------------
def test_a_ticket_whose_looks_fail_is_tried_more_and_more_rarely_and_then_left_to_a_person(bench: Any) -> None:
    broken(bench)
    bench.hear({"kind": "touched"})
    assert failing(bench) == [30, 60, 120, 240, 480]
    assert len(bench.said("ticket.failed")) == TRIES
    (alarm,) = bench.said("ticket.alarm")
    assert (alarm["ticket"], alarm["tries"]) == (str(bench.ref()), TRIES)
    assert bench.store.stuck() == [(bench.ref(), "ZeroDivisionError: a bug of ours")]


def test_others_are_looked_at_meanwhile(bench: Any) -> None:
    broken(bench)
    bench.hear({"kind": "touched"})
    failing(bench)
    bench.vendor.fetches = []
    bench.born("8", priority="urgent")
    bench.looks("8")
    assert bench.case("8").level == 2


def test_news_of_it_is_tried_once_and_costs_no_more(bench: Any) -> None:
    broken(bench)
    bench.hear({"kind": "touched"})
    failing(bench)
    bench.hear({"kind": "touched"})
    assert failing(bench) == []
    assert len(bench.said("ticket.failed")) == TRIES + 1


def test_replayed_after_the_fault_is_mended_it_goes_on_as_if_nothing_had_been(bench: Any) -> None:
    bench.born(priority="urgent")
    bench.vendor.script = [ZeroDivisionError("a bug of ours")] * TRIES
    failing(bench)
    assert [ref for ref, _ in bench.store.stuck()] == [bench.ref()]
    bench.clock.advance(minutes=2)
    assert bench.store.replay(None, bench.clock()) == 1
    bench.looks()
    assert (bench.case().level, bench.calls()["set 1"]) == (2, "written")
    assert bench.store.stuck() == []


def test_a_look_that_succeeds_begins_the_count_anew(bench: Any) -> None:
    bench.vendor.fetches = [ZeroDivisionError("a bug of ours")] * (TRIES - 1)
    bench.vendor.tickets["7"] = {"group": "Support", "status": "new"}
    bench.hear({"kind": "touched"})
    failing(bench)
    assert bench.store.open(bench.ref(), bench.clock()).failures == 0
    assert bench.store.stuck() == []


def test_dead_letters_are_read_again(bench: Any) -> None:
    bench.born()
    bench.looks()
    bench.hear({"kind": "changed", "changes": [["priority", None, "urgent"]]}, wrong="bug")
    bench.looks()
    assert bench.store.stuck() == [(bench.ref(), "ZeroDivisionError: a bug of ours")]
    with bench.store.database.write() as connection:  # the parser is mended: it does not stumble over this any more
        body = connection.execute(select(t.deliveries.c.body).order_by(t.deliveries.c.row.desc()).limit(1)).scalar_one()
        mended = body.replace(b'"wrong": "bug"', b'"right": "now"')
        connection.execute(t.deliveries.update().where(t.deliveries.c.body == body).values(body=mended))
    assert bench.store.replay(bench.ref(), bench.clock()) == 1
    bench.looks()
    assert bench.case().level == 2
    assert bench.store.stuck() == []


def test_what_is_not_stuck_is_not_replayed(bench: Any) -> None:
    bench.born()
    bench.looks()
    assert bench.store.replay(bench.ref(), bench.clock()) == 0
    assert not bench.store.due(bench.clock(), 1)


# --- requests ---------------------------------------------------------------------------------------------------
def looks_of(bench: Any) -> list[int]:
    with bench.store.database.read() as connection:
        return list(connection.execute(select(t.looks.c.calls).order_by(t.looks.c.row)).scalars())


def test_a_delivery_that_tells_all_costs_no_request(bench: Any) -> None:
    bench.born()
    bench.looks()
    assert looks_of(bench) == [0]
    assert bench.store.day(SCOPE, DAY).calls == 0


def test_requests_are_counted_with_the_look_that_made_them(bench: Any) -> None:
    bench.vendor.tickets["7"] = {"group": "Support", "status": "new", "priority": "urgent", "exposed": None}
    bench.hear({"kind": "touched"})
    bench.looks()
    assert bench.vendor.log == ["fetch 7", "fetch 7"]  # its messages only once it is known that the policy names it
    assert looks_of(bench) == [2]
    bench.hear({"kind": "changed", "changes": [["priority", "urgent", None]]})
    bench.hear({"kind": "changed", "changes": [["priority", None, "urgent"]]})
    bench.looks()
    assert bench.vendor.log[2:] == ["fetch 7", "set 1", "say 2"]  # who reads the note is asked before it is written
    assert looks_of(bench)[:2] == [2, 3]
    assert bench.store.calls_of(bench.ref())[1] == 5
    counted = bench.store.day(SCOPE, DAY)
    assert (counted.deliveries, counted.calls) == (3, 5)


def test_requests_of_a_look_that_failed_are_counted_too(bench: Any) -> None:
    bench.vendor.fetches = [TryLater("down")]
    bench.hear({"kind": "touched"})
    bench.look()
    assert looks_of(bench) == []
    assert bench.store.day(SCOPE, DAY).calls == 1


def test_the_log_says_what_a_decision_and_a_write_cost(bench: Any) -> None:
    bench.vendor.tickets["7"] = {"group": "Support", "status": "new", "exposed": None}
    bench.hear({"kind": "touched"})
    bench.looks()
    assert bench.said("ticket.decided")[-1]["calls"] == 2
    bench.born("8", priority="urgent")
    bench.looks("8")
    assert bench.said("ticket.decided")[-1]["calls"] == 0
    assert [fields["calls"] for fields in bench.said("writeback.written")] == [1, 1]


def test_yesterdays_deliveries_are_yesterdays(bench: Any) -> None:
    for _ in range(3):
        bench.hear({"kind": "touched"})
    bench.clock.advance(days=1)
    bench.hear({"kind": "touched"})
    assert bench.store.day(SCOPE, DAY).deliveries == 3
    assert bench.store.day(SCOPE, date(2027, 3, 2)).deliveries == 1
    assert bench.store.day("desk/other", DAY).deliveries == 0


# --- refusals ---------------------------------------------------------------------------------------------------
def test_somebody_who_changed_the_ticket_meanwhile_is_heard_before_anything_is_sent(bench: Any) -> None:
    bench.born(priority="urgent")

    def meanwhile() -> None:
        bench.vendor.tickets["7"] |= {"status": "closed"}
        raise Stale("somebody changed the ticket just now")

    bench.vendor.script = [meanwhile]
    bench.look()
    bench.clock.advance(seconds=2)
    bench.looks()
    assert bench.vendor.log == ["set 1", "fetch 7"]
    assert set(bench.calls().values()) == {"withdrawn"}


def test_if_it_is_still_wanted_it_is_sent_after_reading_the_ticket_again(bench: Any) -> None:
    bench.born(priority="urgent")
    bench.vendor.script = [Stale("somebody changed the ticket just now")]
    bench.look()
    assert bench.post.brake.wait_until(bench.clock()) is None
    bench.clock.advance(seconds=2)
    bench.looks()
    assert bench.vendor.log == ["set 1", "fetch 7", "set 1", "say 2"]
    assert bench.case().level == 2


def test_a_ticket_that_takes_no_more_writes_has_ended_and_its_call_says_why(bench: Any) -> None:
    bench.born(priority="urgent")
    bench.vendor.script = [Refused("the ticket is closed", gone=True)]
    bench.looks()
    assert bench.vendor.log == ["set 1"]
    assert set(bench.calls().values()) == {"refused"}
    assert bench.case().story.ended == "gone"
    assert bench.case().pending == ()
    with bench.store.database.read() as connection:
        assert set(connection.execute(select(t.calls.c.outcome)).scalars()) == {"the ticket is closed"}
    bench.clock.advance(hours=3)
    assert bench.store.next_due(bench.clock()) is None
    assert not bench.store.due(bench.clock(), 1)


def test_what_is_heard_of_it_later_proves_that_it_is_not_gone(bench: Any) -> None:
    bench.born(priority="urgent")
    bench.vendor.script = [Refused("not visible", gone=True)]
    bench.looks()
    bench.clock.advance(minutes=1)
    bench.hear({"kind": "changed", "changes": [["priority", "urgent", "low"]]})
    bench.hear({"kind": "changed", "changes": [["priority", "low", "urgent"]]})
    bench.looks()
    assert bench.case().story.ended is None


def merged(bench: Any, **target: Any) -> None:
    """An escalated ticket is poured into another, of which nobody told us yet."""
    bench.born(priority="urgent")
    bench.looks()
    told = {"group": "Support", "status": "open", "priority": None, "assignee": None, "exposed": None}
    bench.vendor.tickets["8"] = {**told, "created_at": bench.clock().isoformat(), **target}
    bench.clock.advance(minutes=1)
    bench.hear({"kind": "merged", "into": "8"})
    bench.looks()


def test_the_ticket_that_another_was_merged_into_is_looked_at_and_inherits_no_level(bench: Any) -> None:
    merged(bench)
    assert bench.case().story.ended == "merged"
    assert bench.store.due(bench.clock(), 9) == [bench.ref("8")]
    bench.looks("8")
    fetched = bench.vendor.log.count("fetch 8")
    assert fetched == 2  # its messages only once it is known that the policy names it
    bench.looks("8")
    assert bench.vendor.log.count("fetch 8") == fetched
    assert bench.case("8").level == 1


def test_a_level_that_the_other_ticket_shows_by_itself_is_its_level(bench: Any) -> None:
    merged(bench, group="Experts")
    bench.looks("8")
    assert bench.case("8").level == 2


def test_the_other_ticket_is_not_forgotten_if_it_cannot_be_fetched_now(bench: Any) -> None:
    merged(bench)
    bench.vendor.fetches = [TryLater("down")]
    bench.looks("8")
    bench.clock.advance(minutes=2)
    bench.looks("8")
    assert bench.vendor.log.count("fetch 8") == 3
    assert bench.case("8").level == 1


# --- the commands -----------------------------------------------------------------------------------------------
@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs a command in a folder with one configured site and an empty database."""
    text = '[sites.acme]\nvendor = "zendesk"\nurl = "https://acme.zendesk.com"\naccount = "9000"\n'
    (tmp_path / "stepladder.toml").write_text(text)
    config = str(tmp_path / "stepladder.toml")

    def invoke(*words: str) -> Any:
        secrets = {"STEPLADDER_ACME_OAUTH_TOKEN": "t", "STEPLADDER_ACME_WEBHOOK_SECRETS": "s"}
        return CliRunner(env=secrets).invoke(cli, [*words, "--config", config], obj=Toolbox())

    return invoke


def test_missed_before_the_first_start_says_so_and_makes_no_database(run: Any, tmp_path: Path) -> None:
    said = run("missed")
    assert said.exit_code == 0
    assert said.output.startswith("zendesk/acme: Stepladder was never started")
    assert not list(tmp_path.glob("*.db"))


def test_missed_tells_each_sites_numbers_and_what_cannot_be_seen(run: Any) -> None:
    run("pause", "acme", "--reason", "maintenance")
    said = run("missed")
    assert "Every write at this site is paused: maintenance; `stepladder resume acme` ends it" in said.output
    assert said.exit_code == 0, said.output
    first, *_ = said.output.splitlines()
    assert first.startswith("zendesk/acme: not asked yet what was missed")
    assert "  no deliveries today, 0 calls" in said.output
    assert "  not seen: " in said.output


def test_missed_at_a_site_that_is_not_there_says_which_are(run: Any) -> None:
    said = run("missed", "acne")
    assert said.exit_code == 2
    assert "did you mean acme" in said.output


def test_replay_lists_and_says_where_there_is_nothing(run: Any) -> None:
    assert run("replay").output.startswith("0 tickets")
    assert run("replay", "all").output == "Due again: 0 tickets.\n"
    said = run("replay", "acme/7")
    assert (said.exit_code, "nothing to replay" in said.output) == (2, True)


# --- how far a site may go --------------------------------------------------------------------------------------
def test_while_it_is_not_known_whether_a_site_may_act_its_tickets_rest_and_the_site_stays_open(bench: Any) -> None:
    answers: list[Any] = [Resting(3.0), Mode.ACT]

    def mode(_: Post) -> Mode:
        if isinstance(answers[0], Resting):
            raise answers[0]
        known: Mode = answers[0]
        return known

    bench.reconciler._mode = bench.messenger._mode = mode
    bench.born(priority="urgent")
    assert bench.look() == bench.clock() + timedelta(seconds=3)
    assert bench.vendor.log == []
    assert not bench.post.brake.closed
    answers.pop(0)
    bench.clock.advance(seconds=4)
    bench.looks()
    assert bench.case().level == 2


def test_a_site_that_may_only_observe_writes_nothing_though_it_is_configured_to_act(bench: Any) -> None:
    bench.reconciler._mode = lambda post: Mode.OBSERVE
    bench.born(priority="urgent")
    bench.looks()
    assert bench.vendor.log == []
    assert bench.said("ticket.decided")[-1]["observed"]
