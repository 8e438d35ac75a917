"""Policies that somebody wrote to keep a check busy, or a generator: each is refused in a sentence, or its work ends.

Nothing here is timed: what a check does is counted, and the counts are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from policies.branches import Answers
from policies.document import parse
from policies.effort import MOST_STEPS, Effort, TooMany
from policies.findings import MOST_SHOWN, Finding, reasons
from policies.keeping import keeping
from policies.lint import lint
from policies.policy import Policy
from policies.rivals import rivals
from policies.simulate import MOST_ASKED, play, run_examples
from policies.source import PolicyError

LEFT_OUT = "rules: there are so many rules and conditions that not all of them were compared with each other"


SIMPLE = "rules: [{name: r, when: {unanswered_for: 1h}, go_to: 2%s}]\n"


def problems(said: str) -> set[str]:
    """Return what is wrong with a policy that does not load."""
    with pytest.raises(PolicyError) as refused:
        parse(said)
    return {problem.message for problem in refused.value.problems}


def rules(number: int, when: Callable[[int], str], go_to: str = "2", more: str = "") -> str:
    each = (f"- {{name: r{n}, when: {{{when(n)}}}, go_to: {go_to}{more}}}\n" for n in range(number))
    return "rules:\n" + "".join(each)


def levels(number: int) -> str:
    each = (f"- {{level: {n}, name: l{n}, targets: {{desk: {{group: A}}}}}}\n" for n in range(1, number + 1))
    return "levels:\n" + "".join(each)


def text(said: str = "", *, ladder: str = "", more: str = "") -> str:
    head = "version: 1\nname: Hostile\napplies_to: {desk: {groups: [A]}}\n"
    return f"{head}{ladder or levels(2)}{said or rules(1, lambda _: 'unanswered_for: 1h')}{more}"


def each(said: str, number: int, start: int = 0) -> str:
    """Say something so often, with another number instead of each #."""
    return ", ".join(said.replace("#", str(n)) for n in range(start, start + number))


def ways_down(number: int, what: str) -> str:
    each = (f"- {{name: d{n}, from: 2, when: {{{what}}}, for: 1h, go_to: 1}}\n" for n in range(number))
    return "come_down:\n" + "".join(each)


def played(number: int, end: str) -> str:
    one = f'ticket: {{site: desk, created: "2027-03-01 09:00"}}, expect: [{{at: "{end}", level: 1}}]'
    return "tests:\n" + "".join(f"- {{name: t{n}, {one}}}\n" for n in range(number))


FLAPPING = text(
    rules(1, lambda _: "unanswered_for: 1s clock", more=", again: after 1s clock"),
    more="come_down: [{name: d, from: 2, when: {answered: false}, for: 1s clock, go_to: 1}]\n",
)


# --- what is refused ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (text(ladder=levels(300)), "at most 20 levels fit here, and these are 300"),
        (text(rules(501, lambda n: f"tags: t{n}")), "at most 500 rules fit here, and these are 501"),
        (text(more=f"tests: [{each('{name: t#}', 300)}]"), "at most 200 tests fit here, and these are 300"),
        (text(more=f"calendars: {{{each('c#: {}', 101)}}}"), "at most 100 calendars fit here, and these are 101"),
        (text(SIMPLE % f", tell: [{each('a#@b.cd', 9000)}]"), "at most 100 recipients fit here, and these are 9000"),
    ],
    ids=["levels", "rules", "tests", "calendars", "recipients"],
)
def test_a_list_that_no_policy_needs_is_refused(said: str, sentence: str) -> None:
    assert sentence in problems(said)


@pytest.mark.parametrize(
    "said",
    [
        text(rules(1, lambda _: f"all: [{each('{tags: t#}', 1001)}]")),
        text(rules(1, lambda _: f"product: [{each('t#', 1001)}]")),
        text(rules(1, lambda _: f"not: {{custom: {{{each('f#: x', 1001)}}}}}")),
        text(more=f"guards: {{never: {{tags: [{each('t#', 1001)}]}}}}\n"),
    ],
    ids=["questions", "words", "fields", "a guard"],
)
def test_a_condition_of_more_than_a_thousand_values_is_refused(said: str) -> None:
    sentence = "this condition names 1001 values, and 1000 is the most; let a tag, a field or a tier stand for them"
    assert problems(said) == {sentence}


def test_as_much_as_a_large_organisation_needs_is_taken() -> None:
    people = f", tell: [{each('a#@b.cd', 2)}]"
    large = parse(text(rules(500, lambda n: f"tags: t{n}", more=people), ladder=levels(20), more=played(200, "10:00")))
    assert (len(large.levels), len(large.rules), len(large.examples)) == (20, 500, 200)
    assert len(parse(text(rules(1, lambda _: f"tags: [{each('t#', 1000)}]"))).rules) == 1
    assert len(parse(text(SIMPLE % f", tell: [{each('a#@b.cd', 100)}]")).rules[0].tell) == 100


def test_who_is_told_twice_is_found_among_a_hundred() -> None:
    assert problems(text(SIMPLE % f", tell: [{each('a#@b.cd', 99)}, a50@b.cd]")) == {"a50@b.cd is named twice here"}


# --- what the linter compares -------------------------------------------------------------------------------------
def effort_of(policy: Policy) -> int:
    """Return the steps that the rules take to compare with each other, and with what keeps them."""
    answers = Answers(policy)
    found: Sequence[Finding] = [*rivals(reasons(policy, answers), answers.effort)]
    found = [*found, *keeping(policy, answers, reasons(policy, answers))]
    return MOST_STEPS - answers.effort.left


