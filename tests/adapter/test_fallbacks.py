"""What becomes of a refused target: the next one is tried, each once, and the note says so. And whom a pool chose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapter.salvage import remedy, spoken
from connectors.contract import Alternative, Call, Outcome, Refused, TryLater
from policies.commands import Line, Note, Span
from policies.model import JSON

Bench = Any
NOTE = Note(lines=(Line(label="Changed", spans=(Span(text="group → Experts"),)), Line(spans=(Span(text="op x"),))))
LEADS = Alternative(parts={"group": "Leads"}, expect={"group": "Leads", "assignee": None})
DUTY = Alternative(parts={"assignee": "duty"}, expect={"assignee": "duty"})
NO_GROUP = Refused("no such group", parts=frozenset({"group"}))


def call(**more: Any) -> Call:
    given: dict[str, Any] = {
        "operation": "op", "number": 1, "verb": "all", "note": NOTE, "aims": ("group",), "otherwise": (LEADS, DUTY),
        "parts": {"group": "Experts", "priority": "high", "level": 2, "note": True},
        "expect": {"group": "Experts", "assignee": None, "priority": "high", "level": "2", "tag": "l2"},
    }  # fmt: skip
    return Call(**{**given, **more})


# --- what is sent instead -----------------------------------------------------------------------------------
def test_the_next_target_takes_the_place_of_the_refused_one() -> None:
    found = remedy(call(), NO_GROUP, 7, {})
    instead = found.call
    assert instead is not None
    assert (instead.number, instead.aims, instead.otherwise) == (7, ("group",), (DUTY,))
    assert instead.parts == {"group": "Leads", "priority": "high", "level": 2, "note": True}
    assert instead.expect == {"group": "Leads", "assignee": None, "priority": "high", "level": "2", "tag": "l2"}
    assert instead.told == ("group Experts was refused (no such group); given to group Leads instead",)
    assert instead.note is not None
    assert [line.label for line in instead.note.lines] == ["Wanted", ""]


def test_another_kind_of_target_leaves_nothing_of_the_first() -> None:
    instead = remedy(call(otherwise=(DUTY,)), NO_GROUP, 7, {}).call
    assert instead is not None
    assert instead.parts == {"assignee": "duty", "priority": "high", "level": 2, "note": True}
    assert instead.expect == {"assignee": "duty", "priority": "high", "level": "2", "tag": "l2"}
    assert instead.aims == ("assignee",)


@pytest.mark.parametrize(
    ("call", "refused", "parts", "why"),
    [
        (call(), Refused("no"), {"group": "Leads", "priority": "high", "level": 2, "note": True}, "nobody is blamed"),
        (
            call(), Refused("no", parts=frozenset({"group", "priority"})), {"group": "Leads", "level": 2, "note": True},
            "the priority is at fault, too",
        ),
        (
            call(), Refused("no", parts=frozenset({"priority"})), {"group": "Experts", "level": 2, "note": True},
            "the target is not at fault",
        ),
        (call(otherwise=()), NO_GROUP, {"priority": "high", "level": 2, "note": True}, "there is no other target"),
        (call(aims=()), Refused("no"), {"note": True}, "it has no target"),
        (call(), Refused("closed", gone=True), None, "the ticket takes nothing more"),
        (call(), Refused("ALARM", parts=frozenset({"group"}), applied=True), None, "it was carried out"),
    ],
)  # fmt: skip
def test_what_is_sent_after_a_refusal(call: Call, refused: Refused, parts: dict[str, JSON] | None, why: str) -> None:
    found = remedy(call, refused, 7, {}).call
    assert (dict(found.parts) if found else None) == parts, why


EXPECTED = {
    "group": "Network", "product": "vpn", "custom.floor": "3", "form": "Incident", "level": "2", "tag": "l2",
}  # fmt: skip
FIELDS = {"field:team": "Network", "field:product": "vpn", "field:floor": "3", "field:request_type": "Incident"}


@pytest.mark.parametrize(
    ("lost", "left"),
    [
        ("level", {"group", "product", "custom.floor", "form"}),
        ("field:team", {"product", "custom.floor", "form", "level", "tag"}),
        ("field:product", {"group", "custom.floor", "form", "level", "tag"}),
        ("field:floor", {"group", "product", "form", "level", "tag"}),
        ("field:request_type", {"group", "product", "custom.floor", "level", "tag"}),
    ],
)
def test_what_is_still_written_is_still_expected_back(lost: str, left: set[str]) -> None:
    edit = call(parts={**FIELDS, "level": 2, "note": True}, expect=EXPECTED, aims=("field:team",), otherwise=())
    rest = remedy(edit, Refused("no", parts=frozenset({lost})), 7, {}).call
    assert rest is not None
    assert set(rest.expect) == left


def test_what_a_target_brings_along_is_expected_as_long_as_the_target_is() -> None:
    expect = {"group": "Experts", "assignee": None, "status": "open", "priority": "high"}
    edit = call(parts={"group": "Experts", "priority": "high", "note": True}, expect=expect, otherwise=())
    kept = remedy(edit, Refused("no", parts=frozenset({"priority"})), 7, {}).call
    lost = remedy(edit, NO_GROUP, 7, {}).call
    assert kept is not None
    assert lost is not None
    assert (set(kept.expect), set(lost.expect)) == ({"group", "assignee", "status"}, {"priority"})


def test_the_text_of_a_linked_issue_goes_with_it_and_is_no_note() -> None:
    other = Alternative(parts={"linked_issue": {"project": "OPS"}})
    link = call(parts={"linked_issue": {"project": "DEV"}}, expect={}, aims=("linked_issue",), otherwise=(other,))
    instead = remedy(link, Refused("no such project"), 7, {}).call
    assert instead is not None
    assert (instead.note, dict(instead.parts)) == (NOTE, {"linked_issue": {"project": "OPS"}})
    assert remedy(instead, Refused("no such project"), 8, {}).call is None


def test_what_else_was_at_fault_is_said_in_the_same_sentence() -> None:
    said = remedy(call(), Refused("no", parts=frozenset({"group", "priority"})), 7, {}).sentence
    assert said == "group Experts was refused (no); given to group Leads instead; not set: priority"


def test_a_call_that_loses_another_part_keeps_its_other_targets() -> None:
    rest = remedy(call(), Refused("no", parts=frozenset({"priority"})), 7, {}).call
    assert rest is not None
    instead = remedy(rest, NO_GROUP, 8, {}).call
    assert instead is not None
    assert instead.parts == {"group": "Leads", "level": 2, "note": True}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"group": "Experts", "assignee": None}, "group Experts"),
        ({"field:team": "Network", "assignee": "ada"}, "team Network and assignee ada"),
        ({"group": "Experts", "pool": {"pick": "least_busy"}}, "somebody of group Experts"),
        ({"pool": {"pick": "round_robin", "from": ["ada", "ben"]}}, "somebody of the people named"),
        ({"followers": ["mara", "zoe"]}, "followers mara, zoe"),
        ({"link": {"project": "DEV", "type": "Bug"}}, "link project DEV, type Bug"),
        ({"assignee": None}, "nobody"),
    ],
)
def test_a_target_in_words(parts: dict[str, JSON], words: str) -> None:
    assert spoken(parts, {}) == words


def test_ids_are_said_by_name_where_the_vendor_has_told_one() -> None:
    names = {"group:360": "Experts", "user:7001": "Ada Berg", "user:360": "Zoe"}
    assert spoken({"group": 360, "assignee": "7001"}, names) == "group Experts and assignee Ada Berg"
    assert spoken({"watchers": ["7001", "7002"], "field:team": "360"}, names) == "watchers Ada Berg, 7002 and team 360"


# --- from the refusal to the note ---------------------------------------------------------------------------
POLICY = """
version: 1
name: Second choice
applies_to: {desk: {groups: [Support, Experts]}}
levels:
  - {level: 1, name: Frontline, targets: {desk: {group: Support}}}
  - level: 2
    name: Specialist
    targets: {desk: {group: Experts}}
    fallback: [{desk: {group: Leads}}, {desk: {assignee: duty}}]
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
"""


@pytest.fixture
def urgent(build_bench: Any) -> Bench:
    """A ticket that has to climb, to a level with two more targets: `set 1`, then `say 2`."""
    bench = build_bench(policy=POLICY)
    bench.born(priority="urgent")
    return bench


def test_the_ticket_goes_to_the_next_target_and_the_note_says_so(urgent: Bench) -> None:
    urgent.vendor.script = [NO_GROUP]
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "set 3", "say 2"]
    assert urgent.vendor.done[0].parts["group"] == "Leads"
    assert urgent.vendor.done[1].told == ("group Experts was refused (no such group); given to group Leads instead",)
    assert urgent.calls() == {"set 1": "refused", "set 3": "written", "say 2": "written"}
    (told,) = urgent.said("writeback.fallback")
    assert told["said"] == urgent.vendor.done[1].told[0]


def test_each_target_is_tried_once_and_in_the_end_the_rest_is_written(urgent: Bench) -> None:
    urgent.vendor.script = [NO_GROUP, NO_GROUP, Refused("left the company", parts=frozenset({"assignee"}))]
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "set 3", "set 4", "set 5", "say 2"]
    assert dict(urgent.vendor.done[0].parts) == {"level": 2}
    assert urgent.vendor.done[1].told == (
        "group Experts was refused (no such group); given to group Leads instead",
        "group Leads was refused (no such group); given to assignee duty instead",
        "Not set: assignee (left the company)",
    )


def test_the_echo_of_another_target_is_our_own(urgent: Bench) -> None:
    urgent.vendor.script = [NO_GROUP]
    urgent.looks()
    urgent.clock.advance(seconds=2)
    urgent.hear({"kind": "changed", "by": "ours", "changes": [["group", "Support", "Leads"]]})
    urgent.looks()
    assert urgent.case().story.hand_overs == 0
    assert urgent.case().level == 2


def test_a_busy_vendor_makes_it_wait_and_another_target_is_not_tried(urgent: Bench) -> None:
    urgent.vendor.script = [TryLater("busy", after=20)]
    urgent.clock.now = urgent.looks()
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "set 1", "say 2"]
    assert urgent.vendor.done[0].parts["group"] == "Experts"


def test_killed_between_two_targets_it_goes_on_with_the_second(urgent: Bench) -> None:
    def die() -> None:
        raise SystemExit

    urgent.vendor.script = [NO_GROUP, die]
    with pytest.raises(SystemExit):
        urgent.looks()
    assert urgent.calls()["set 3"] == "sending"
    urgent.clock.advance(seconds=61)
    urgent.looks()
    assert urgent.vendor.log == ["set 1", "set 3", "look 2", "look 3", "set 3", "say 2"]


# --- pools --------------------------------------------------------------------------------------------------
@pytest.fixture
def pooled(build_bench: Any) -> Bench:
    """A level that chooses a person: the vendor says whom."""
    bench = build_bench(policy=POLICY.replace("{group: Experts}", "{group: Experts, assign: round_robin}"))
    carry_out = bench.vendor.carry_out

    def chosen(call: Call, ticket: Any) -> Outcome:
        outcome = carry_out(call, ticket)
        return replace(outcome, resolved={"assignee": "77"}) if "pool" in call.parts else outcome

    bench.vendor.carry_out = chosen
    return bench


def test_whom_a_pool_chose_is_known_at_once_and_its_echo_is_our_own(pooled: Bench) -> None:
    pooled.born(priority="urgent")
    pooled.looks()
    assert pooled.case().ticket.assignee.id == "77"
    assert pooled.case().story.taken_at is None, "we gave it to them; they have not said that they have it"
    pooled.clock.advance(seconds=2)
    pooled.hear(
        {"kind": "changed", "by": "ours", "changes": [["group", "Support", "Experts"], ["assignee", None, "77"]]}
    )
    pooled.looks()
    assert pooled.case().story.taken_at is None
