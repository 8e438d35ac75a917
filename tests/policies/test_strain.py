"""Complexity, frustration and ratings: counted once, found by whole words, never a reason by themselves."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import sentences as say_so
from policies.case import Case, Facts
from policies.conditions import Answer, parsed
from policies.difference import differences
from policies.document import PolicyError, dump, parse
from policies.echoes import promised
from policies.lint import lint
from policies.matrix import matrix
from policies.model import Kind
from policies.moments import Clocks, moment_of
from policies.phrases import first_in, own_words, plain_words
from policies.story import MOST_COUNTED
from policies.strain import reached_at

MOODS = """\
frustration:
  phrases:
    en: {strong: [lawyer, "cancel our contract"], mild: ["still waiting", "password: hunter2"]}
    de: {strong: kündigen}
    ja: {mild: ["まだ待って"]}
  tags: {strong: [very_negative], mild: [Negative]}
csat: {bad: [csat_bad, rated_1], good: csat_good}
"""


def policy(say: Any, *rules: str) -> Any:
    return say.policy(*rules, more=MOODS)


def asked(say: Any, when: str, *events: Any, fetched: Any = (), at: float = 600) -> Answer:
    """The answer to the first question; a tag stands beside it, because frustration is never asked alone."""
    tested = policy(say, f"when: {{{when}, any: [{{tags: x}}]}}, go_to: 4")
    _, ticket, story = say.told(events)
    case = Case(ref=say.ref, level_since=say.at(0), ticket=ticket, story=story)
    facts = Facts(fetched=frozenset(fetched))
    moment = moment_of(tested, Clocks(tested, case).of(tested.rules[0]), case, facts, say.at(at))
    return tested.rules[0].when.parts[0].ask(moment).answers[0]


def talk(say: Any, turns: str, start: float = 1, text: str = "Hm") -> list[Any]:
    """Messages, one a minute: a = the requester, t = an agent, n = an agent's note, b = a program."""
    who = {"a": (say.ana, True), "t": (say.tom, True), "n": (say.tom, False), "b": (say.bot, True)}
    return [say.said(f"c{start + n}", start + n, who[t][0], text, who[t][1]) for n, t in enumerate(turns)]


def passed(say: Any, *owners: str, start: float = 1, who: Any = None) -> list[Any]:
    """The ticket goes from one assignee to the next, once a minute."""
    pairs = zip((None, *owners), owners, strict=False)
    return [say.changed(f"o{start + n}", start + n, who or say.eva, assignee=pair) for n, pair in enumerate(pairs)]


# --- counts -------------------------------------------------------------------------------------------------------
COUNTS = [
    ("replies: {more_than: 3}", "atta", True, "replies more than 3", 4, "both sides"),
    ("replies: {more_than: 4}", "atta", False, None, None, "both sides"),
    ("replies: 4", "anbtnta", True, "replies 4", 7, "notes and programs are none"),
    ("replies: {customer: {at_least: 2}}", "atta", True, "replies at least 2 by the customer", 4, "one side"),
    ("replies: {agents: 2}", "atta", True, "replies 2 by agents", 3, "the other side"),
    ("replies: {agents: {at_least: 3}}", "atta", False, None, None, "the other side"),
    ("replies: {less_than: 9}", "atta", True, None, None, "so from the beginning: nothing brought it about"),
    ("replies: {at_least: 0}", "", True, None, None, "always so"),
]


@pytest.mark.parametrize(("when", "turns", "value", "cause", "minute", "_reason"), COUNTS)
def test_messages_are_counted_by_side(
    say: Any, when: str, turns: str, value: bool, cause: str | None, minute: float | None, _reason: str
) -> None:
    answer = asked(say, when, say.born(), *talk(say, turns))
    assert answer.value is value
    assert [(c.id, c.since) for c in answer.causes] == ([(cause, say.at(minute))] if cause and minute else [])


def test_both_sides_are_shown_apart(say: Any) -> None:
    answer = asked(say, "replies: {at_least: 3}", say.born(), *talk(say, "atta"))
    assert (answer.found, answer.wanted) == ("4: 2 by agents, 2 by the customer", "at least 3")


def test_the_message_that_opened_the_ticket_is_no_reply(say: Any) -> None:
    opening = say.said("first", 0, say.ana, "It does not work")
    assert asked(say, "replies: 1", say.born(), opening, *talk(say, "a")).value is True


