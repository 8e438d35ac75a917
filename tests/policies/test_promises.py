"""A promise is near or broken from an exact instant on, is one cause, and is never guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.case import Case, Facts
from policies.conditions import Answer
from policies.model import Kind
from policies.moments import Clocks, moment_of


def asked(
    say: Any, when: str, *events: Any, at: float = 60, more: str = "", promised: Any = None, fetched: Any = ()
) -> Answer:
    policy = say.policy(f"when: {{{when}}}, go_to: 4{more}")
    _, ticket, story = say.told(events)
    case = Case(ref=say.ref, level_since=say.at(0), ticket=ticket, story=story, promised=promised)
    rule, facts = policy.rules[0], Facts(fetched=frozenset(fetched))
    moment = moment_of(policy, Clocks(policy, case).of(rule), case, facts, say.at(at))
    return rule.when.ask(moment).answers[0]


NEAR = [
    ("until_promise: 1h", 59.99, False, "1 h", "not before"),
    ("until_promise: 1h", 60, True, "1 h", "to the minute"),
    ("until_promise: 1h", 90, True, "30 min", "and from then on"),
    ("until_promise: 1h", 120, True, "broken", "also when it is broken"),
    ("until_promise: 1h", 6000, True, "broken", "for good"),
    ("after_promise: 30m", 100, False, "0 s", "not while it can be kept"),
    ("after_promise: 30m", 149.99, False, "29 min", "not before"),
    ("after_promise: 30m", 150, True, "30 min", "to the minute"),
]


@pytest.mark.parametrize(("when", "at", "value", "found", "_reason"), NEAR)
@pytest.mark.parametrize("of", ["promise", "sla_breach"])
def test_a_promise_turns_a_question_to_the_minute(
    say: Any, of: str, when: str, at: float, value: bool, found: str, _reason: str
) -> None:
    field = "due_at" if of == "promise" else "sla_breach_at"
    answer = asked(say, when.replace("promise", of), say.born(**{field: say.at(120)}), at=at)
    assert answer.value is value
    assert answer.found.startswith(found)
    assert answer.due == say.at(60 if "until" in when else 150)
    assert answer.wanted == when.partition(": ")[2]
    assert answer.start is None or answer.start <= say.at(at)


def test_what_is_left_counts_open_hours(say: Any) -> None:
    tuesday = datetime(2027, 3, 2, 8, 30, tzinfo=UTC)  # half past nine in Berlin, half an hour after opening
    answer = asked(say, "until_promise: 1h", say.born(due_at=tuesday), more=", calendar: office")
    assert (answer.due, answer.on_clock) == (datetime(2027, 3, 1, 15, 30, tzinfo=UTC), False)
    by_the_clock = asked(say, "until_promise: 1h clock", say.born(due_at=tuesday), more=", calendar: office")
    assert (by_the_clock.due, by_the_clock.on_clock) == (tuesday - timedelta(hours=1), True)


def test_without_a_date_the_time_that_was_told_is_the_promise(say: Any) -> None:
    born = say.born(due_at=None)
    assert asked(say, "until_promise: 1h", born, promised=say.at(90)).due == say.at(30)
    assert asked(say, "after_promise: 1h", born, promised=say.at(90)).due == say.at(150)


def test_a_date_counts_before_the_time_that_was_told(say: Any) -> None:
    answer = asked(say, "until_promise: 1h", say.born(due_at=say.at(300)), promised=say.at(90))
    assert answer.due == say.at(240)


NONE = [
    ("until_promise: 1h", {"due_at": None}),
    ("after_promise: 1h", {"due_at": None}),
    ("until_sla_breach: 1h", {"sla_breach_at": None}),
    ("after_sla_breach: 1h", {"sla_breach_at": None}),
    ("after_promise: 1h", {"due_at": datetime(9999, 12, 31, tzinfo=UTC)}),
    ("until_promise: 1h", {"due_at": datetime(1, 1, 1, tzinfo=UTC)}),
]


@pytest.mark.parametrize(("when", "told"), NONE)
def test_no_promise_is_no(say: Any, when: str, told: Any) -> None:
    answer = asked(say, when, say.born(**told))
    assert (answer.value, answer.found, answer.needs, answer.due) == (False, "nothing is promised", None, None)


@pytest.mark.parametrize(("name", "needs"), [("promise", "due_at"), ("sla_breach", "sla_breach_at")])
@pytest.mark.parametrize("side", ["until", "after"])
def test_an_unknown_promise_is_asked_for(say: Any, side: str, name: str, needs: str) -> None:
    when = f"{side}_{name}: 1h"
    answer = asked(say, when, say.born())
    assert (answer.value, answer.needs) == (None, needs)
    assert asked(say, when, say.born(), fetched=[needs]).value is False


def test_what_was_told_is_the_promise_where_the_vendor_has_no_date(say: Any) -> None:
    answer = asked(say, "until_promise: 1h", say.born(), promised=say.at(90), fetched=["due_at"])
    assert (answer.value, answer.due) == (True, say.at(30))


def test_a_pause_brings_no_promise_nearer(say: Any) -> None:
    pending = say.changed("p", 10, say.tom, status=("new", "pending"))
    born = say.born(due_at=say.at(240))
    assert asked(say, "until_promise: 1h", born, pending, at=170).due == say.at(180)
    assert asked(say, "until_promise: 1h", born, pending, at=200).value


def test_the_time_after_a_promise_stands_still_while_the_ticket_is_paused(say: Any) -> None:
    pending = say.changed("p", 10, say.tom, status=("new", "pending"))
    opened = say.changed("o", 140, say.tom, status=("pending", "open"))
    born = say.born(due_at=say.at(120))
    assert asked(say, "after_promise: 30m", born, pending, at=600).value is False
    answer = asked(say, "after_promise: 30m", born, pending, opened, at=169)
    assert (answer.value, answer.due, answer.found) == (False, say.at(170), "29 min")


# --- causes -------------------------------------------------------------------------------------------------------
def test_a_promise_is_one_cause_and_another_promise_is_news_only_when_it_comes_near(say: Any) -> None:
    desk = say.desk(say.policy("when: {until_promise: 1h}, go_to: next_level"))
    desk.look(0, say.born(due_at=say.at(120)))
    assert desk.decision.next_look == say.at(60)
    desk.look(60)
    desk.look(70)
    moved = say.full(say.at(75), due_at=say.at(300), level=2, group="12")
    first, second = say.at(120).isoformat(), say.at(300).isoformat()
    decision = desk.look(76, say.changed("d", 75, say.tom, moved, due_at=(first, second)))
    assert (desk.levels, decision.next_look) == ([1, 2, 2, 2], say.at(240))
    back = say.full(say.at(80), due_at=say.at(120), level=2, group="12")
    desk.look(81, say.changed("e", 80, say.tom, back, due_at=(second, first)))
    assert desk.levels[-1] == 2  # this promise counted before
    again = say.full(say.at(90), due_at=say.at(300), level=2, group="12")
    desk.look(91, say.changed("f", 90, say.tom, again))
    desk.look(240)
    assert desk.levels[-1] == 3


def test_a_promise_made_when_little_is_left_counts_from_then_on(say: Any) -> None:
    desk = say.desk(say.policy("when: {until_promise: 4h}, go_to: 2"), vendor=say.full(due_at=None))
    desk.look(0, say.said("c", 0, say.ana, ticket=say.full(due_at=None)))  # it existed before
    desk.look(30, say.changed("d", 30, say.tom, due_at=(None, say.at(90).isoformat())))
    assert desk.levels == [1, 2]


def test_a_promise_that_was_near_before_the_ticket_was_known_is_no_cause(say: Any) -> None:
    picture = say.full(due_at=say.at(30))
    desk = say.desk(say.policy("when: {until_promise: 4h}, go_to: 2"), vendor=picture)
    desk.look(0, say.said("c", 0, say.ana, ticket=picture))
    desk.look(60)
    assert desk.levels == [1, 1]


def test_a_ticket_born_with_little_time_left_climbs_at_once(say: Any) -> None:
    desk = say.desk(say.policy("when: {until_promise: 4h}, go_to: 2"))
    desk.look(0, say.born(due_at=say.at(30)))
    assert desk.levels == [2]


def test_an_earlier_event_told_late_does_not_break_a_promise_twice(say: Any) -> None:
    picture = say.full(say.at(10), due_at=say.at(60))
    due = (None, say.at(60).isoformat())
    desk = say.desk(say.policy("when: {until_promise: 1h}, go_to: next_level"))
    desk.look(1, say.born(due_at=None))
    desk.look(11, say.said("c", 10, say.tom, "By ten", False, picture))
    desk.look(12, say.changed("d", 9.99, say.tom, picture, due_at=due))
    assert desk.levels == [1, 2, 2]


def test_resolved_tickets_keep_no_promise(say: Any) -> None:
    desk = say.desk(say.policy("when: {after_promise: 30m}, go_to: 2"))
    desk.look(0, say.born(due_at=say.at(60)))
    desk.look(50, say.changed("s", 50, say.tom, status=("new", "solved")))
    assert desk.decision.next_look is None
    desk.look(600)
    assert desk.level == 1


SPANS = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 200)), max_size=3)


@given(spans=SPANS, due=st.integers(0, 700), limit=st.integers(1, 300), side=st.sampled_from(["until", "after"]))
@settings(deadline=None, max_examples=150)
def test_a_promise_turns_at_the_instant_it_names_and_never_back(
    say: Any, spans: Any, due: int, limit: int, side: str
) -> None:
    events, status, minute = [say.born(due_at=say.at(due))], "new", 0
    for number, (gap, length) in enumerate(spans):
        for at, after in ((minute + gap + 1, "pending"), (minute + gap + 1 + length, "open")):
            events.append(say.changed(f"{number}{after}", at, say.tom, status=(status, after)))
            status = after
        minute += gap + 1 + length
    turned: list[bool] = []
    for now in range(minute, 1600, 20):  # after the last event time alone passes
        answer = asked(say, f"{side}_promise: {limit}m", *events, at=now)
        assert answer.due is not None
        assert answer.value is (answer.due <= say.at(now))
        turned.append(bool(answer.value))
    assert turned == sorted(turned)
    last = asked(say, f"{side}_promise: {limit}m", *events, at=1600)
    for at, value in ((last.due, True), (last.due - timedelta(seconds=1), False)):
        if at >= say.at(minute):
            then = (at - say.start) / timedelta(minutes=1)
            assert asked(say, f"{side}_promise: {limit}m", *events, at=then).value is value


# --- what only a fetch by name tells ------------------------------------------------------------------------------
def fetched(say: Any, at: float, **told: Any) -> Any:
    return say.event(f"f{at}", at, Kind.FETCHED, None, ticket=say.full(say.at(at), **told))


def breaks(say: Any, *events: Any) -> Any:
    """When the vendor's promise breaks; "unknown" if it must be fetched."""
    _, ticket, _ = say.told(events)
    return ticket.sla_breach_at if ticket.knows("sla_breach_at") else "unknown"


