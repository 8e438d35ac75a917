"""A pattern fits or does not, in a blink, whatever it is and whatever the text; a bad one is refused in plain words."""

from __future__ import annotations

import time
from typing import Any

import pytest

from policies.case import Case, Facts
from policies.conditions import Answer, leaf
from policies.document import PolicyError, parse
from policies.moments import Clocks, moment_of
from policies.patterns import LONGEST, LOOKED_AT, compiled
from policies.values import Wrong


def asked(say: Any, patterns: Any, *events: Any, fetched: Any = ()) -> Answer:
    policy = say.policy("when: {level: 1}, go_to: 4")
    _, ticket, story = say.told(events)
    case = Case(ref=say.ref, level_since=say.at(0), ticket=ticket, story=story)
    clocks = Clocks(policy, case).of(policy.rules[0])
    moment = moment_of(policy, clocks, case, Facts(fetched=frozenset(fetched)), say.at(60))
    return leaf("matches", patterns).ask(moment).answers[0]


FITS = [
    ({"subject": "outage"}, {"subject": "Total OUTAGE in Berlin"}, True, "subject: “OUTAGE”", "capitals do not matter"),
    ({"subject": "(?-i)outage"}, {"subject": "OUTAGE"}, False, "subject: no", "unless the pattern says so"),
    ({"subject": r"(?i)\boutage\b"}, {"subject": "outages"}, False, "subject: no", "a whole word"),
    ({"subject": "server (is )?down"}, {"subject": "The server  is down"}, False, "subject: no", "as it was written"),
    ({"subject": "^re:"}, {"subject": "Re: Re: invoice"}, True, "subject: “Re:”", "from the beginning"),
    ({"subject": "x"}, {"subject": None}, False, "subject: none", "no subject"),
    ({"subject": "ausfälle"}, {"subject": "AUSFÄLLE"}, True, "subject: “AUSFÄLLE”", "letters of any language"),
    ({"product": "^mail"}, {"product": "Mailserver"}, True, "product: “Mail”", "a field"),
    ({"organization": "glob"}, {"organization": "Globex"}, True, "organization: “Glob”", "a name"),
    ({"custom.env": "prod|live"}, {"custom": {"env": "Live 2"}}, True, "custom.env: “Live”", "a field of the site's"),
    ({"custom.env": "."}, {"custom": {"env": None}}, False, "custom.env: none", "nothing stands there"),
    (
        {"subject": "a", "product": "b"},
        {"subject": "a", "product": "c"},
        False,
        "subject: “a”, product: no",
        "all must",
    ),
    ({"subject": "a", "product": "b"}, {"subject": "a", "product": "b"}, True, "subject: “a”, product: “b”", "all do"),
]


@pytest.mark.parametrize(("patterns", "told", "value", "found", "_reason"), FITS)
def test_a_text_fits_or_not(say: Any, patterns: Any, told: Any, value: bool, found: str, _reason: str) -> None:
    answer = asked(say, patterns, say.born(**told))
    assert (answer.value, answer.found) == (value, found)


MESSAGES = [
    ("outage", "Total OUTAGE!", True, "capitals and signs are left out"),
    ("not acceptable", "This is not\n  acceptable.", True, "lines are joined"),
    ("outage", "Hi\n> outage yesterday", False, "what is quoted was said before"),
    ("^hello$", "Hello", True, "the whole message"),
    ("größe", "Die GRÖSSE stimmt nicht", True, "as plain words write it"),
    ("cafe\u0301", "Im Café", True, "however an accent is typed"),
    (r"error \d{3}", "error: 503", True, "a space for a sign"),
    ("[a-c]x", "ax", True, "a range is no sign"),
]


@pytest.mark.parametrize(("pattern", "text", "value", "_reason"), MESSAGES)
def test_what_the_requester_wrote_is_looked_at_as_plain_words(
    say: Any, pattern: str, text: str, value: bool, _reason: str
) -> None:
    answer = asked(say, {"message": pattern}, say.born(), say.said("c", 1, say.ana, text))
    assert answer.value is value


def test_only_the_requesters_newest_three_messages_are_looked_at(say: Any) -> None:
    said = [say.said(f"c{n}", n, say.ana, "outage" if n == 1 else "Hm") for n in range(1, 4)]
    assert asked(say, {"message": "outage"}, say.born(), *said).value
    assert not asked(say, {"message": "outage"}, say.born(), *said, say.said("d", 9, say.ana)).value
    assert not asked(say, {"message": "outage"}, say.born(), say.said("c", 1, say.tom, "outage")).value


