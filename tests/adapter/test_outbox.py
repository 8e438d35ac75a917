"""One command out, once: what is stored before it is sent, what an answer means, what an unseen answer costs.

Each test is a sentence of decision 13 to 16.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from adapter.outbox import in_order
from adapter.records import CallState, StoredCall
from adapter.salvage import without
from adapter.visit import FRESH
from connectors.contract import Call, Refused, TryLater
from policies.commands import Line, Note, Span

Bench = Any
LOST = TryLater("the answer did not arrive", sent=True)


@pytest.fixture
def urgent(bench: Bench) -> Bench:
    """A ticket that has to climb at the next look: `set 1`, then `say 2`."""
    bench.born(priority="urgent")
    return bench


# --- 13: rows and their order -------------------------------------------------------------------------------
def test_every_call_is_stored_as_being_sent_before_the_first_one_is(urgent: Bench) -> None:
    seen: dict[str, str] = {}
    urgent.vendor.script = [lambda: seen.update(urgent.calls())]
    urgent.look()
    assert seen == {"set 1": "sending", "say 2": "sending"}
    assert urgent.calls() == {"set 1": "written", "say 2": "written"}


def test_a_calls_key_is_its_operation_and_its_number(urgent: Bench) -> None:
    urgent.look()
    first, second = urgent.vendor.done
    assert (first.key, second.key) == (f"{first.operation}/1", f"{first.operation}/2")


def test_fields_go_first_then_the_note(urgent: Bench) -> None:
    urgent.look()
    assert urgent.vendor.log == ["set 1", "say 2"]


def test_the_note_says_what_the_fields_were_refused(urgent: Bench) -> None:
    urgent.vendor.script = [Refused("no such group", parts=frozenset({"group"}))]
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "set 3", "say 2"]
    assert urgent.vendor.done[0].parts.keys() == {"level"}
    assert urgent.vendor.done[1].told == ("Not set: group (no such group)",)
    assert urgent.calls() == {"set 1": "refused", "set 3": "written", "say 2": "written"}


def test_the_note_waits_for_the_rest_and_tells_every_refusal(bench: Bench) -> None:
    bench.born(priority="high")
    bench.hear({"kind": "commented", "by": "agent", "says": "/escalate 3", "public": False})
    bench.vendor.script = [
        Refused("not allowed", parts=frozenset({"priority"})),
        Refused("no such option", parts=frozenset({"level"})),
        Refused("who is mara?", parts=frozenset({"followers"})),
    ]
    bench.looks()
    assert bench.vendor.log == ["set 1", "follow 2", "set 4", "say 3"]
    (note,) = bench.vendor.done[-1:]
    assert [sentence.split(" (")[0] for sentence in note.told] == [
        "Not set: priority", "Not set: level", "Not set: followers",
    ]  # fmt: skip


def test_a_call_that_was_applied_although_it_was_refused_is_not_sent_again(urgent: Bench) -> None:
    urgent.vendor.script = [Refused("ALARM", parts=frozenset({"group"}), applied=True)]
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "say 2"]


def test_a_ticket_that_takes_no_more_writes_gets_none(urgent: Bench) -> None:
    urgent.vendor.script = [Refused("the ticket is closed", gone=True)]
    assert urgent.looks() is None or urgent.vendor.log == ["set 1"]
    assert urgent.vendor.log == ["set 1"]
    assert set(urgent.calls().values()) == {"refused"}


def test_a_refusal_that_is_its_own_cause_is_told_like_any_other(urgent: Bench) -> None:
    first, again = ValueError("422 RecordInvalid"), Refused("no", parts=frozenset({"priority"}))
    again.__cause__, first.__cause__ = first, again
    urgent.vendor.script = [again]
    urgent.looks()
    [told] = urgent.said("writeback.refused")
    assert told["answer"] == "422 RecordInvalid"


def note(*parts: str, told: tuple[str, ...] = ()) -> Call:
    text = Note(lines=(Line(spans=(Span(text="why"),)),)) if "note" in parts else None
    return Call(
        operation="op", number=1, verb="all", parts=dict.fromkeys(parts, True), note=text, told=told,
        expect=dict.fromkeys(parts, "x"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "blamed", "left", "why"),
    [
        (["group", "priority", "note"], ["group"], ["priority", "note"], "the rest is worth another call"),
        (["group", "note"], ["group"], ["note"], "the note alone, too"),
        (["group", "priority", "note"], [], ["note"], "nobody said which, so the note alone"),
        (["group", "note"], ["note"], ["group"], "a note that is refused costs the fields nothing"),
        (["group", "priority"], [], None, "nobody said which, and there is no note in it"),
        (["note"], [], None, "nothing is left of a note"),
        (["group"], ["group"], None, "nothing is left"),
        (["group", "note"], ["colour"], ["note"], "blaming what we did not send says nothing"),
    ],
)
def test_what_is_left_of_a_refused_call(parts: list[str], blamed: list[str], left: list[str] | None, why: str) -> None:
    rest = without(note(*parts), Refused("no", parts=frozenset(blamed)), 7)
    if left is None:
        assert rest is None, why
        return
    assert rest is not None, why
    assert (list(rest.parts), rest.number, rest.note is not None) == (left, 7, "note" in left), why
    assert set(rest.expect) <= set(left)
    assert len(rest.told) == 1


def test_more_than_nine_calls_keep_their_order(bench: Bench) -> None:
    now = bench.clock()
    calls = [Call(operation="op", number=n, verb="set", parts={"note": True} if n == 3 else {}) for n in range(1, 13)]
    stored = [StoredCall(call=call, state=CallState.PLANNED, created_at=now) for call in calls]
    assert [c.call.number for c in sorted(stored, key=in_order)] == [1, 2, *range(4, 13), 3]


# --- 14: ambiguous ------------------------------------------------------------------------------------------
def test_a_lost_answer_is_looked_for_at_once_and_found(urgent: Bench) -> None:
    urgent.vendor.script = ["done", "lost"]
    again = urgent.looks()
    assert urgent.calls() == {"set 1": "written", "say 2": "sending"}
    urgent.clock.now = again
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "say 2", "look 2"]
    assert urgent.calls()["say 2"] == "written"
    assert urgent.said("writeback.found")


def test_a_note_that_is_not_there_is_looked_for_again_and_only_then_sent(urgent: Bench) -> None:
    urgent.vendor.script = ["done", LOST]
    attempted = urgent.clock()
    urgent.clock.now = urgent.looks()
    assert urgent.looks() == attempted + timedelta(seconds=60)
    assert urgent.vendor.log == ["set 1", "say 2", "look 2"]
    urgent.clock.now = attempted + timedelta(seconds=59)
    urgent.looks()
    assert urgent.vendor.log[3:] == ["look 2"]
    urgent.clock.now = attempted + timedelta(seconds=60)
    urgent.looks()
    assert urgent.vendor.log[4:] == ["look 2", "say 2"]
    assert len(urgent.vendor.done) == 2


def test_one_that_appears_late_is_not_doubled(urgent: Bench) -> None:
    urgent.vendor.script = ["done", LOST]
    attempted = urgent.clock()
    urgent.clock.now = urgent.looks()
    urgent.looks()
    urgent.vendor.done.append(urgent.store.open(urgent.ref(), urgent.clock()).calls[0].call)  # it was only slow
    urgent.clock.now = attempted + timedelta(seconds=60)
    urgent.looks()
    assert [call.number for call in urgent.vendor.done] == [1, 2]
    assert urgent.calls()["say 2"] == "written"


def test_fields_need_no_waiting(urgent: Bench) -> None:
    urgent.vendor.script = [LOST]
    urgent.clock.now = urgent.looks()
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "look 1", "set 1", "say 2"]


def test_fields_that_are_there_are_not_set_again(urgent: Bench) -> None:
    urgent.vendor.script = ["lost"]
    urgent.clock.now = urgent.looks()
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "look 1", "say 2"]


def test_the_note_does_not_overtake_fields_whose_end_is_unseen(build_bench: Any) -> None:
    bench = build_bench(name="once")  # where fields cannot be sent twice either
    bench.born(priority="urgent")
    bench.vendor.script = [LOST]
    bench.clock.now = bench.looks()
    bench.looks()
    assert bench.vendor.log == ["set 1", "look 1"]
    bench.clock.advance(seconds=60)
    bench.looks()
    assert bench.vendor.log == ["set 1", "look 1", "look 1", "set 1", "say 2"]


def test_an_unfinished_call_that_is_found_at_the_start_is_looked_for(urgent: Bench) -> None:
    def die() -> None:
        raise SystemExit

    urgent.vendor.script = ["done", die]
    with pytest.raises(SystemExit):
        urgent.look()
    assert urgent.calls() == {"set 1": "sending", "say 2": "sending"}
    assert urgent.store.due(urgent.clock(), 1) == [urgent.ref()], "it is due at once, not at its next look"
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "say 2", "look 1", "look 2"]
    urgent.clock.advance(seconds=60)
    urgent.looks()
    assert [call.number for call in urgent.vendor.done] == [1, 2]


def test_a_look_that_fails_leaves_it_open(urgent: Bench) -> None:
    urgent.vendor.script, urgent.vendor.looks = ["lost"], [TryLater("down")]
    urgent.clock.now = urgent.looks()
    urgent.clock.now = urgent.looks()
    assert urgent.calls()["set 1"] == "sending"
    urgent.looks()
    assert urgent.calls()["set 1"] == "written"


def test_what_cannot_be_looked_for_is_refused(urgent: Bench) -> None:
    urgent.vendor.script, urgent.vendor.looks = ["lost"], [Refused("the ticket is gone", gone=True)]
    urgent.clock.now = urgent.looks()
    urgent.looks()
    assert urgent.calls()["set 1"] == "refused"


# --- 15: settle, then decide again --------------------------------------------------------------------------
def test_a_newer_decision_supersedes_what_is_open(urgent: Bench) -> None:
    urgent.vendor.script = [TryLater("busy", after=100)]
    urgent.looks()
    urgent.hear({"kind": "commented", "by": "agent", "says": "/escalate 3", "public": False})
    urgent.looks()
    urgent.clock.advance(seconds=101)
    urgent.looks()
    states = urgent.calls()
    assert "superseded" in states.values()
    assert [call.parts.get("level") for call in urgent.vendor.done if "level" in call.parts] == [3]
    assert sum(call.note is not None for call in urgent.vendor.done) == 1


@pytest.mark.parametrize(
    "act",
    [
        {"kind": "changed", "by": "agent", "changes": [["status", "new", "solved"]]},
        {"kind": "changed", "by": "agent", "changes": [["group", "Support", "Experts"]]},
        {"kind": "changed", "by": "agent", "changes": [["assignee", None, "robin"]]},
    ],
)
def test_a_person_who_acts_withdraws_what_is_open(urgent: Bench, act: dict[str, Any]) -> None:
    urgent.vendor.script = [TryLater("busy", after=100)]
    urgent.looks()
    urgent.clock.advance(seconds=10)
    urgent.hear(act)
    urgent.looks()
    assert set(urgent.calls().values()) == {"withdrawn"}
    urgent.clock.advance(seconds=1000)
    urgent.looks()
    assert urgent.vendor.done == []


def test_what_was_settled_is_known_before_it_is_decided_again(urgent: Bench) -> None:
    urgent.vendor.script = ["lost"]
    urgent.clock.now = urgent.looks()
    urgent.hear({"kind": "commented", "by": "agent", "says": "/escalate 3", "public": False})
    urgent.looks()
    assert urgent.calls()["set 1"] == "written", "it was found, though a newer decision came"


# --- 16: patience -------------------------------------------------------------------------------------------
def test_a_vendor_that_cannot_now_frees_the_ticket(urgent: Bench) -> None:
    urgent.vendor.script = [TryLater("busy", after=20)]
    again = urgent.looks()
    assert again == urgent.clock() + timedelta(seconds=20)
    assert urgent.calls() == {"set 1": "planned", "say 2": "planned"}
    urgent.clock.now = again
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "set 1", "say 2"]
    assert urgent.vendor.log.count("look 1") == 0, "what was never sent needs no looking for"


def test_the_first_failure_closes_the_site_to_all_but_one(bench: Bench) -> None:
    for ticket in "123":
        bench.born(ticket, priority="urgent")
    bench.vendor.script = [TryLater("down")]
    for ticket in "123":
        bench.looks(ticket)
    assert bench.vendor.log == ["set 1"]
    assert set(bench.calls("2").values()) == {"planned"}
    bench.clock.advance(seconds=1.5)
    bench.vendor.script = [TryLater("down")]
    for ticket in "123":
        bench.looks(ticket)
    assert bench.vendor.log == ["set 1", "set 1"]
    bench.clock.advance(seconds=4)
    for ticket in "123":
        bench.looks(ticket)
    assert len(bench.vendor.done) == 6


def test_after_an_ambiguous_end_a_look_that_succeeds_opens_the_site(urgent: Bench) -> None:
    urgent.vendor.script = ["lost"]
    urgent.clock.now = urgent.looks()
    assert urgent.looks() is not None or urgent.vendor.log[-1] == "say 2"
    assert urgent.vendor.log == ["set 1", "look 1", "say 2"], "the note needs no other probe"


def test_a_busy_ticket_leaves_the_site_open(bench: Bench) -> None:
    for ticket in "12":
        bench.born(ticket, priority="urgent")
    bench.vendor.script = [TryLater("somebody else is changing it", after=5, site_wide=False)]
    bench.looks("1")
    bench.looks("2")
    assert bench.vendor.log == ["set 1", "set 1", "say 2"]


def test_the_attempts_are_counted_and_the_last_reason_is_kept(urgent: Bench) -> None:
    urgent.vendor.script = [TryLater("busy"), TryLater("still busy")]
    urgent.clock.now = urgent.looks()
    urgent.clock.now = urgent.looks()
    first, second = urgent.store.open(urgent.ref(), urgent.clock()).calls
    assert (first.attempts, first.outcome) == (2, "still busy")
    assert (second.attempts, second.attempted_at) == (0, None)


# --- 21: stop at once ---------------------------------------------------------------------------------------
def test_a_pause_between_two_calls_holds_the_second(urgent: Bench) -> None:
    def paused_meanwhile() -> None:
        urgent.store.pause("all", "stop!", urgent.clock())
        urgent.clock.now += FRESH

    urgent.vendor.script = [paused_meanwhile]
    urgent.looks()
    assert urgent.calls() == {"set 1": "written", "say 2": "planned"}
    urgent.clock.advance(hours=1)
    urgent.looks()
    assert urgent.vendor.log == ["set 1"]
    urgent.store.resume("all", urgent.clock())
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "say 2"]


@pytest.mark.parametrize("scope", ["all", "site:desk/acme", "rule:urgent"])
def test_a_pause_during_a_look_holds_its_writes(urgent: Bench, scope: str) -> None:
    urgent.vendor.tickets["7"]["created_at"] = urgent.clock().isoformat()
    send = urgent.reconciler._outbox.begun

    def paused_meanwhile(*given: Any) -> Any:
        urgent.store.pause(scope, "stop!", urgent.clock())
        urgent.clock.now += FRESH  # so long a look may trust what it knew of pauses: a quarter of the second promised
        return send(*given)

    urgent.reconciler._outbox.begun = paused_meanwhile
    urgent.look()
    assert urgent.vendor.log == []
    assert set(urgent.calls().values()) == {"planned"}
