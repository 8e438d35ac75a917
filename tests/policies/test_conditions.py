"""Every question answers yes, no or unknown, with the numbers it compared; unknown is not no."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.asking import FactQuestion, Unknown
from policies.case import Case, Facts
from policies.conditions import REGISTRY, AllOf, Answer, AnyOf, Finding, Leaf, Node, Not, leaf, leaves, parsed
from policies.moments import Clocks, moment_of


def asked(say: Any, when: str, *events: Any, at: float = 60, level: int = 1, fetched: Any = ()) -> Answer:
    policy = say.policy(f"when: {{{when}}}, go_to: 4")
    _, ticket, story = say.told(events)
    case = Case(ref=say.ref, level=level, level_since=say.at(0), ticket=ticket, story=story)
    rule, facts = policy.rules[0], Facts(fetched=frozenset(fetched))
    moment = moment_of(policy, Clocks(policy, case).of(rule), case, facts, say.at(at))
    return rule.when.ask(moment).answers[0]


FIELDS = [
    ("status: [new, open]", {"status": "open"}, True, "status=open#0"),
    ("status: new", {"status": "open"}, False, None),
    ("priority: {at_least: high}", {"priority": "urgent"}, True, "priority=urgent#0"),
    ("priority: {at_least: high}", {"priority": "low"}, False, None),
    ("priority: {less_than: high}", {"priority": None}, False, None),
    ("priority: [low, high]", {"priority": "high"}, True, "priority=high#0"),
    ("product: Mail", {"product": "mail"}, True, "product=mail#0"),
    ("group: support", {}, True, "group=11#0"),
    ('group: "11"', {}, True, "group=11#0"),
    ("group: Kitchen", {}, False, None),
    ("tags: [Outage, x]", {"tags": ("outage", "y")}, True, "tag:outage=outage#0"),
    ("tags: outage", {}, False, None),
    ("tier: gold", {"organization": "Globex"}, True, "organization=Globex#0"),
    ("tier: vip", {"organization": "Globex", "tags": ("vip",)}, False, None),
    ("tier: vip", {"tags": ("VIP",)}, True, "tag:VIP=VIP#0"),
    ("tier: other", {}, True, "tier=other"),
    ("severity: critical", {"impact": "High", "urgency": "high"}, True, "impact=High#0"),
    ("severity: {at_least: major}", {"impact": "low", "urgency": "high"}, False, None),
    ("severity: critical", {"impact": "unheard of", "urgency": "high"}, False, None),
    ("custom: {env: prod}", {"custom": {"env": "Prod"}}, True, "custom.env=Prod#0"),
    ("custom: {env: prod}", {"custom": {"env": None}}, False, None),
]


@pytest.mark.parametrize(("when", "told", "value", "cause"), FIELDS)
def test_a_field_answers_with_its_cause(say: Any, when: str, told: Any, value: bool, cause: str | None) -> None:
    answer = asked(say, when, say.born(**told))
    assert answer.value is value
    assert [c.id for c in answer.causes][:1] == ([cause] if cause else [])


UNKNOWN = [
    ("status: new", "status"),
    ("priority: high", "priority"),
    ("group: Support", "group"),
    ("tags: outage", "tags"),
    ("tier: gold", "organization"),
    ("severity: critical", "impact"),
    ("custom: {env: prod}", "custom"),
    ("answered: true", "conversation"),
    ("unanswered_for: 1h", "conversation"),
    ("unresolved_for: 1h", "created_at"),
    ("no_human_activity_for: 1h", "created_at"),
]


@pytest.mark.parametrize(("when", "needs"), UNKNOWN)
def test_unknown_is_neither_yes_nor_no_until_it_was_asked_for(say: Any, when: str, needs: str) -> None:
    bare = say.event("x", 1, who=None)
    answer = asked(say, when, bare)
    assert (answer.value, answer.needs) == (None, needs)
    assert asked(say, when, bare, fetched=[needs]).value is False


TIMES = [
    ("unresolved_for: 1h", (), 60, True, "to the minute"),
    ("unresolved_for: 1h", (), 59.99, False, "not before"),
    ("unresolved_for: 1h", (("status", "solved"),), 60, False, "resolved"),
    ("unanswered_for: 1h", (("reply",),), 60, False, "answered"),
    ("unanswered_for: 50m", (("reply",), ("ana",)), 60, False, "asked again at minute 20"),
    ("unanswered_for: 40m", (("reply",), ("ana",)), 60, True, "asked again at minute 20"),
    ("not_taken_for: 1h", (), 60, True, "nobody"),
    ("not_taken_for: 1h", (("take",),), 60, False, "assigned by a person"),
    ("not_taken_for: 1h", (("note",),), 60, False, "an agent comments"),
    ("not_taken_for: 1h", (("ack",),), 60, False, "says so"),
    ("not_taken_for: 1h", (("trigger",),), 60, True, "a trigger assigns nobody's attention"),
    ("no_human_activity_for: 50m", (("note",),), 60, True, "since minute 10"),
    ("no_human_activity_for: 51m", (("note",),), 60, False, "since minute 10"),
    ("no_human_activity_for: 60m", (("ana",),), 60, True, "the customer is not staff"),
    ("at_level_for: 1h", (), 60, True, "since it came there"),
]


@pytest.mark.parametrize(("when", "acts", "at", "value", "_reason"), TIMES)
def test_time_questions(say: Any, when: str, acts: Any, at: float, value: bool, _reason: str) -> None:
    events = [say.born()]
    for minute, act in zip((10, 20), acts, strict=False):
        match act[0]:
            case "status":
                events.append(say.changed(f"e{minute}", minute, say.tom, status=("new", act[1])))
            case "take" | "trigger":
                who = say.tom if act[0] == "take" else say.bot
                events.append(say.changed(f"e{minute}", minute, who, assignee=(None, "eva")))
            case "note" | "ack":
                text = "Hm" if act[0] == "note" else "/ack"
                events.append(say.said(f"e{minute}", minute, say.tom, text, False))
            case _:
                events.append(say.said(f"e{minute}", minute, say.ana if act[0] == "ana" else say.tom))
    assert asked(say, when, *events, at=at).value is value


def test_a_time_question_knows_when_it_turns(say: Any) -> None:
    answer = asked(say, "unresolved_for: 2h", say.born(), at=30)
    assert (answer.value, answer.due, answer.found, answer.wanted) == (False, say.at(120), "30 min", "2h")


def test_a_later_moment_counts_with_what_was_known_at_the_first(say: Any) -> None:
    policy = say.policy("when: {unresolved_for: 1h}, go_to: 4")
    _, ticket, story = say.told([say.born(), say.changed("e", 20, say.tom, status=("new", "pending"))])
    case = Case(ref=say.ref, level_since=say.at(0), ticket=ticket, story=story)
    first = moment_of(policy, Clocks(policy, case).of(policy.rules[0]), case, Facts(), say.at(10))  # before the pause
    [answer] = policy.rules[0].when.ask(first.later(say.at(60))).answers
    assert (answer.value, answer.due) == (True, say.at(60))


def test_the_requesters_first_agent_who_had_it_before_does_not_take_it_by_commenting(say: Any) -> None:
    desk = say.desk(say.policy("when: {tags: outage}, go_to: 2", "when: {not_taken_for: 30m, level: 2}, go_to: 3"))
    desk.look(0, say.born(tags=("outage",), assignee="tom"))
    desk.written(1)
    desk.look(5, say.said("c", 5, say.tom, "I handed it over", False))
    assert desk.look(30).case.level == 3


def said(value: bool | None) -> Leaf:
    found = Unknown("x") if value is None else value
    question = FactQuestion(name="said", wanted="yes", read=lambda _: found, holds=lambda found: found)
    return Leaf(name="said", question=question)


TREES = st.recursive(
    st.sampled_from([True, False, None]).map(said),
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(lambda p: AllOf(parts=tuple(p))),
        st.lists(parts, min_size=1, max_size=3).map(lambda p: AnyOf(parts=tuple(p))),
        parts.map(lambda p: Not(part=p)),
    ),
    max_leaves=8,
)


def possible(node: Node) -> set[bool]:
    """Every value a tree can have, whatever its unknown answers turn out to be."""
    if isinstance(node, Leaf):
        value = node.question.read(None)  # type: ignore[union-attr, arg-type]
        return {True, False} if isinstance(value, Unknown) else {value}
    if isinstance(node, Not):
        return {not value for value in possible(node.part)}
    join = all if isinstance(node, AllOf) else any
    sets = [possible(part) for part in node.parts]  # type: ignore[attr-defined]
    found = {True} if join(True in s for s in sets) else set()
    return found | ({False} if not join(s == {True} for s in sets) else set())


@given(tree=TREES)
def test_unknown_is_said_exactly_when_the_value_depends_on_it(say: Any, tree: Node) -> None:
    policy = say.policy("when: {level: 1}, go_to: 2")
    case = Case.fresh(say.ref, say.at(0))
    moment = moment_of(policy, Clocks(policy, case).of(policy.rules[0]), case, Facts(), say.at(0))
    found: Finding = tree.ask(moment)
    values = possible(tree)
    assert found.value == (None if len(values) == 2 else values.pop())
    assert (found.value is None) <= bool(found.needs)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_condition_has_a_sentence_and_an_example_that_builds(name: str) -> None:
    import yaml

    condition = REGISTRY[name]
    (value,) = yaml.safe_load(condition.example).values()
    assert condition.example.startswith(f"{name}:")
    assert condition.summary.endswith(".")
    assert leaf(name, value).name == name


def test_plain_data_becomes_a_tree(say: Any) -> None:
    tree = parsed({"level": 1, "not": {"tags": "x"}, "any": [{"priority": "low"}, {"all": [{"kind": "bug"}]}]})
    assert [part.name for part in leaves(tree)] == ["level", "tags", "priority", "kind"]