def test_a_fetch_tells_the_vendors_promise_only_if_it_was_asked_for(say: Any) -> None:
    assert breaks(say, say.born(), fetched(say, 5)) == "unknown"
    assert breaks(say, say.born(), fetched(say, 5, sla_breach_at=say.at(90))) == say.at(90)
    assert breaks(say, say.born(), fetched(say, 5, sla_breach_at=None)) is None
    asked_before = fetched(say, 5, sla_breach_at=say.at(90))
    not_asked = say.event("f6", 6, Kind.FETCHED, None, ticket=say.full(say.at(5)))  # nothing has happened since
    assert breaks(say, say.born(), asked_before, not_asked) == say.at(90)
    _, ticket, _ = say.told([say.born(), fetched(say, 5)])
    assert ticket.knows("due_at")  # all else is told by every fetch


def later(say: Any, what: str) -> Any:
    match what:
        case "a change":
            return say.changed("x", 10, say.tom, product=(None, "mail"))
        case "a reply":
            return say.said("x", 10, say.tom)
        case "the requester":
            return say.said("x", 10, say.ana)
        case "a trigger's change":
            return say.changed("x", 10, say.bot, tag=(None, "vip"))
        case "something":
            return say.event("x", 10, Kind.TOUCHED, None)
        case "a picture that shows a change":
            return say.event("x", 10, Kind.NOTED, None, ticket=say.full(say.at(10), priority="high"))
        case "our note":
            return say.said("x", 10, say.ours, "op 0123456789ab", False)
        case "our change":
            return say.changed("x", 10, say.ours, level=("1", "2"))
        case "a newer picture":
            return say.event("x", 10, Kind.NOTED, None, ticket=say.full(say.at(10)))
    return say.event("x", 10, Kind.NOTED, None, ticket=say.full(say.at(5)))


