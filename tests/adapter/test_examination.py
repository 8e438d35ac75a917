"""Who may act: examined first, and not while people outside would hear of it and nobody has accepted that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapter.brakes import Resting
from adapter.examination import Examined, Verdict, keep, last, remembering, standing, together, verdict
from adapter.gate import EVERY, LONG_REST, Gate
from adapter.journal import Journal
from adapter.sites import Post
from adapter.store import tables as t
from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from connectors.contract import Connector, Keeper, Refused, TryLater
from connectors.sandboxing import Pocket
from connectors.site import Site, SiteSettings
from connectors.upkeep import Finding, Grade, Uses
from policies.commands import Mode
from policies.document import parse
from policies.policy import Policy

MONDAY = datetime.fromisoformat("2027-03-01T09:00:00+00:00")
TEXT = """
version: 1
name: Small
applies_to: {desk: all}
levels:
  - {level: 1, name: Frontline}
  - {level: 2, name: Specialist, targets: {desk: {group: Experts}}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
"""
NOTE_MAILS = Finding(
    name="customer-hears:trigger:9",
    check="customer-hears",
    grade=Grade.WARNING,
    says="It mails the customer after any update.",
    customer_hears=True,
    heard_by_notes=True,
)
MAILS = Finding(
    name="customer-hears:trigger:7",
    check="customer-hears",
    grade=Grade.WARNING,
    says="It mails the customer.",
    customer_hears=True,
)
FINE = Finding(name="webhook:here", check="webhook", grade=Grade.FINE, says="It is there.")
UNSEEN = Finding(name="vendor-rules:trigger", check="vendor-rules", grade=Grade.UNKNOWN, says="We may not see them.")


class Doctor:
    """A vendor that answers examinations as a test's script says; the last answer is given again."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Uses] = []

    def __call__(
        self, site: Site, keeper: Keeper, uses: Uses, now: datetime, sleep: Callable[[float], None]
    ) -> Iterator[Finding]:
        self.asked.append(uses)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer(sleep)
        yield from [] if callable(answer) else answer


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("an examination asks nothing else of a vendor")


def post(doctor: Doctor | None, mode: Mode = Mode.ACT, **more: Any) -> Post:
    connector = Connector(
        vendor="desk",
        title="Desk",
        settings=SiteSettings,
        verify=never,
        delivery_id=never,
        tickets=never,
        read=never,
        plan=never,
        check_target=never,
        connect=never,
        examine=doctor,
    )
    settings = SiteSettings(vendor="desk", url="https://desk.example", mode=mode, **more)
    return Post("main", connector, settings, Pocket())


class Ward:
    """A gate, its store and what it told, in front of one site."""

    def __init__(self, store: SqlStore, site: Post) -> None:
        self.told: list[tuple[str, dict[str, object]]] = []
        self.store, self.site = store, site
        journal = Journal(lambda event, fields: self.told.append((event, fields)))
        self.gate = Gate(store, [site], Pocket(), self.policy, journal, "https://steps.example")

    def policy(self, revision: str) -> Policy:
        return parse(self.store.policy_text(revision), source="policy")

    def mode(self) -> Mode | None:
        """Return how far the site may go; None while it rests."""
        try:
            return self.gate.mode(self.site)
        except Resting:
            return None

    def events(self) -> list[str]:
        return [event for event, _ in self.told]

    def stored_mode(self) -> tuple[str, float] | None:
        with self.store.database.read() as connection:
            row = connection.exec_driver_sql("select mode, since from modes where site = 'desk/main'").one_or_none()
        return (row[0], row[1]) if row else None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(Database(f"sqlite:///{tmp_path / 'steps.db'}"))
    opened.database.migrate()
    activate(opened, TEXT)
    yield opened
    opened.close()


def activate(store: SqlStore, text: str, at: datetime = MONDAY) -> None:
    policy = parse(text, source="policy")
    store.activate(policy.revision, policy.name, policy.text, at)


Open = Callable[..., Ward]


@pytest.fixture
def ward(store: SqlStore) -> Open:
    return lambda *answers, **more: Ward(store, post(Doctor(*answers), **more))


# --- the verdict --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mode", "accepts", "found", "expected"),
    [
        (Mode.ACT, (), [FINE], Mode.ACT),
        (Mode.ACT, (), [FINE, MAILS], Mode.OBSERVE),
        (Mode.ACT, (MAILS.name,), [FINE, MAILS], Mode.ACT),
        (Mode.ACT, ("customer-hears:trigger:8",), [MAILS], Mode.OBSERVE),
        (Mode.ACT, (), [UNSEEN], Mode.ACT),
        (Mode.OBSERVE, (), [MAILS], Mode.OBSERVE),
        (Mode.NOTE, (), [FINE, MAILS], Mode.NOTE),
        (Mode.NOTE, (), [FINE, NOTE_MAILS], Mode.OBSERVE),
        (Mode.NOTE, (NOTE_MAILS.name,), [NOTE_MAILS, MAILS], Mode.NOTE),
        (Mode.ACT, (), [NOTE_MAILS], Mode.OBSERVE),
    ],
    ids=[
        "nothing",
        "heard",
        "accepted",
        "another accepted",
        "not to be seen",
        "observes anyway",
        "only notes, of which nobody hears",
        "only notes, and they are heard",
        "only notes, and that is accepted",
        "heard whatever is written",
    ],
)
def test_a_site_acts_only_if_nobody_hears_or_somebody_accepted_it(
    mode: Mode, accepts: tuple[str, ...], found: list[Finding], expected: Mode
) -> None:
    settings = SiteSettings(vendor="desk", url="https://desk.example", mode=mode, accepts=accepts)
    assert verdict(settings, found).mode is expected