def test_an_edited_message_counts_once(say: Any) -> None:
    first, reply = talk(say, "at")
    again = [replace(event, id=f"{event.id}:edited", at=say.at(9)) for event in (first, reply)]
    assert asked(say, "replies: 2", say.born(), first, reply, *again).value is True


PASSED = [
    ("hand_overs: {at_least: 2}", ("tom", "eva", "tom"), True, "hand_overs at least 2", 3),
    ("hand_overs: {at_least: 3}", ("tom", "eva", "tom"), False, None, None),
    ("owners: {at_least: 2}", ("tom", "eva", "tom"), True, "owners at least 2", 2),
    ("owners: {at_least: 3}", ("tom", "eva", "tom"), False, None, None),
    ("owners: 3", ("tom", "eva", "ben"), True, "owners 3", 3),
]


@pytest.mark.parametrize(("when", "owners", "value", "cause", "minute"), PASSED)
def test_hand_overs_and_owners_are_counted(
    say: Any, when: str, owners: Any, value: bool, cause: str | None, minute: float | None
) -> None:
    answer = asked(say, when, say.born(), *passed(say, *owners))
    assert answer.value is value
    assert [(c.id, c.since) for c in answer.causes] == ([(cause, say.at(minute))] if cause and minute else [])


def test_who_had_it_at_its_birth_or_before_the_first_change_is_an_owner(say: Any) -> None:
    moved = say.changed("m", 2, say.tom, assignee=("tom", "eva"))
    assert asked(say, "owners: 2", say.born(assignee="tom"), moved).value is True
    assert asked(say, "owners: 2", moved).value is True


def test_an_owner_who_is_only_found_by_a_fetch_came_no_earlier_than_that(say: Any) -> None:
    tie = [say.changed("a", 5, say.tom, assignee=("tom", "eva")), say.changed("b", 5, say.tom, assignee=("eva", "ben"))]
    fetched = say.event("f", 9, Kind.FETCHED, None, ticket=say.full(say.at(9), assignee="zoe"))
    answer = asked(say, "owners: 4", say.born(assignee="tom"), *tie, fetched)
    assert [c.since for c in answer.causes] == [say.at(9)]


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("before", ["tom", None])
def test_whom_stepladder_assigned_is_no_owner_whichever_sibling_comes_first(say: Any, turn: int, before: Any) -> None:
    picture = say.full(say.at(10), assignee="eva")
    spoken = say.said("c", 10, say.bot, "A trigger's comment", False, picture)
    explicit = say.changed("a", 10.001, say.ours, picture, assignee=(before, "eva"))
    desk = say.desk(policy(say, "when: {owners: 2}, go_to: 2"))
    desk.look(1, say.born(assignee=before))
    desk.case = promised(desk.case, "op", {"assignee": "eva"}, False, say.at(10))
    for event in [spoken, explicit][::turn]:
        desk.look(30, event)
    assert [owner.value for owner in desk.case.story.owners] == ([before] if before else [])
    assert desk.case.story.handed_over == ()


@pytest.mark.parametrize("turn", [1, -1])
def test_one_save_makes_one_owner_whichever_sibling_comes_first(say: Any, turn: int) -> None:
    picture = say.full(say.at(10), assignee="eva")
    spoken = say.said("c", 10, say.tom, "Over to Eva", False, picture)
    explicit = say.changed("a", 10.001, say.tom, picture, assignee=("tom", "eva"))
    desk = say.desk(policy(say, "when: {owners: 9}, go_to: 2"))
    desk.look(1, say.born(assignee="tom"))
    for event in [spoken, explicit][::turn]:
        desk.look(30, event)
    assert [owner.value for owner in desk.case.story.owners] == ["tom", "eva"]
    assert len(desk.case.story.handed_over) == 1


@pytest.mark.parametrize("rule", ["replies: {more_than: 3}", "owners: {at_least: 2}", "hand_overs: {at_least: 1}"])
def test_a_count_fires_once_and_not_with_every_further_one(say: Any, rule: str) -> None:
    desk = say.desk(policy(say, f"when: {{{rule}}}, go_to: next_level"))
    desk.look(0, say.born())
    life = [*talk(say, "at" * 6, 1), *passed(say, "tom", "eva", "ben", "ann", "tom", start=20)]
    moves = []
    for event in life:
        moves += desk.look(event.at, event).fired
        desk.case = replace(desk.case, pending=())
    assert moves == ["r0"]