def either(n: int) -> str:
    pairs = ((n + k + 1, n + 2 * k + 2) for k in range(4))
    each_of = ", ".join(f"{{any: [{{unanswered_for: {a}m}}, {{unresolved_for: {b}m}}]}}" for a, b in pairs)
    return f"all: [{each_of}], custom: {{a: x{n}}}"


QUESTIONS = each("{tags: t#}", 900)
MINUTES = each("{unanswered_for: #m}", 24, 1)
HOSTILE = {
    "many rules": text(rules(500, lambda n: f"tags: t{n}, unanswered_for: {n + 1}h")),
    "many branches": text(rules(90, either)),
    "many levels": text(rules(400, lambda n: f"at_level_for: {n + 1}m, tags: t", "next_level"), ladder=levels(20)),
    "many questions": text(rules(4, lambda n: f"unanswered_for: {n + 1}h, all: [{QUESTIONS}]")),
    "many words": text(rules(500, lambda n: f"unanswered_for: 1h, product: [p{n}, q{n}]")),
    "many ways down": text(
        rules(60, lambda n: f"any: [{each('{tags: r#, at_level_for: #m}', 20, 20 * n + 1)}]"),
        more=ways_down(50, f"any: [{each('{tags: u#}', 24)}]"),
    ),
    "a wide guard": text(
        rules(150, lambda n: f"any: [{each('{unanswered_for: #m}', 10, n + 1)}]", "next_level"),
        ladder=levels(20),
        more=f"guards: {{never: {{any: [{MINUTES}]}}}}\n",
    ),
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_what_was_not_compared_is_said(said: str) -> None:
    assert LEFT_OUT in map(str, lint(parse(said)))


def test_two_hundred_ordinary_rules_are_all_compared() -> None:
    many = rules(200, lambda n: f"tags: t{n}, unanswered_for: {n + 1}h")
    assert lint(parse(text(many))) == ()
    assert effort_of(parse(text(many))) < MOST_STEPS


def test_the_effort_grows_with_what_is_compared() -> None:
    few, more = (effort_of(parse(text(rules(n, lambda k: f"tags: t{k}, unanswered_for: 1h")))) for n in (20, 40))
    assert 3 < more / few < 5


def test_effort_that_is_spent_stays_spent() -> None:
    effort = Effort(2)
    effort.spend(2)
    assert not effort.spent
    for _ in range(2):
        with pytest.raises(TooMany):
            effort.spend(1)
    assert effort.spent


def test_where_the_effort_ends_the_findings_before_it_are_kept() -> None:
    policy = parse(text(rules(30, lambda _: "unanswered_for: 1h")))
    found = {steps: [*rivals(reasons(policy, Answers(policy)), Effort(steps))] for steps in (0, 1000, MOST_STEPS)}
    assert found[0] == []
    assert 0 < len(found[1000]) < len(found[MOST_STEPS]) == 29
    assert found[1000] == found[MOST_STEPS][: len(found[1000])]


# --- what is shown ------------------------------------------------------------------------------------------------
def test_at_most_a_hundred_findings_are_shown_and_how_many_more_there_are() -> None:
    roles = ", ".join(f"r{n}: {{people: x}}" for n in range(300))
    found = lint(parse(text(more=f"roles: {{{roles}}}\n")))
    assert len(found) == MOST_SHOWN + 1
    said = [str(one) for one in found if one.about == "Hostile"]
    assert said == [f"Hostile: there are 301 findings: these are {MOST_SHOWN} of them, and there are 201 more"]


def test_errors_are_not_hidden_behind_warnings() -> None:
    roles = ", ".join(f"r{n}: {{people: x}}" for n in range(300))
    down = "come_down: [{name: d, from: 2, when: {status: solved}, for: 1h, go_to: 1}]\n"
    found = lint(parse(text(more=f"roles: {{{roles}}}\n{down}")))
    assert [one.about for one in found if one.severity == "error"] == ['coming down "d"']


# --- tests that never end -----------------------------------------------------------------------------------------
def test_a_ticket_that_flaps_for_years_ends_its_test() -> None:
    (result,) = run_examples(parse(FLAPPING + played(1, "2036-03-01 09:00")))
    assert len(result.failures) == 1
    assert result.failures[0].startswith("after 1000 looks, at 2027-")


def test_all_tests_together_end_and_say_so() -> None:
    results = run_examples(parse(FLAPPING + played(12, "2036-03-01 09:00")))
    sentence = "it was not played to its end: the tests of this policy take too long together; shorten them"
    cut = [result.failures == (sentence,) for result in results]
    assert cut == sorted(cut)
    assert 0 < cut.count(True) < len(cut)


def test_a_test_that_is_played_alone_has_the_whole_effort() -> None:
    policy = parse(FLAPPING + played(1, "09:01"))
    spent = Effort(0)
    assert "shorten them" in play(policy, policy.examples[0], spent).failures[0]
    assert play(policy, policy.examples[0]) == play(policy, policy.examples[0], Effort(MOST_ASKED))


def test_of_hundreds_of_failures_a_few_are_shown_in_a_few_words() -> None:
    times = ", ".join(f'{{at: "{10 + n // 60}:{n % 60:02}", level: 2}}' for n in range(300))
    one = f'- {{name: t, ticket: {{site: desk, created: "2027-03-01 09:00"}}, expect: [{times}]}}\n'
    never = rules(1, lambda _: f"not: {{unanswered_for: 1s}}, reopens: 3, tags: [{each('t#', 900)}]")
    (result,) = run_examples(parse(text(never, more=f"tests:\n{one}")))
    assert len(result.failures) == 21
    assert result.failures[-1] == "and 280 more expectations are not met"
    assert max(map(len, result.failures)) <= 1000