def test_the_verdict_names_what_is_to_be_accepted() -> None:
    assert MAILS.name in Verdict(mode=Mode.OBSERVE, waits_for=(MAILS,)).says
    assert Verdict(mode=Mode.ACT).says == ""


# --- the gate -----------------------------------------------------------------------------------------------
def test_tickets_rest_until_the_first_examination_has_ended(ward: Open) -> None:
    here = ward([FINE])
    here.gate.govern(MONDAY)
    assert (here.mode(), here.stored_mode()) == (None, None)
    here.gate.run(MONDAY)
    assert here.mode() is Mode.ACT
    assert here.stored_mode() == ("act", MONDAY.timestamp())
    assert here.events() == ["examination.done"]


def test_what_came_while_it_rested_counts_as_if_it_had_acted_from_the_start(ward: Open) -> None:
    here = ward(TryLater("nobody answers"), [FINE])
    here.gate.govern(MONDAY)
    here.gate.run(MONDAY)
    here.gate.run(MONDAY + timedelta(hours=1))
    assert here.stored_mode() == ("act", MONDAY.timestamp())


def test_a_site_that_may_act_again_begins_anew(ward: Open) -> None:
    here = ward([MAILS], [FINE])
    here.gate.govern(MONDAY)
    here.gate.run(MONDAY)
    here.gate.run(MONDAY + EVERY)
    assert here.stored_mode() == ("act", (MONDAY + EVERY).timestamp())


def test_a_site_whose_customers_would_hear_is_observed_with_an_alarm(ward: Open) -> None:
    here = ward([FINE, MAILS])
    here.gate.run(MONDAY)
    assert here.mode() is Mode.OBSERVE
    assert here.stored_mode() == ("observe", MONDAY.timestamp())
    [(_, told)] = [one for one in here.told if one[0] == "examination.alarm"]
    assert MAILS.name in str(told["reason"])
    assert "stepladder doctor main" in str(told["todo"])


def test_a_site_that_only_observes_is_never_examined(store: SqlStore) -> None:
    doctor = Doctor([MAILS])
    here = Ward(store, post(doctor, Mode.OBSERVE))
    here.gate.govern(MONDAY)
    assert here.gate.run(MONDAY) is None
    assert here.mode() is Mode.OBSERVE
    assert here.stored_mode() == ("observe", MONDAY.timestamp())
    assert not doctor.asked