def test_a_number_reached_before_stepladder_looked_is_no_cause(say: Any) -> None:
    desk = say.desk(policy(say, "when: {replies: {at_least: 3}}, go_to: 2"), Facts(mode_since=say.at(9)))
    picture = say.full(say.at(10), status="open")
    known = replace(picture, known=picture.known | {"conversation"})
    desk.look(10, *talk(say, "ata"), say.event("f", 10, ticket=known))
    desk.look(11, *talk(say, "t", 11))
    assert desk.level == 1


def test_what_is_remembered_of_a_long_ticket_stays_small(say: Any) -> None:
    names = [f"agent{n}" for n in range(200)]
    words = [say.said(f"x{n}", 300 + n, say.ana if n % 2 else say.tom, "word " * 3000) for n in range(200)]
    _, _, story = say.told([say.born(), *passed(say, *names), *words])
    kept = (story.owners, story.handed_over, story.agents_said, story.customer_said)
    assert [len(some) for some in kept] == [MOST_COUNTED] * 4
    assert (story.hand_overs, len(story.words)) == (199, 3)
    assert all(len(one.text) <= 1002 for one in story.words)


def test_messages_are_unknown_until_they_were_asked_for(say: Any) -> None:
    bare = say.event("x", 1, who=None)
    answer = asked(say, "replies: {at_least: 2}", bare)
    assert (answer.value, answer.needs) == (None, "conversation")
    assert asked(say, "replies: {at_least: 2}", bare, fetched=["conversation"]).value is False
    assert asked(say, "replies: {at_least: 2}", bare, *talk(say, "at", 2)).value is True  # more would not change it
    assert asked(say, "replies: {at_most: 2}", bare, *talk(say, "att", 2)).value is False


@given(number=st.integers(0, MOST_COUNTED), order=st.sampled_from(["at_least", "more_than", "at_most", "less_than"]))
def test_a_comparison_becomes_true_exactly_where_it_is_said_to(number: int, order: str) -> None:
    from policies.values import counted

    compare, _ = counted({order: number})
    reached = reached_at({order: number})
    if reached is None:
        assert compare(0) or not any(compare(n) for n in range(MOST_COUNTED + 1))
    else:
        assert compare(reached)
        assert not compare(reached - 1)


# --- words --------------------------------------------------------------------------------------------------------
HEARD = [
    ("I will talk to my LAWYER.", "strong: “lawyer”", "whatever its capitals"),
    ("My lawyers", None, "a whole word"),
    ("cancel, our… contract!", "strong: “cancel our contract”", "punctuation between the words does not matter"),
    ("we cancel the contract", None, "the words as they stand"),
    ("Wir KÜNDIGEN", "strong: “kündigen”", "any language"),
    ("wir ku\u0308ndigen", "strong: “kündigen”", "an umlaut written in two signs"),
    ("私はまだ待っています", "mild: “まだ待って”", "a script without spaces"),
    ("I am still\nwaiting", "mild: “still waiting”", "over a line's end"),
    ("> still waiting\nYes.", None, "quoted"),
    ("  >> lawyer\nYes.", None, "quoted twice, indented"),
    ("still\n> no\nwaiting", "mild: “still waiting”", "a quote is left out"),
    ("still waiting for my lawyer", "strong: “lawyer”", "the strongest"),
    ("Thank you", None, "calm"),
    ("", None, "nothing"),
]


@pytest.mark.parametrize(("text", "found", "_reason"), HEARD)
def test_frustration_is_found_by_whole_words(say: Any, text: str, found: str | None, _reason: str) -> None:
    answer = asked(say, "frustration: {at_least: mild}", say.born(), say.said("c", 5, say.ana, text))
    assert (answer.value, answer.found) == (found is not None, found or "none")
    assert [c.since for c in answer.causes] == ([say.at(5)] if found else [])


@pytest.mark.parametrize("who", ["tom", "bot", "ours"])
def test_only_the_requesters_own_words_count(say: Any, who: str) -> None:
    spoken = say.said("c", 5, getattr(say, who), "You have a lawyer?")
    assert asked(say, "frustration: strong", say.born(), spoken).value is False


def test_a_secret_is_hidden_before_phrases_are_looked_for(say: Any) -> None:
    answer = asked(say, "frustration: mild", say.born(), say.said("c", 5, say.ana, "Password: hunter2"))
    assert (answer.value, answer.found) == (False, "none")


DEGREES = [
    ("mild", True, False),
    ("strong", False, True),
    ("[mild, strong]", True, True),
    ("{less_than: strong}", True, False),
]