ASK_AGAIN = [
    ("a change", True),
    ("a reply", True),
    ("the requester", True),
    ("a trigger's change", True),
    ("something", True),
    ("a picture that shows a change", True),
    ("our change", True),
    ("our note", False),
    ("a newer picture", True),
    ("the same picture again", False),
]


@pytest.mark.parametrize(("what", "unknown"), ASK_AGAIN)
def test_whatever_happens_may_move_the_vendors_promise(say: Any, what: str, unknown: bool) -> None:
    from policies.model import Ticket
    from policies.story import Story
    from policies.telling import tell

    events = [say.born(), fetched(say, 5, sla_breach_at=say.at(90)), later(say, what)]  # as they were judged
    ticket, _, _ = tell(Ticket(ref=say.ref), Story(), events)
    assert ticket.knows("sla_breach_at") is not unknown


def test_what_a_fetch_has_seen_already_does_not_move_the_vendors_promise(say: Any) -> None:
    seen = say.event("f", 5, Kind.FETCHED, None, ticket=say.full(say.at(10), sla_breach_at=say.at(90)))
    assert breaks(say, say.born(), seen, say.said("x", 10, say.tom)) == say.at(90)  # the vendor's clock is ahead
    assert breaks(say, say.born(), seen, say.said("x", 10.001, say.tom)) == "unknown"


