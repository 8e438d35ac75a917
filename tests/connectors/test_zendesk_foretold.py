"""What is foretold of a trigger is what the pretend Zendesk then does: certain runs, impossible does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from connectors.upkeep import Placed, Uses
from connectors.zendesk.foreign import would_run, writes
from connectors.zendesk.pretend_rules import Save, applies, visible
from connectors.zendesk.records import LEVEL_FIELD, OURS, PretendTicket
from policies.commands import Take
from policies.model import Priority

LEVEL = f"custom_fields_{LEVEL_FIELD}"
TAGS = {2: "stepladder_level_2", 3: "stepladder_level_3"}
SETS = frozenset({Priority.HIGH, Priority.URGENT})
MOVE, DOWN, NOTE = writes(
    Uses(
        targets=(Placed(level=2, name="Specialist", target={"group": "362"}, take=Take.OWNERSHIP, sets=SETS),),
        sets=SETS,
        levels=3,
    ),
    str(LEVEL_FIELD),
    str(OURS),
    lambda kind, word: str(word),
)

VALUES: dict[str, list[Any]] = {
    "group_id": ["360", "362", ""],
    "assignee_id": ["", "7001"],
    "priority": ["low", "high", "urgent", ""],
    "status": ["new", "open", "pending", "solved"],
    "type": ["incident", "task"],
    LEVEL: ["", *TAGS.values()],
}
OPERATORS = ["is", "is_not", "changed", "not_changed", "value", "value_previous", "not_value", "not_value_previous"]


def of_field(name: str) -> st.SearchStrategy[dict[str, Any]]:
    more = ["less_than", "greater_than"] if name == "priority" else []
    return st.fixed_dictionaries(
        {"field": st.just(name), "operator": st.sampled_from(OPERATORS + more), "value": st.sampled_from(VALUES[name])}
    )


def plain(name: str, operators: list[str], values: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"field": st.just(name), "operator": st.sampled_from(operators), "value": st.sampled_from(values)}
    )


conditions = st.one_of(
    *(of_field(name) for name in VALUES),
    plain("update_type", ["is"], ["Create", "Change"]),
    plain("comment_is_public", ["is"], ["true", "false", "not_relevant", "requester_can_see_comment"]),
    plain("role", ["is", "is_not"], ["agent", "end_user", str(OURS), "7001"]),
    plain("current_tags", ["includes", "not_includes"], ["vip", *TAGS.values(), "vip stepladder_level_3"]),
)
rules = st.fixed_dictionaries({"all": st.lists(conditions, max_size=3), "any": st.lists(conditions, max_size=3)})
tickets = st.builds(
    lambda group, assignee, priority, status, level, vip: PretendTicket(
        id=1,
        requester_id=8001,
        created_at="2026-11-22T08:00:00Z",
        updated_at="2026-11-22T08:00:00Z",
        subject="VPN",
        description="down",
        group_id=group,
        assignee_id=assignee,
        priority=priority,
        status=status,
        custom={LEVEL_FIELD: TAGS.get(level)},
        tags=([TAGS[level]] if level in TAGS else []) + (["vip"] if vip else []),
    ),
    st.sampled_from([360, 362, None]),
    st.sampled_from([None, 7001]),
    st.sampled_from([None, "low", "high", "urgent"]),
    st.sampled_from(["open", "pending"]),
    st.sampled_from([1, 2, 3]),
    st.booleans(),
)


def moved(before: PretendTicket, priority: str | None) -> PretendTicket:
    """Return the ticket after our write to level 2: the group's own assignee keeps it, anybody else loses it."""
    stays = before.group_id == 362
    return replace(
        before,
        group_id=362,
        assignee_id=before.assignee_id if stays else None,
        priority=priority or before.priority,
        custom={LEVEL_FIELD: TAGS[2]},
        tags=[TAGS[2], *(tag for tag in before.tags if tag == "vip")],
    )


def brought_down(before: PretendTicket, once: PretendTicket) -> PretendTicket:
    """Return the ticket after our way down: at a lower level, with the group, person and priority it had once."""
    level = once.custom[LEVEL_FIELD]
    return replace(
        before,
        group_id=once.group_id,
        assignee_id=once.assignee_id,
        priority=once.priority,
        custom={LEVEL_FIELD: level},
        tags=[*([str(level)] if level else []), *(tag for tag in before.tags if tag == "vip")],
    )


def agrees(foretold: bool | None, rule: dict[str, Any], before: PretendTicket, after: PretendTicket) -> None:
    save = Save(ticket=after, before=visible(before), created=False, public=False, actor=OURS)
    event(f"foretold: {foretold}")
    if foretold is not None:
        assert applies({"active": True, "conditions": rule}, save) is foretold


@given(rules, tickets, st.sampled_from([None, "high", "urgent"]))
@settings(max_examples=500, deadline=None)
def test_a_move_runs_what_was_foretold(rule: dict[str, Any], before: PretendTicket, priority: str | None) -> None:
    assume(before.custom[LEVEL_FIELD] != TAGS[2])  # else it is no move
    agrees(would_run(rule, MOVE), rule, before, moved(before, priority))


@given(rules, tickets, tickets)
@settings(max_examples=400, deadline=None)
def test_the_way_down_runs_what_was_foretold(rule: dict[str, Any], before: PretendTicket, once: PretendTicket) -> None:
    assume((before.custom[LEVEL_FIELD] or "") > (once.custom[LEVEL_FIELD] or ""))
    agrees(would_run(rule, DOWN), rule, before, brought_down(before, once))


@given(rules, tickets)
@settings(max_examples=300, deadline=None)
def test_a_note_alone_runs_what_was_foretold(rule: dict[str, Any], before: PretendTicket) -> None:
    agrees(would_run(rule, NOTE), rule, before, replace(before))