@pytest.mark.parametrize(("wanted", "mild", "strong"), DEGREES)
def test_degrees_rank(say: Any, wanted: str, mild: bool, strong: bool) -> None:
    for text, value in (("still waiting", mild), ("lawyer", strong), ("fine", False)):
        spoken = say.said("c", 5, say.ana, text)
        assert asked(say, f"frustration: {wanted}", say.born(), spoken).value is value, text


def test_only_the_newest_three_messages_are_read(say: Any) -> None:
    angry = say.said("angry", 0.5, say.ana, "lawyer")
    assert asked(say, "frustration: strong", say.born(), angry, *talk(say, "aa")).value is True
    assert asked(say, "frustration: strong", say.born(), angry, *talk(say, "aaa")).value is False


def test_an_edit_takes_the_place_of_the_message(say: Any) -> None:
    angry = say.said("c", 5, say.ana, "lawyer")
    calm = replace(angry, id="c:edited", at=say.at(6), comment=replace(angry.comment, text="sorry"))
    assert asked(say, "frustration: strong", say.born(), angry, calm).value is False


def test_angry_messages_in_a_row_climb_once_and_after_an_answer_once_more(say: Any) -> None:
    desk = say.desk(policy(say, "when: {frustration: strong, answered: false}, go_to: next_level"))
    desk.look(0, say.born())
    for event in talk(say, "aaaaa", 1, "lawyer"):
        desk.look(event.at, event)
    assert desk.level == 2
    desk.look(20, *talk(say, "t", 20))
    desk.look(21, *talk(say, "a", 21, "lawyer"))
    assert desk.level == 3


def test_the_cause_is_the_first_angry_message_of_the_waiting(say: Any) -> None:
    answer = asked(say, "frustration: strong", say.born(), *talk(say, "aa", 3, "lawyer"))
    assert [(c.id, c.since) for c in answer.causes] == [("frustration #1", say.at(3))]


@pytest.mark.parametrize("when", ["replies: {more_than: 3}", "frustration: mild, tags: x"])
def test_a_touched_ticket_is_fetched_with_its_messages(say: Any, when: str) -> None:
    desk = say.desk(policy(say, f"when: {{{when}}}, go_to: 2"), vendor=say.full(say.at(5)))
    desk.look(0, say.born())
    desk.look(5, say.event("t", 5, Kind.TOUCHED))
    assert desk.asked == [frozenset({"ticket", "conversation"})]


def test_a_sentiment_tag_shows_frustration_too(say: Any) -> None:
    tagged = say.changed("t", 7, say.bot, tag=(None, "negative"))
    answer = asked(say, "frustration: mild", say.born(), tagged)
    assert (answer.value, answer.found) == (True, "mild: tagged negative")
    assert [(c.id, c.since) for c in answer.causes] == [("tag:negative=negative#1", say.at(7))]


UNKNOWN = [
    ({"tags": ()}, "frustration: strong", "conversation"),
    ({"tags": ("very_negative",)}, "frustration: {at_least: mild}", None),
    ({"tags": ("negative",)}, "frustration: {at_least: mild}", None),
    ({"tags": ("negative",)}, "frustration: mild", "conversation"),
    ({}, "csat: bad", "tags"),
]


@pytest.mark.parametrize(("told", "when", "needs"), UNKNOWN)
def test_a_mood_is_unknown_as_long_as_more_could_change_the_answer(say: Any, told: Any, when: str, needs: Any) -> None:
    answer = asked(say, when, say.event("x", 1, who=None, ticket=say.part(say.at(1), **told)))
    assert (answer.value, answer.needs) == (None if needs else True, needs)


def test_a_hostile_message_and_hundreds_of_phrases_take_no_time(say: Any) -> None:
    phrases = ", ".join(f'"{"a " * 40}{n}"' for n in range(499))
    big = say.policy(
        "when: {frustration: mild, tags: x}, go_to: 2", more=f"frustration: {{phrases: {{en: {{mild: [{phrases}]}}}}}}"
    )
    texts = ["a " * 500_000, "> " * 500_000, "\n>" * 500_000, "ﷺ" * 500_000, "a" * 1_000_000]
    started = time.perf_counter()
    for text in texts:
        assert first_in(own_words(text), big.frustration.phrases) is None
    assert time.perf_counter() - started < 2