def test_a_site_that_writes_only_notes_rests_too_until_it_is_examined(ward: Open) -> None:
    here = ward([MAILS], mode=Mode.NOTE)
    here.gate.govern(MONDAY)
    assert here.mode() is None
    here.gate.run(MONDAY)
    assert (here.mode(), here.stored_mode()) == (Mode.NOTE, ("note", MONDAY.timestamp()))


def test_a_site_whose_notes_alone_are_heard_writes_none(ward: Open) -> None:
    here = ward([MAILS, NOTE_MAILS], mode=Mode.NOTE)
    here.gate.run(MONDAY)
    assert here.mode() is Mode.OBSERVE
    [(_, told)] = [one for one in here.told if one[0] == "examination.alarm"]
    assert NOTE_MAILS.name in str(told["reason"])
    assert MAILS.name not in str(told["reason"])


def test_a_vendor_without_examinations_is_not_held_back(store: SqlStore) -> None:
    here = Ward(store, post(None))
    here.gate.govern(MONDAY)
    assert (here.mode(), here.stored_mode()) == (Mode.ACT, ("act", MONDAY.timestamp()))


def test_the_vendor_is_told_what_the_active_policy_does(store: SqlStore) -> None:
    doctor = Doctor([FINE])
    Ward(store, post(doctor)).gate.run(MONDAY)
    [uses] = doctor.asked
    assert uses.hook == "https://steps.example/webhooks/desk/main"
    assert [(placed.level, placed.target) for placed in uses.targets] == [(2, {"group": "Experts"})]


def test_it_is_examined_again_after_a_day_and_when_another_policy_decides(ward: Open, store: SqlStore) -> None:
    here, now = ward([FINE], [MAILS], [FINE]), MONDAY
    assert here.gate.run(now) == now + timedelta(seconds=60)
    here.gate.run(now + EVERY - timedelta(seconds=1))
    assert here.mode() is Mode.ACT
    here.gate.run(now + EVERY)
    assert here.mode() is Mode.OBSERVE
    activate(store, TEXT.replace("Specialist", "Expert"), now + EVERY)
    here.gate.run(now + EVERY + timedelta(minutes=1))
    assert here.mode() is Mode.ACT


def test_a_question_without_an_answer_is_asked_again_within_the_hour(ward: Open) -> None:
    broken = Finding(
        name="permissions:unanswered:triggers", check="permissions", grade=Grade.UNKNOWN, says="No list came."
    )
    here = ward([broken], [MAILS])
    here.gate.run(MONDAY)
    here.gate.run(MONDAY + timedelta(minutes=59))
    assert here.mode() is Mode.ACT
    here.gate.run(MONDAY + timedelta(hours=1))
    assert here.mode() is Mode.OBSERVE


def test_a_restart_within_the_day_acts_at_once_and_keeps_its_beginning(ward: Open, store: SqlStore) -> None:
    ward([FINE]).gate.run(MONDAY)
    again = ward(TryLater("nobody answers"))
    again.gate.govern(MONDAY + timedelta(hours=2))
    assert again.mode() is Mode.ACT
    assert again.stored_mode() == ("act", MONDAY.timestamp())


def test_what_is_accepted_counts_after_a_restart_without_another_examination(ward: Open) -> None:
    ward([MAILS]).gate.run(MONDAY)
    again = ward(TryLater("nobody answers"), accepts=(MAILS.name,))
    again.gate.govern(MONDAY + timedelta(hours=2))
    assert again.mode() is Mode.ACT