UNKNOWN = [
    ({"subject": "x"}, "subject"),
    ({"product": "x"}, "product"),
    ({"custom.env": "x"}, "custom"),
    ({"message": "x"}, "conversation"),
]


@pytest.mark.parametrize(("patterns", "needs"), UNKNOWN)
def test_a_text_that_is_not_known_is_asked_for(say: Any, patterns: Any, needs: str) -> None:
    bare = say.event("x", 1, who=None)
    answer = asked(say, patterns, bare)
    assert (answer.value, answer.needs) == (None, needs)
    assert asked(say, patterns, bare, fetched=[needs]).value is False


def test_a_text_that_does_not_fit_decides_whatever_is_unknown(say: Any) -> None:
    answer = asked(say, {"subject": "x", "message": "y"}, say.event("e", 1, ticket=say.part(subject="z")))
    assert (answer.value, answer.needs) == (False, None)


def test_a_thing_without_a_known_name_is_asked_for(say: Any) -> None:
    from policies.model import Named, ticket_from

    picture = ticket_from(say.ref, say.at(0), {"organization": Named(id="9")})
    answer = asked(say, {"organization": "glob"}, say.event("e", 1, ticket=picture))
    assert (answer.value, answer.needs) == (None, "organization")


# --- causes -------------------------------------------------------------------------------------------------------
def test_a_subject_is_a_cause_when_it_takes_the_value_and_only_once(say: Any) -> None:
    desk = say.desk(say.policy('when: {matches: {subject: "outage"}}, go_to: next_level'))
    desk.look(0, say.born(subject="Help"))
    desk.look(10, say.changed("a", 10, subject=("Help", "Outage")))
    assert desk.levels == [1, 2]
    desk.look(20, say.changed("b", 20, subject=("Outage", "Help")))
    desk.look(30, say.changed("c", 30, subject=("Help", "Outage")))
    assert desk.level == 2
    desk.look(40, say.changed("d", 40, subject=("Outage", "Outage in Berlin")))
    assert desk.level == 3


def test_a_subject_that_was_there_before_stepladder_looked_is_no_cause(say: Any) -> None:
    desk = say.desk(say.policy('when: {matches: {subject: "outage"}}, go_to: 2'), vendor=say.full(subject="outage"))
    desk.look(0, say.said("c", 0, say.tom, ticket=say.full(subject="outage")))
    assert desk.level == 1


def test_a_late_sibling_of_a_subject_that_counted_is_no_second_cause(say: Any) -> None:
    picture = say.full(say.at(10), subject="Outage")
    desk = say.desk(say.policy('when: {matches: {subject: "outage"}}, go_to: next_level'))
    desk.look(1, say.born(subject="Help"))
    desk.look(11, say.said("c", 10, say.tom, "Hm", False, picture))
    desk.look(12, say.changed("s", 9.99, say.tom, picture, subject=("Help", "Outage")))
    assert desk.levels == [1, 2, 2]


def test_messages_are_a_cause_once_for_each_waiting(say: Any) -> None:
    desk = say.desk(say.policy('when: {matches: {message: "outage"}}, go_to: next_level'))
    desk.look(0, say.born())
    for at in (5, 6, 7):
        desk.look(at, say.said(f"c{at}", at, say.ana, "An outage!"))
    assert desk.levels == [1, 2, 2, 2]
    desk.look(10, say.said("r", 10, say.tom))
    desk.look(12, say.said("c12", 12, say.ana, "Outage again"))
    assert desk.level == 3


def test_a_field_is_a_cause_each_time_it_takes_the_value(say: Any) -> None:
    answer = asked(say, {"product": "mail"}, say.born(product=None), say.changed("p", 5, product=(None, "mail")))
    assert [(c.id, c.since) for c in answer.causes] == [("product=mail#1", say.at(5))]


def test_what_must_not_be_quoted_is_not_shown(say: Any) -> None:
    card = asked(say, {"subject": r"4111[ \d]+"}, say.born(subject="Card 4111 1111 1111 1111 refused"))
    assert (card.value, card.found) == (True, "subject: “•••”")
    word = asked(say, {"subject": "hunter"}, say.born(subject="password: hunter2"))
    assert (word.value, word.found) == (True, "subject: “•••”")