def test_an_event_that_carries_the_vendors_promise_is_believed(say: Any) -> None:
    picture = say.full(say.at(10), sla_breach_at=say.at(70))
    asked_before = fetched(say, 5, sla_breach_at=say.at(90))
    assert breaks(say, say.born(), asked_before, say.said("x", 10, say.tom, ticket=picture)) == say.at(70)
    old = say.full(say.at(4), sla_breach_at=say.at(80))
    touched = say.said("y", 11, say.tom, ticket=old)  # drawn before what is known
    assert breaks(say, say.born(), fetched(say, 5), touched) == "unknown"


def test_a_vendors_promise_that_was_moved_near_counts_from_then_on(say: Any) -> None:
    far = say.full(sla_breach_at=say.at(900))
    near = say.full(say.at(40), sla_breach_at=say.at(60), product="mail")
    desk = say.desk(say.policy("when: {until_sla_breach: 1h}, go_to: 2"), vendor=far)
    desk.look(0, say.said("c", 0, say.ana, ticket=say.full()))  # it existed before
    assert desk.asked == [frozenset({"sla_breach_at"})]
    assert desk.decision.next_look == say.at(840)
    desk.vendor = near
    desk.look(40, say.changed("p", 40, say.tom, product=(None, "mail")))
    assert (len(desk.asked), desk.levels) == (2, [1, 2])


# --- dates that are told by changes -------------------------------------------------------------------------------
DATES = [
    ("2027-03-01T11:00:00Z", 120, "UTC"),
    ("2027-03-01T12:00:00+01:00", 120, "another zone"),
    ("2027-03-01T11:00:00.000+0000", 120, "as Jira writes it"),
    (None, None, "taken away"),
    ("tomorrow", "unknown", "no date"),
    ("2027-03-01", "unknown", "a day without a zone is no instant"),
]


@pytest.mark.parametrize(("text", "minute", "_reason"), DATES)
def test_a_change_tells_the_date(say: Any, text: str | None, minute: Any, _reason: str) -> None:
    before = say.at(30).isoformat()
    _, ticket, _ = say.told([say.born(due_at=say.at(30)), say.changed("d", 5, due_at=(before, text))])
    found = ticket.due_at if ticket.knows("due_at") else "unknown"
    assert found == (say.at(minute) if isinstance(minute, int) else minute)