@pytest.mark.parametrize("error", [TryLater("nobody answers"), Refused("no"), ZeroDivisionError()], ids=repr)
def test_who_cannot_be_asked_rests_and_is_asked_later_each_time(ward: Open, error: Exception) -> None:
    here, now, waits = ward(error, error, error, error, [FINE]), MONDAY, []
    for _ in range(4):
        then = here.gate.run(now)
        assert then is not None
        assert here.mode() is None
        assert here.gate.run(now) == then  # not asked again before its time
        waits.append((then - now).total_seconds())
        now = then
    assert waits == [5, 10, 20, 40]
    assert [fields["rests"] for event, fields in here.told if event == "examination.later"] == [True] * 4
    here.gate.run(now)
    assert here.mode() is Mode.ACT


@pytest.mark.parametrize(("before", "mode"), [([FINE], Mode.ACT), ([MAILS], Mode.OBSERVE)], ids=["well", "heard"])
def test_who_cannot_be_asked_is_judged_by_what_was_found_last(ward: Open, before: list[Finding], mode: Mode) -> None:
    ward(before).gate.run(MONDAY)
    later = MONDAY + EVERY + EVERY
    here = ward(TryLater("nobody answers"))
    here.gate.govern(later)
    assert here.mode() is None
    here.gate.run(later)
    assert here.mode() is mode


def test_a_site_that_may_act_goes_on_while_it_is_examined_again(ward: Open) -> None:
    here = ward([FINE], TryLater("nobody answers"))
    here.gate.run(MONDAY)
    here.gate.run(MONDAY + EVERY)
    assert here.mode() is Mode.ACT


def test_an_examination_that_waits_for_the_vendor_is_left_when_the_process_ends(ward: Open, store: SqlStore) -> None:
    here = ward(lambda sleep: sleep(60))
    here.gate.stop()
    here.gate.run(MONDAY)
    assert (here.mode(), here.told, store.examination("desk/main")) == (None, [], None)


# --- what doctor finds meanwhile ----------------------------------------------------------------------------
def test_what_an_administrators_doctor_finds_counts_within_a_minute_and_so_does_its_end(
    ward: Open, store: SqlStore
) -> None:
    here, now = ward([UNSEEN]), MONDAY
    again = here.gate.run(now)
    assert again is not None
    assert here.mode() is Mode.ACT
    found = Examined(at=now + timedelta(seconds=30), policy=store.active_policy(), findings=(MAILS,))
    keep(store, "desk/main", found)
    here.gate.run(again)
    assert again <= now + timedelta(minutes=1)
    assert (here.mode(), here.stored_mode()) == (Mode.OBSERVE, ("observe", again.timestamp()))
    assert "examination.alarm" in here.events()
    mended = Examined(at=again + timedelta(seconds=30), policy=store.active_policy(), findings=(FINE,))
    keep(store, "desk/main", mended)
    here.gate.run(again + timedelta(minutes=1))
    assert here.mode() is Mode.ACT
    assert len(here.site.connector.examine.asked) == 1  # type: ignore[union-attr]


def test_what_a_doctor_found_can_be_accepted_and_counts_after_a_restart(ward: Open, store: SqlStore) -> None:
    ward([UNSEEN]).gate.run(MONDAY)
    keep(store, "desk/main", Examined(at=MONDAY, policy=store.active_policy(), findings=(UNSEEN, MAILS)))
    again = ward([UNSEEN], accepts=(MAILS.name,))
    again.gate.govern(MONDAY + timedelta(minutes=5))
    again.gate.run(MONDAY + timedelta(minutes=5))
    assert again.mode() is Mode.ACT


def test_what_a_doctor_finds_lets_a_site_act_that_could_not_be_examined(ward: Open, store: SqlStore) -> None:
    here, now = ward(TryLater("nobody answers")), MONDAY
    here.gate.run(now)
    assert here.mode() is None
    keep(store, "desk/main", Examined(at=now, policy=store.active_policy(), findings=(FINE,)))
    here.gate.run(now + timedelta(seconds=1))
    assert here.mode() is Mode.ACT