@given(text=st.text(max_size=80), phrase=st.text(max_size=8))
def test_a_phrase_is_found_wherever_it_stands_between_other_words(text: str, phrase: str) -> None:
    words = plain_words(phrase)
    assert plain_words(words) == words  # a second time changes nothing
    if words:
        assert words in plain_words(f"{text} {phrase} {text}")


# --- ratings ------------------------------------------------------------------------------------------------------
RATED = [
    ((), "csat: bad", False, "none"),
    (("csat_bad",), "csat: bad", True, "bad"),
    (("Rated_1",), "csat: bad", True, "bad"),
    (("csat_good",), "csat: bad", False, "good"),
    (("csat_bad", "csat_good"), "csat: bad", False, "good"),
    (("csat_good", "csat_bad"), "csat: bad", True, "bad"),
    (("csat_good",), "csat: [bad, good]", True, "good"),
]


@pytest.mark.parametrize(("tags", "when", "value", "found"), RATED)
def test_the_rating_that_was_set_last_counts(say: Any, tags: Any, when: str, value: bool, found: str) -> None:
    events = [say.changed(f"t{n}", n, say.bot, tag=(None, tag)) for n, tag in enumerate(tags, 1)]
    answer = asked(say, when, say.born(), *events)
    assert (answer.value, answer.found) == (value, found)
    assert [c.since for c in answer.causes] == ([say.at(len(tags))] if value else [])


def test_a_rating_of_a_solved_ticket_counts_once_it_is_open_again(say: Any) -> None:
    desk = say.desk(policy(say, "when: {csat: bad}, go_to: 2"))
    desk.look(0, say.born())
    desk.look(1, say.changed("s", 1, say.tom, status=("new", "solved")))
    desk.look(2, say.changed("r", 2, say.bot, tag=(None, "csat_bad")))
    assert desk.level == 1
    desk.look(3, say.changed("o", 3, say.ana, status=("solved", "open")))
    assert desk.level == 2


# --- loading ------------------------------------------------------------------------------------------------------
ALONE = [
    "frustration: strong",
    "not: {not: {frustration: strong}}",
    "frustration: strong, level: 1",
    "frustration: strong, status: [new, open], not: {level: 3}",
    "any: [{frustration: strong}, {csat: bad}]",
    "all: [{frustration: mild}, {any: [{level: 1}, {frustration: strong}]}]",
    "not: {any: [{frustration: strong}, {level: 3}]}",
]