# --- what is refused ----------------------------------------------------------------------------------------------
REFUSED = [
    ({"subject": "(outage"}, "subject", "a ( is not closed"),
    ({"subject": "outage)"}, "subject", "a ) closes nothing"),
    ({"subject": "[outage"}, "subject", "a [ is not closed"),
    ({"message": "[outage"}, "message", "a [ is not closed"),
    ({"subject": "*outage"}, "subject", "there is nothing before * to repeat"),
    ({"subject": "a**"}, "subject", "** repeats a repetition"),
    ({"subject": "[z-a]"}, "subject", "no such range or class of letters: z-a"),
    ({"subject": "outage\\"}, "subject", "ends with a \\"),
    ({"subject": "(?=outage)"}, "subject", "RE2, which has no look-ahead and no look-behind"),
    ({"subject": "(?<!no )outage"}, "subject", "RE2, which has no look-ahead and no look-behind"),
    ({"subject": r"(a)\1"}, "subject", r"\1 is unknown: patterns run on RE2, which has no back-references"),
    ({"subject": "a{2000}"}, "subject", "{2000} repeats too often; at most 1000"),
    ({"subject": "(((a{100}){100}){100})"}, "subject", "repeats too often; at most 1000"),
    ({"subject": r"(?:\pL{1,60}){1,15}"}, "subject", "it becomes too large; repeat less"),
    ({"subject": "x" * (LONGEST + 1)}, "subject", "at most 500 characters; this has 501"),
    ({"subject": ""}, "subject", "expected a pattern, such as outage, found ''"),
    ({"subject": 5}, "subject", "expected a pattern, such as outage, found 5"),
    ({"subject": "\ud800"}, "subject", "half a character"),
    ({"subject": r"\bübel"}, "subject", "finds no edge of a word"),
    ({"message": "can't"}, "message", "' never fits: what the requester wrote is looked at as plain words"),
    ({"message": r"3\.5"}, "message", ". never fits"),
    ({"sujet": "x"}, "sujet", "expected one of message, subject, product"),
    ({"custom.": "x"}, "custom.", "or custom.NAME; found 'custom.'"),
    ({"custom": "x"}, "custom", "or custom.NAME; found 'custom'"),
]


@pytest.mark.parametrize(("patterns", "place", "sentence"), REFUSED)
def test_a_bad_pattern_is_refused_in_plain_words_at_its_place(
    patterns: Any, place: str, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Wrong) as refused:
        leaf("matches", patterns)
    assert sentence in str(refused.value)
    assert refused.value.at == (place,)
    assert capfd.readouterr() == ("", "")  # RE2 would print what it thinks of a pattern


@pytest.mark.parametrize("value", ["outage", [], {}, True, None])
def test_patterns_stand_under_the_names_of_texts(value: Any) -> None:
    with pytest.raises(Wrong, match="expected texts with patterns, such as"):
        leaf("matches", value)


def test_a_bad_pattern_in_a_policy_is_shown_with_its_line(say: Any) -> None:
    text = say.policy("when: {level: 1}, go_to: 2").text.partition("rules:")[0]
    rule = "rules:\n  - name: r\n    when:\n      matches:\n        subject: (outage\n    go_to: 2\n"
    with pytest.raises(PolicyError) as refused:
        parse(text + rule)
    [problem] = refused.value.problems
    assert "a ( is not closed" in problem.message
    assert (text + rule).splitlines()[problem.line - 1].strip() == "subject: (outage"


# --- time ---------------------------------------------------------------------------------------------------------
BOMBS = [r"(a+)+$", r"(a|a)*$", r"(a|aa)+$", r"(.*)*x", r"(?:a?){50}a{50}$", r"^(([a-z])+.)+[A-Z]([a-z])+$"]


@pytest.mark.parametrize("pattern", BOMBS)
def test_no_pattern_takes_longer_than_a_blink(pattern: str) -> None:
    begun = time.perf_counter()
    compiled(pattern).search("a" * 100_000 + "!")
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize("pattern", [*BOMBS, "((a?){30}){30}b"])
def test_a_long_field_is_answered_in_a_blink(say: Any, pattern: str) -> None:
    born = say.born(custom={"log": "a" * 100_000 + "!"})
    begun = time.perf_counter()
    asked(say, {"custom.log": pattern}, born)
    assert time.perf_counter() - begun < 1


def test_of_a_long_field_the_beginning_is_looked_at(say: Any) -> None:
    born = say.born(custom={"log": "x" * (LOOKED_AT - 3) + "end" + "late"})
    assert asked(say, {"custom.log": "end"}, born).value
    assert not asked(say, {"custom.log": "late"}, born).value