# --- a long rest --------------------------------------------------------------------------------------------
def test_somebody_is_called_while_a_site_rests_for_long(ward: Open) -> None:
    here, now = ward(TryLater("only one side question fails")), MONDAY
    while now < MONDAY + 3 * LONG_REST + timedelta(minutes=1):
        next_time = here.gate.run(now)
        assert next_time is not None
        now = next_time
    calls = [told for event, told in here.told if event == "examination.alarm"]
    assert len(calls) == 3
    assert "only one side question fails" in str(calls[0]["reason"])
    assert "stepladder doctor main" in str(calls[0]["todo"])
    assert here.mode() is None


def test_who_rests_for_less_is_left_in_peace(ward: Open) -> None:
    here, now = ward(TryLater("busy")), MONDAY
    while now < MONDAY + LONG_REST:
        now = here.gate.run(now) or MONDAY + LONG_REST
    assert "examination.alarm" not in here.events()


def test_a_site_that_goes_by_what_was_found_long_ago_says_how_long(ward: Open) -> None:
    ward([FINE]).gate.run(MONDAY)
    here = ward(TryLater("nobody answers"))
    here.gate.run(MONDAY + EVERY + EVERY)
    [done] = [told for event, told in here.told if event == "examination.done"]
    assert done["examined"] == MONDAY


# --- what the vendor is told --------------------------------------------------------------------------------
def test_the_vendor_is_told_how_often_we_wrote_in_the_last_thirty_days(store: SqlStore) -> None:
    doctor = Doctor([FINE])
    for number, (ref, state, days) in enumerate(
        [
            ("desk/main/1", "written", 1),
            ("desk/main/1", "written", 29),
            ("desk/main/2", "refused", 1),
            ("desk/main/2", "written", 31),
            ("desk/mainland/3", "written", 1),
            ("other/main/4", "written", 1),
        ]
    ):
        at = (MONDAY - timedelta(days=days)).timestamp()
        row = {"key": f"op/{number}", "ref": ref, "state": state, "open": False, "created_at": at}
        with store.database.write() as connection:
            more = {"attempted_at": at, "attempts": 1, "outcome": "", "body": b""}
            connection.execute(t.calls.insert().values(**row, **more))
    Ward(store, post(doctor)).gate.run(MONDAY)
    assert [uses.writes_per_month for uses in doctor.asked] == [2]


# --- what is kept -------------------------------------------------------------------------------------------
def test_what_was_found_is_kept_whole(store: SqlStore) -> None:
    examined = Examined(at=MONDAY, policy="abc", findings=(MAILS, NOTE_MAILS, FINE, UNSEEN))
    keep(store, "desk/main", examined)
    assert last(store, "desk/main") == examined
    assert last(store, "desk/other") is None


def test_the_standing_of_a_site_is_that_of_its_last_examination(store: SqlStore) -> None:
    settings = SiteSettings(vendor="desk", url="https://desk.example", mode=Mode.ACT)
    assert standing(store, "desk/main", settings).mode is Mode.ACT
    keep(store, "desk/main", Examined(at=MONDAY, policy=None, findings=(MAILS,)))
    assert standing(store, "desk/main", settings).mode is Mode.OBSERVE


def test_a_rule_that_was_seen_once_is_not_forgotten_while_it_is_not_shown() -> None:
    before = Examined(at=MONDAY, policy=None, findings=(MAILS, FINE))
    assert remembering([UNSEEN], before) == (UNSEEN, MAILS)
    assert remembering([FINE], before) == (FINE,)
    assert remembering([UNSEEN, MAILS], before) == (UNSEEN, MAILS)
    assert remembering([UNSEEN], None) == (UNSEEN,)


def test_an_administrator_sees_what_our_account_may_not() -> None:
    ours = Finding(name="credentials:account", check="credentials", grade=Grade.FINE, says="We are us.")
    theirs = Finding(name="credentials:role", check="credentials", grade=Grade.WARNING, says="An administrator.")
    assert together([ours, UNSEEN], [theirs, MAILS, FINE]) == (ours, MAILS, FINE)
