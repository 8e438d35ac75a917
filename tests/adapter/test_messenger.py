"""Messages to people: stored with the decision, sent after it over a real mail server, at least once, and never while
they are paused.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from adapter.examination import Examined, keep
from adapter.on_call import NotKnown, StillAsked
from adapter.records import Commit
from adapter.store import tables as t
from connectors.contract import TryLater
from policies.case import Case
from policies.commands import Line, Mode, Note, Notice, Occasion, Recipient, Span
from policies.document import dump, parse
from policies.model import TicketRef

Bench = Any
POLICY = """
version: 1
name: Telling
applies_to: {desk: {groups: [Support, Experts]}}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - {level: 2, name: Specialist, targets: {desk: {group: Experts}}, tell: [ada@x.example, ben@x.example]}
  - {level: 3, name: Management, targets: {desk: {group: Managers}}, tell: {on_call: Duty, else: duty@x.example}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
  - {name: asked, when: {requested_by_staff: true}, go_to: requested_level}
  - {name: high, when: {priority: high}, tell: lead@x.example}
"""


class Duty:
    """Says who is on call as a test wants it."""

    def __init__(self) -> None:
        self.found: list[str | Exception | None] = ["mara@x.example"]

    def on_call(self, now: datetime) -> str | None:
        found = self.found[0] if len(self.found) == 1 else self.found.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def duty() -> Duty:
    return Duty()


@pytest.fixture
def telling(build_bench: Any, postbox: Any, duty: Duty) -> Bench:
    return build_bench(policy=POLICY, postbox=postbox, schedules={"Duty": duty})


def escalated(bench: Bench, ticket: str = "7") -> None:
    bench.born(ticket, priority="urgent")
    bench.looks(ticket)


def to_duty(bench: Bench) -> None:
    bench.born()
    bench.hear({"kind": "commented", "by": "agent", "says": "/escalate 3", "public": False})
    bench.looks()


def states(bench: Bench) -> list[str]:
    return [row.state for row in bench.notices()]


# --- stored with the decision, sent after it ----------------------------------------------------------------
def test_a_message_is_stored_with_the_decision_and_sent_after_it(telling: Bench, mail_server: Any) -> None:
    escalated(telling)
    assert (states(telling), mail_server.letters, telling.rung) == (["planned"], [], [1])
    assert telling.deliver() is None
    ((to, letter),) = mail_server.letters
    assert to == ["ada@x.example", "ben@x.example"]
    assert "level 2 · Specialist" in letter["Subject"]
    assert "Expected resolution: " in letter.get_content()
    assert states(telling) == ["written"]
    assert telling.said("notice.sent")[0]["to"] == ["ada@x.example", "ben@x.example"]


def test_a_rule_may_only_tell(telling: Bench, mail_server: Any) -> None:
    telling.born(priority="high")
    telling.looks()
    telling.deliver()
    assert telling.case().level == 1
    assert mail_server.to == [["lead@x.example"]]


def test_another_look_at_the_same_ticket_tells_nobody_again(telling: Bench, mail_server: Any) -> None:
    escalated(telling)
    for _ in range(3):
        telling.looks()
        telling.deliver()
    assert len(mail_server.letters) == 1


def test_who_lost_its_turn_tells_nobody(telling: Bench, mail_server: Any) -> None:
    telling.born(priority="urgent")
    work = telling.store.open(telling.ref(), telling.clock())
    commit = telling.store.commit

    def race(thought: Any) -> Any:
        telling.store.commit = commit
        with telling.store.database.write() as connection:
            connection.exec_driver_sql("UPDATE tickets SET revision = revision + 1")
        return commit(thought)

    telling.store.commit = race
    telling.look()
    assert telling.store.open(telling.ref(), telling.clock()).revision == work.revision + 1
    assert telling.notices() == []
    telling.looks()
    telling.deliver()
    assert len(mail_server.letters) == 1


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.NOTE])
def test_only_who_acts_tells_people(build_bench: Any, postbox: Any, mail_server: Any, mode: Mode) -> None:
    bench = build_bench(mode=mode, policy=POLICY, postbox=postbox)
    escalated(bench)
    bench.born("8", priority="high")
    bench.looks("8")
    bench.deliver()
    assert (bench.notices(), mail_server.letters) == ([], [])


def test_what_waits_when_a_site_stops_acting_is_never_sent(
    telling: Bench, build_bench: Any, postbox: Any, mail_server: Any
) -> None:
    escalated(telling)
    careful = build_bench(mode=Mode.OBSERVE, policy=POLICY, postbox=postbox)
    assert careful.deliver() is None
    assert (states(telling), mail_server.letters) == (["withdrawn"], [])


def test_what_waits_for_a_site_that_is_gone_is_never_sent(
    telling: Bench, build_bench: Any, postbox: Any, mail_server: Any
) -> None:
    escalated(telling)
    build_bench(name="other", policy=POLICY, postbox=postbox).deliver()
    assert (states(telling), mail_server.letters) == (["withdrawn"], [])


def test_without_a_mail_server_it_is_refused_with_a_sentence(build_bench: Any) -> None:
    bench = build_bench(policy=POLICY)
    escalated(bench)
    assert bench.deliver() is None
    assert states(bench) == ["refused"]
    assert "there is no [mail] in stepladder.toml" in str(bench.said("notice.refused")[0]["reason"])


# --- paused -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scope", ["all", "site:desk/acme", "rule:urgent"])
def test_while_it_is_paused_nothing_is_sent(telling: Bench, mail_server: Any, scope: str) -> None:
    escalated(telling)
    telling.store.pause(scope, "stop!", telling.clock())
    telling.clock.advance(hours=9)
    assert telling.deliver() is None
    assert (states(telling), mail_server.letters) == (["planned"], [])
    telling.store.resume(scope, telling.clock())
    telling.deliver()
    assert (states(telling), len(mail_server.letters)) == (["written"], 1)


@pytest.mark.parametrize("scope", ["site:desk/other", "rule:another"])
def test_a_pause_of_something_else_stops_nothing(telling: Bench, mail_server: Any, scope: str) -> None:
    escalated(telling)
    telling.store.pause(scope, "stop!", telling.clock())
    telling.deliver()
    assert len(mail_server.letters) == 1


def test_what_is_paused_does_not_hold_up_the_rest(telling: Bench, mail_server: Any) -> None:
    escalated(telling)
    telling.store.pause("rule:urgent", "stop!", telling.clock())
    telling.born("8", priority="high")
    telling.looks("8")
    telling.deliver()
    assert mail_server.to == [["lead@x.example"]]


def test_a_person_who_acts_makes_a_waiting_message_pointless(telling: Bench, mail_server: Any) -> None:
    telling.vendor.script = [TryLater("busy", after=100)]
    escalated(telling)
    telling.clock.advance(seconds=10)
    telling.hear({"kind": "changed", "by": "agent", "changes": [["group", "Support", "Experts"]]})
    telling.looks()
    telling.deliver()
    assert (states(telling), mail_server.letters) == (["withdrawn"], [])


def test_nobody_is_told_of_a_ticket_that_the_policy_does_not_name_any_more(telling: Bench, mail_server: Any) -> None:
    telling.born(priority="high")
    telling.looks()
    telling.clock.advance(seconds=10)
    telling.hear({"kind": "changed", "by": "agent", "changes": [["group", "Support", "Facilities"]]})
    telling.looks()
    telling.deliver()
    assert telling.case().outside
    assert (states(telling), mail_server.letters) == (["withdrawn"], [])


def test_what_a_rule_told_stays_true_when_a_person_acts(telling: Bench, mail_server: Any) -> None:
    telling.born(priority="high")
    telling.looks()
    telling.clock.advance(seconds=10)
    telling.hear({"kind": "changed", "by": "agent", "changes": [["group", "Support", "Experts"]]})
    telling.looks()
    telling.deliver()
    assert len(mail_server.letters) == 1


# --- patience -----------------------------------------------------------------------------------------------
def test_whom_the_server_does_not_know_is_refused_and_the_others_are_told(telling: Bench, mail_server: Any) -> None:
    mail_server.answers["ben@x.example"] = ["550 no such user"]
    escalated(telling)
    telling.deliver()
    assert mail_server.to == [["ada@x.example"]]
    assert states(telling) == ["written"]
    (refused,) = telling.said("notice.refused")
    assert (refused["to"], refused["reason"]) == ("ben@x.example", "550 no such user")


def test_if_nobody_is_known_it_is_refused(telling: Bench, mail_server: Any) -> None:
    mail_server.answers |= {"ada@x.example": ["550 no"], "ben@x.example": ["550 no"]}
    escalated(telling)
    assert telling.deliver() is None
    assert states(telling) == ["refused"]


def test_who_cannot_be_told_now_is_told_later_and_the_others_once(telling: Bench, mail_server: Any) -> None:
    mail_server.answers["ben@x.example"] = ["450 greylisted", "450 greylisted", "250 OK"]
    escalated(telling)
    waits = []
    while (again := telling.deliver()) is not None:
        waits.append(again - telling.clock())
        telling.clock.now = again
    assert waits == [timedelta(minutes=1), timedelta(minutes=2)]
    assert mail_server.to == [["ada@x.example"], ["ben@x.example"]]
    assert len(set(mail_server.ids)) == 1


def test_after_many_attempts_it_is_refused_with_the_last_reason(telling: Bench, mail_server: Any) -> None:
    mail_server.answers |= {"ada@x.example": ["450 full"], "ben@x.example": ["450 full"]}
    escalated(telling)
    began = telling.clock()
    while (again := telling.deliver()) is not None:
        telling.clock.now = again
    assert states(telling) == ["refused"]
    assert timedelta(days=1) < telling.clock() - began < timedelta(days=3)
    assert telling.said("notice.refused")[0]["reason"] == "450 full"


def test_one_that_waits_does_not_hold_up_the_next(telling: Bench, mail_server: Any) -> None:
    mail_server.answers["ada@x.example"] = ["450 later"]
    escalated(telling)
    telling.deliver()
    telling.born("8", priority="high")
    telling.looks("8")
    telling.deliver()
    assert mail_server.to == [["ben@x.example"], ["lead@x.example"]]


def test_a_server_that_is_down_is_asked_by_one_message_only_and_all_arrive_in_the_end(
    telling: Bench, mail_server: Any, postbox: Any
) -> None:
    real = postbox._settings
    postbox._settings = real.model_copy(update={"port": 1})
    for ticket in "123":
        escalated(telling, ticket)
    began = telling.clock()
    while telling.clock() < began + timedelta(hours=5):
        telling.clock.now = telling.deliver()
    attempts = [row.attempts for row in telling.notices()]
    assert states(telling) == ["planned"] * 3
    assert sum(attempts) <= 5 * 60 + 20, "one attempt a minute, whoever waits"
    postbox._settings = real
    while (again := telling.deliver()) is not None:
        telling.clock.now = again
    assert len(mail_server.letters) == 3


def test_a_server_that_takes_a_letter_and_does_not_say_so_gets_it_three_times_and_each_time_later(
    telling: Bench, mail_server: Any, postbox: Any, until: Any
) -> None:
    postbox._settings = postbox._settings.model_copy(update={"answer": 0.1})
    mail_server.before = lambda: threading.Event().wait(0.4)
    escalated(telling)
    waits = []
    while (again := telling.deliver()) is not None:
        waits.append(again - telling.clock())
        telling.clock.now = again
    assert waits == [timedelta(minutes=1), timedelta(minutes=2)]
    (row,) = telling.notices()
    assert (row.state, row.attempts, row.unanswered) == ("written", 3, 3)
    assert row.outcome.startswith("perhaps taken: the mail server has the letter")
    assert telling.said("notice.unsure")[0]["to"] == ["ada@x.example", "ben@x.example"]
    assert telling.said("notice.sent") == []
    until(lambda: len(mail_server.letters) == 3)
    assert len(set(mail_server.ids)) == 1


def test_a_letter_that_perhaps_was_taken_holds_up_no_other(telling: Bench, mail_server: Any, postbox: Any) -> None:
    postbox._settings = postbox._settings.model_copy(update={"answer": 0.1})
    pauses = [0.4, 0.0]
    mail_server.before = lambda: threading.Event().wait(pauses.pop(0))
    escalated(telling)
    telling.born("8", priority="high")
    telling.looks("8")
    assert telling.deliver() == telling.clock() + timedelta(minutes=1)
    assert telling.said("notice.sent")[0]["to"] == ["lead@x.example"]


def test_an_address_that_cannot_be_one_costs_the_others_nothing(build_bench: Any, postbox: Any, duty: Duty) -> None:
    ladder = POLICY.replace("tell: {on_call", "tell: [zoe@x.example, {on_call").replace("duty@x.example}}", "d@x.de}]}")
    bench = build_bench(policy=ladder, postbox=postbox, schedules={"Duty": duty})
    duty.found = ["..mara@x.example"]
    to_duty(bench)
    bench.deliver()
    assert bench.said("notice.sent")[0]["to"] == ["zoe@x.example"]
    assert bench.said("notice.refused")[0]["reason"] == "it is no e-mail address"


def test_a_mail_server_that_is_down_delays_no_write(telling: Bench, postbox: Any) -> None:
    postbox._settings = postbox._settings.model_copy(update={"port": 1})
    for ticket in "12":
        escalated(telling, ticket)
        telling.deliver()
    assert set(telling.calls("1").values()) | set(telling.calls("2").values()) == {"written"}


def test_a_vendor_that_is_down_delays_no_message(telling: Bench, mail_server: Any) -> None:
    telling.vendor.script = [TryLater("down", after=600)]
    escalated(telling)
    telling.deliver()
    assert set(telling.calls().values()) == {"planned"}
    assert len(mail_server.letters) == 1


def test_a_bug_of_ours_costs_one_message_time_and_the_others_nothing(
    telling: Bench, mail_server: Any, postbox: Any
) -> None:
    send = postbox.send

    def fails_for_some(letter: Any) -> Any:
        if "ada@x.example" in letter.to:
            raise ZeroDivisionError
        return send(letter)

    postbox.send = fails_for_some
    escalated(telling)
    telling.born("8", priority="high")
    telling.looks("8")
    assert telling.deliver() == telling.clock() + timedelta(minutes=1)
    assert mail_server.to == [["lead@x.example"]]
    assert telling.said("notice.failed")


# --- killed -------------------------------------------------------------------------------------------------
def test_killed_between_the_commit_and_the_sending_it_is_sent_after_the_restart(
    telling: Bench, mail_server: Any, build_bench: Any, postbox: Any
) -> None:
    escalated(telling)
    build_bench(policy=POLICY, postbox=postbox).deliver()
    assert len(mail_server.letters) == 1


def test_killed_while_it_is_sent_it_is_sent_again_under_the_same_id(
    telling: Bench, mail_server: Any, build_bench: Any, postbox: Any
) -> None:
    class Killed(BaseException):
        """The process ends here."""

    send = postbox.send

    def dies(letter: Any) -> Any:
        send(letter)
        raise Killed

    postbox.send = dies
    escalated(telling)
    with pytest.raises(Killed):
        telling.deliver()
    assert states(telling) == ["sending"]
    postbox.send = send
    again = build_bench(policy=POLICY, postbox=postbox)
    again.deliver()
    again.deliver()
    assert states(telling) == ["written"]
    assert len(mail_server.ids) == 2
    assert len(set(mail_server.ids)) == 1


# --- on call ------------------------------------------------------------------------------------------------
def test_whoever_is_on_call_when_it_is_sent_is_told_and_recorded(telling: Bench, mail_server: Any, duty: Duty) -> None:
    to_duty(telling)
    duty.found = ["zoe@x.example"]
    telling.deliver()
    assert mail_server.to == [["zoe@x.example"]]
    (row,) = telling.notices()
    assert b"zoe@x.example" in row.settled


@pytest.mark.parametrize("found", [None, NotKnown("it answered 503"), OverflowError("date value out of range")])
def test_if_nobody_is_on_call_or_that_is_not_known_somebody_else_is_told(
    telling: Bench, mail_server: Any, duty: Duty, found: Any
) -> None:
    duty.found = [found]
    to_duty(telling)
    telling.deliver()
    assert mail_server.to == [["duty@x.example"]]
    (told,) = telling.said("notice.otherwise")
    assert (told["on_call"], told["to"]) == ("Duty", "duty@x.example")
    reasons = {NotKnown: "it answered 503", OverflowError: "it could not be found out (OverflowError)"}
    assert told["reason"] == reasons.get(type(found), "nobody is on call")


def test_while_it_is_being_asked_who_is_on_call_others_are_told_first(
    telling: Bench, mail_server: Any, duty: Duty
) -> None:
    duty.found = [StillAsked(3.0), "mara@x.example"]
    to_duty(telling)
    telling.born("8", priority="high")
    telling.looks("8")
    assert telling.deliver() == telling.clock() + timedelta(seconds=3)
    assert mail_server.to == [["lead@x.example"]]
    telling.clock.advance(seconds=3)
    telling.deliver()
    assert mail_server.to == [["lead@x.example"], ["mara@x.example"]]
    assert [row.attempts for row in telling.notices()] == [1, 1], "waiting for the answer was no attempt"


def test_a_schedule_that_is_not_in_the_settings_means_somebody_else(
    build_bench: Any, postbox: Any, mail_server: Any
) -> None:
    bench = build_bench(policy=POLICY, postbox=postbox)
    to_duty(bench)
    bench.deliver()
    assert mail_server.to == [["duty@x.example"]]
    assert "no such [on_call] table" in str(bench.said("notice.otherwise")[0]["reason"])


SERVED = """
policy = "policy.yaml"
[server]
port = 0
[mail]
host = "127.0.0.1"
port = {port}
tls = "none"
from = "robot@x.example"
[sites.acme]
vendor = "zendesk"
url = "https://127.0.0.1:1"
account = "9000"
mode = "act"
"""


def test_a_process_that_is_killed_while_it_sends_sends_again_and_nobody_gets_it_a_third_time(
    store: Any, any_database: str, mail_server: Any, tmp_path: Path, until: Any
) -> None:
    ref = TicketRef(vendor="zendesk", site="acme", id="7")
    now = datetime.now(UTC)
    store.mark_due(ref, now + timedelta(days=1))
    note = Note(lines=(Line(label="Issue", spans=(Span(text="#7"),)),))
    to = (Recipient(address="ada@x.example"), Recipient(address="ben@x.example"))
    notice = Notice(operation="abc", occasion=Occasion.RULE, rule="told", to=to, subject="#7", note=note)
    case = Case.fresh(ref, now)
    store.commit(Commit(ref=ref, revision=0, marks=1, now=now, due_at=None, case=case, notices=(notice,)))
    policy = parse(POLICY.replace("desk", "zendesk"))
    (tmp_path / "policy.yaml").write_text(dump(policy))
    store.activate(policy.revision, policy.name, dump(policy), now)
    keep(store, "zendesk/acme", Examined(at=now, policy=policy.revision, findings=()))  # so the site may act
    served = f'database = "{any_database}"\n{SERVED}'
    (tmp_path / "stepladder.toml").write_text(served.format(port=mail_server.port))
    environ = {k: v for k, v in os.environ.items() if not k.startswith("STEPLADDER")}
    environ |= {"STEPLADDER_ACME_OAUTH_TOKEN": "t", "STEPLADDER_ACME_WEBHOOK_SECRETS": "s"}
    root = Path(__file__).parents[2]
    command = [sys.executable, "app.py", "worker", "--config", str(tmp_path / "stepladder.toml")]

    with (tmp_path / "log").open("wb") as log:
        first = subprocess.Popen(command, cwd=root, env=environ, stdout=log, stderr=log)
        mail_server.before = first.kill  # it has sent the letter, and does not hear that it was taken
        try:
            until(lambda: mail_server.letters, 30)
            first.wait(10)
            mail_server.before = lambda: None
            second = subprocess.Popen(command, cwd=root, env=environ, stdout=log, stderr=log)
            until(lambda: states_in(store) == ["written"], 30)
            second.terminate()
            assert second.wait(15) == 0
        finally:
            first.kill()
    assert mail_server.to == [["ada@x.example", "ben@x.example"]] * 2
    assert mail_server.ids == ["<abc@x.example>"] * 2


def states_in(store: Any) -> list[str]:
    with store.database.read() as connection:
        return list(connection.execute(select(t.notices.c.state)).scalars())