@pytest.mark.parametrize("turn", [0, 1])
def test_one_save_of_a_date_is_one_change_however_its_time_is_written(say: Any, turn: int) -> None:
    picture = say.full(say.at(10), due_at=say.at(120))
    spoken = say.said("c", 10, say.tom, "By eleven", False, picture)
    explicit = say.changed("d", 10.001, say.tom, picture, due_at=(None, "2027-03-01T12:00:00+01:00"))
    _, ticket, story = say.told([[spoken, explicit], [explicit, spoken]][turn] + [say.born(due_at=None)])
    assert ticket.due_at == say.at(120)
    assert story.took("due_at") == say.at(10)
    assert "due_at" not in story.implied


# --- blocked ------------------------------------------------------------------------------------------------------
def spans(say: Any, *events: Any) -> list[tuple[str, float]]:
    _, _, story = say.told(events)
    return [(since.value, (since.at - say.start) / timedelta(minutes=1)) for since in story.blocked]


def linked(say: Any, at: float, *keys: str) -> Any:
    return say.event(f"l{at}", at, Kind.NOTED, None, ticket=say.full(say.at(at), blocked_by=keys))


def test_a_ticket_is_blocked_from_the_first_open_link_to_the_last(say: Any) -> None:
    events = [
        linked(say, 10, "K-1"),
        linked(say, 20, "K-1", "K-2"),
        linked(say, 30),
        linked(say, 40),
        linked(say, 50, "K-3"),
    ]
    assert spans(say, say.born(blocked_by=()), *events) == [("no", 0), ("yes", 10), ("no", 30), ("yes", 50)]


def test_a_ticket_first_seen_blocked_is_blocked_since_then(say: Any) -> None:
    assert spans(say, say.said("c", 5, say.ana), fetched(say, 20, blocked_by=("K-1",))) == [("yes", 20)]
    assert spans(say, say.born(blocked_by=("K-1",))) == [("yes", 0)]
    assert spans(say, say.born(), linked(say, 7, "K-1")) == [("yes", 7)]


def test_an_older_picture_blocks_nothing(say: Any) -> None:
    old = say.said("c", 30, say.tom, ticket=say.full(say.at(5), blocked_by=("K-1",)))
    assert spans(say, say.born(blocked_by=()), linked(say, 20), old) == [("no", 0)]


def test_a_change_of_one_link_makes_it_unknown_what_blocks(say: Any) -> None:
    change = say.changed("x", 10, blocked_by=(None, "K-1"))
    _, ticket, _ = say.told([say.born(blocked_by=()), change])
    assert not ticket.knows("blocked_by")
    assert spans(say, say.born(blocked_by=()), change, linked(say, 12, "K-1")) == [("no", 0), ("yes", 12)]
    assert spans(say, say.born(blocked_by=()), change, linked(say, 12)) == [("no", 0)]


def test_blocked_answers_with_what_blocks(say: Any) -> None:
    free, stuck = say.born(blocked_by=()), say.born(blocked_by=("K-1", "K-2"))
    assert asked(say, "blocked: true", free).value is False
    assert asked(say, "blocked: false", free).value is True
    answer = asked(say, "blocked: true", stuck)
    assert (answer.value, answer.found, [c.id for c in answer.causes]) == (True, "by K-1, K-2", ["blocked_by=yes#0"])
    assert asked(say, "blocked: false", stuck).value is False
    assert asked(say, "blocked: true", say.born()).needs == "blocked_by"


def test_being_blocked_again_is_a_new_cause_and_being_free_is_none(say: Any) -> None:
    desk = say.desk(say.policy("when: {blocked: true}, go_to: next_level", "when: {blocked: false}, go_to: 4"))
    desk.look(0, say.born(blocked_by=()))
    level = {"level": 1, "group": "11"}
    for at, keys in ((10, ("K-1",)), (20, ("K-1", "K-2")), (30, ()), (40, ("K-2",))):
        if desk.level > 1:
            level = {"level": desk.level, "group": {2: "12", 3: "13"}[desk.level]}
        picture = say.full(say.at(at), blocked_by=keys, **level)
        desk.look(at, say.event(f"l{at}", at, Kind.NOTED, None, ticket=picture))
        if desk.decision.command:
            desk.written(at + 1)
    assert list(dict.fromkeys(desk.levels)) == [1, 2, 3]