@pytest.mark.parametrize("when", ALONE)
def test_frustration_alone_is_no_reason(say: Any, when: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(say, f"when: {{{when}}}, go_to: 4")
    assert "frustration alone is no reason to escalate" in str(caught.value)


@pytest.mark.parametrize(
    "when",
    [
        "frustration: strong, unanswered_for: 1h",
        "any: [{frustration: strong, tags: x}, {csat: bad}]",
        "not: {frustration: strong}, csat: bad",
        "not: {any: [{frustration: strong}, {csat: bad}]}",
    ],
)
def test_frustration_beside_something_else_is(say: Any, when: str) -> None:
    assert policy(say, f"when: {{{when}}}, go_to: 4").rules


WRONG = [
    ("when: {frustration: mild, tags: x}, go_to: 2", "", "no `frustration` section"),
    ("when: {csat: bad}, go_to: 2", "", "no `csat` section"),
    ("when: {csat: good}, go_to: 2", "csat: {bad: x}", "names no sign for this, only for bad"),
    (
        "when: {frustration: {at_least: strong}, tags: x}, go_to: 2",
        "frustration: {tags: {mild: x}}",
        "no sign for this",
    ),
    ("when: {csat: terrible}, go_to: 2", MOODS, "expected a rating: bad or good; found 'terrible'"),
    ("when: {frustration: fury, tags: x}, go_to: 2", MOODS, "a degree of frustration: mild, strong"),
    ("when: {replies: {more_than: 51}}, go_to: 2", "", "counts up to 50, found 51"),
    ("when: {replies: {customer: {more_than: 51}}}, go_to: 2", "", "counts up to 50, found 51"),
    ("when: {replies: {robots: 3}}, go_to: 2", "", "expected one of at_least"),
    ("when: {owners: many}, go_to: 2", "", "expected a number"),
    ("when: {level: 1}, go_to: 2", "frustration: {}", "expected phrases or tags"),
    ("when: {level: 1}, go_to: 2", "frustration: {phrases: {en: {}}}", "nothing is named here"),
    ("when: {level: 1}, go_to: 2", 'frustration: {phrases: {en: {mild: ["?!"]}}}', "no word in this phrase"),
    ("when: {level: 1}, go_to: 2", "frustration: {phrases: {en: {mild: [A b], strong: [a-B]}}}", '"a b" is both'),
    ("when: {level: 1}, go_to: 2", "csat: {bad: x, good: [y, X]}", '"x" is both bad and good'),
    ("when: {level: 1}, go_to: 2", "frustration: {tags: {wild: x}}", "unknown key"),
    (
        "when: {level: 1}, go_to: 2",
        f"frustration: {{phrases: {{en: {{mild: [{', '.join(f'w{n}' for n in range(501))}]}}}}}}",
        "at most 500 phrases; this has 501",
    ),
]


@pytest.mark.parametrize(("rule", "more", "sentence"), WRONG)
def test_a_mistake_is_found_at_load_in_its_place(say: Any, rule: str, more: str, sentence: str) -> None:
    with pytest.raises(PolicyError) as caught:
        say.policy(rule, more=more)
    assert [p.sentence for p in caught.value.problems if sentence in p.sentence], str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_broken_section_is_not_held_against_the_rules(say: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        say.policy("when: {csat: bad}, go_to: 2", more="csat: {bad: []}")
    assert [p.message for p in caught.value.problems] == ["this list is empty; fill it, or remove it"]


def test_moods_survive_being_stored(say: Any) -> None:
    before = policy(say, "when: {csat: bad}, go_to: 2")
    after = parse(dump(before))
    assert (after.frustration, after.csat, after.revision) == (before.frustration, before.csat, before.revision)


# --- for people ---------------------------------------------------------------------------------------------------
SENTENCES = [
    ({"replies": {"more_than": 12}}, "the two sides have exchanged more than 12 messages"),
    ({"replies": {"customer": {"at_least": 5}}}, "the customer has written at least 5 messages"),
    ({"not": {"replies": {"agents": 1}}}, "agents have not written 1 message"),
    ({"hand_overs": {"at_least": 3}}, "it has been handed over at least 3 times"),
    ({"owners": 1}, "it has been in the hands of 1 person"),
    ({"not": {"owners": {"at_least": 4}}}, "it has not been in the hands of at least 4 people"),
    ({"frustration": {"at_least": "mild"}}, "the requester's words or tags show mild frustration or more"),
    ({"not": {"frustration": "strong"}}, "the requester's words or tags do not show strong frustration"),
    ({"csat": "bad"}, "the customer rated the help bad"),
]


@pytest.mark.parametrize(("when", "words"), SENTENCES)
def test_a_condition_is_said_in_words(when: dict[str, Any], words: str) -> None:
    assert say_so.in_words(parsed(when), "office") == words


def test_the_signs_are_shown_and_compared(say: Any) -> None:
    rule = "when: {level: 1, tags: x}, go_to: 2"
    shown = policy(say, rule)
    (section,) = [section for section in matrix(shown).sections if section.title == "Moods"]
    assert "“lawyer” (en)" in str(section)
    other = say.policy(rule, more=MOODS.replace("lawyer", "judge").replace("csat_good", "fine"))
    assert [(d.section, d.name) for d in differences(shown, other)] == [
        ("Moods", "strong frustration"),
        ("Moods", "rated good"),
    ]


LINTED = [
    ("{replies: {less_than: 3}}", "it never fires"),
    ("{replies: {customer: {at_most: 3}}}", "it never fires"),
    ("{all: [{csat: bad}, {csat: good}]}", "exclude each other"),
    ("{all: [{frustration: mild}, {frustration: strong}, {tags: x}]}", "exclude each other"),
    ("{all: [{owners: {at_least: 3}}, {owners: {at_most: 2}}]}", "exclude each other"),
]


@pytest.mark.parametrize(("when", "sentence"), LINTED)
def test_the_linter_knows_what_can_never_be(say: Any, when: str, sentence: str) -> None:
    found = [str(finding) for finding in lint(policy(say, f"when: {when}, go_to: 4")) if finding.severity == "error"]
    assert [finding for finding in found if sentence in finding], found


@pytest.mark.parametrize(
    "when",
    ["{replies: {more_than: 12}}", "{hand_overs: 3}", "{frustration: mild, unanswered_for: 1h}", "{csat: bad}"],
)
def test_the_linter_lets_the_rest_be(say: Any, when: str) -> None:
    assert [f for f in lint(policy(say, f"when: {when}, go_to: 4")) if f.about.startswith("rule ")] == []
