"""What an explanation foretells happens, to the minute, whatever a policy is made of and whatever was done before."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.case import Decision
from policies.decide import decide
from policies.explain import explain
from policies.shielding import whoever_reads
from tests.policies.test_whole_language import LIFE, Life, policies

LATER = 30 * 24 * 60
"""How many minutes are lived on before it is believed that nothing comes; a hold lasts seven days."""


def lived(say: Any, text: str, acts: list[tuple[int, str]], cut: int) -> Life:
    """Live until a minute, and let nothing happen from then on."""
    life = Life(say, text, acts)
    for minute in range(1, cut + 1):
        life.live(minute)
    life.acts.clear()
    return life


@settings(max_examples=120)
@given(text=policies(), acts=LIFE, cut=st.integers(1, 150))
def test_messages_and_the_next_move_come_as_foretold(
    say: Any, text: str, acts: list[tuple[int, str]], cut: int
) -> None:
    life = lived(say, text, acts, cut)
    found = explain(life.desk.policy, life.desk.case, life.desk.facts, say.at(cut))
    assert found.immediate is None, "it has come to rest"
    seen, decision, minute = len(life.log), life.desk.decision, float(cut)
    while decision.next_look is not None and minute <= cut + LATER and not _moved(life.log[seen:]):
        minute = (decision.next_look - say.start).total_seconds() / 60
        decision = life.live(minute)
    log = life.log[seen:]
    moved = _moved(log)
    if found.coming is None:
        assert moved == []
    else:
        assert moved[0][0] == (found.coming.at - say.start).total_seconds() / 60
        assert moved[0][1].startswith(f"level {found.coming.level} ")
    until = log.index(moved[0]) if moved else len(log)
    told = [line for line in log[:until] if line[1].startswith("told")]
    letters = [((letter.at - say.start).total_seconds() / 60, letter.notice) for letter in found.letters]
    foretold = [(at, f"told {n.occasion} {n.rule} {[str(who) for who in n.to]}") for at, n in letters]
    assert [line for line in foretold if not moved or line[0] < moved[0][0]] == [
        line for line in told if not moved or line[0] < moved[0][0]
    ]


def _moved(log: list[tuple[float, str]]) -> list[tuple[float, str]]:
    return [line for line in log if line[1].startswith("level")]


@settings(max_examples=120)
@given(text=policies(), acts=LIFE, cut=st.integers(1, 150))
def test_every_number_is_the_decisions_own(say: Any, text: str, acts: list[tuple[int, str]], cut: int) -> None:
    life = lived(say, text, acts, cut)
    policy, case, now = life.desk.policy, life.desk.case, say.at(cut)
    facts = whoever_reads(life.desk.facts)
    found, decision = explain(policy, case, facts, now), decide(policy, case, (), facts, now)
    assert isinstance(decision, Decision)
    assert found.decision == decision
    told = [(one.rule.name, one.so, one.outcome) for one in found.rules]
    assert told == [(trace.rule, trace.value, trace.outcome) for trace in decision.trace]
    said = [(one.words, one.until) for one in found.remarks]
    for hold in decision.case.held:
        assert any(hold.reason in words and until == hold.until for words, until in said)
    calm = {name.partition(" #")[0]: since for name, since in decision.case.calm.items()}
    assert {way.way.name: way.since for way in found.ways if way.applies and way.since is not None} == calm
    looks = [
        at for at in (found.coming.at if found.coming else None, *(one.at for one in found.letters)) if at is not None
    ]
    assert decision.next_look is None or not looks or decision.next_look <= min(looks)
