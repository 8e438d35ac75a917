"""The note: short, who does what by when, nothing that must not be read, and no number that was not compared."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.levels import Place
from policies.masking import masked
from policies.model import Named

SLOW = "when: {unanswered_for: 90m, priority: high}, go_to: 2"


def moved(say: Any, *rules: str, events: Any = (), when: float = 120, more: str = "", **told: Any) -> Any:
    desk = say.desk(say.policy(*(rules or (SLOW,)), more=more))
    desk.look(0, say.born(**{"priority": "high", **told}))
    for event in events:
        desk.look(event.at, event)
    return desk.look(when)


def lines(decision: Any) -> list[str]:
    return decision.command.note.text.split("\n")


def test_the_first_line_says_who_does_what_by_when(say: Any) -> None:
    first = lines(moved(say))[0]
    assert first == "▲ Level 2 · Two (Experts): please take by 11:30 UTC. Assign yourself, reply or write /ack = taken."


def test_a_manager_is_asked_to_watch_over_it(say: Any) -> None:
    first = lines(moved(say, "when: {unanswered_for: 90m}, go_to: 4", assignee=Named(id="5", name="Tom Ito")))[0]
    assert first == "▲ Level 4 · Four: please watch over this; the ticket stays with Tom Ito."


def test_what_has_no_evidence_is_not_recorded(say: Any) -> None:
    text = moved(say, subject=None, requester=None).command.note.text
    for label in ("Customer: not recorded", "Problem: not recorded", "Tried so far: not recorded"):
        assert label in text
    assert "Last told the customer: not recorded" in text


def test_only_what_staff_marked_as_tried_is_told_as_tried(say: Any) -> None:
    events = [
        say.said("a", 5, say.tom, "I restarted it.\nTried: cache, re-sync\nasked: the version", False),
        say.said("b", 6, say.ana, "Tried: everything"),
    ]
    text = moved(say, events=events).command.note.text
    assert "Tried so far: cache, re-sync (Tom Ito) · asked: the version (Tom Ito)" in text


def test_the_reason_has_the_numbers_that_were_compared_and_what_did_not_count(say: Any) -> None:
    events = [
        say.changed("p", 10, say.tom, status=("new", "pending")),
        say.changed("o", 20, say.ana, status=("pending", "open")),
    ]
    why = lines(moved(say, events=events))[1]
    assert why == "Why: r0: unanswered for 1 h 50 min (limit 90m); priority high; not counted: 10 min pending."


def test_the_last_line_names_the_operation(say: Any) -> None:
    decision = moved(say)
    assert lines(decision)[-1].endswith(f"op {decision.command.operation}")
    assert decision.command.note.text.count(decision.command.operation) == 1


IDS = [
    {"group": None, "assignee": Named(id="4711470147", name=None)},
    {"organization": Named(id="360001234567", name=None)},
    {"requester": Named(id="5b10ac8d82e05b22cc7d4ef5", name=None)},
    {"requester": Named(id="712020:5b10ac8d-82e0-5b22-cc7d-4ef5aaaabbbb", name=None)},
]


@pytest.mark.parametrize("told", IDS)
def test_identifiers_are_never_read_as_names(say: Any, told: Any) -> None:
    text = moved(say, SLOW.replace("priority: high", "level: 1"), **told).command.note.text
    for thing in filter(None, told.values()):
        assert thing.id not in text


def test_a_target_that_is_an_id_is_called_by_its_level(say: Any) -> None:
    from dataclasses import replace

    policy = say.policy(SLOW)
    levels = tuple(replace(lv, places={"desk": Place(target={"group": "360001234567"})}) for lv in policy.levels)
    desk = say.desk(replace(policy, levels=levels))
    desk.look(0, say.born(priority="high"))
    text = desk.look(120).command.note.text
    assert "360001234567" not in text
    assert "Changed: level 1 → 2; Support → Two" in text


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from("\n 4-:"), max_size=900)


LONGEST = 4000
ENDLESS = [
    "a" * LONGEST,
    "1" * LONGEST,
    "4 " * (LONGEST // 2),
    "password" + " " * LONGEST,
    "password: " * (LONGEST // 10),
    "pw " * (LONGEST // 3),
    "a://" * (LONGEST // 4),
    "x://y:" + "z" * LONGEST,
    "AB12" + " AAAA" * (LONGEST // 5),
    "-----BEGIN PRIVATE KEY-----" * (LONGEST // 27),
    "sk-" * (LONGEST // 3),
    "12:34:56." * (LONGEST // 9),
    "2026-11-22 12:34:" * (LONGEST // 17),
]
"""As much as is ever masked, of what makes other patterns try again and again."""


def test_masking_takes_no_time_whatever_is_written(say: Any) -> None:
    began = time.process_time()
    for text in ENDLESS:
        masked(text)
    assert time.process_time() - began < 1  # all of it takes some milliseconds; a pattern that explodes takes hours


@given(subject=TEXT, words=TEXT, reply=TEXT, tried=st.lists(TEXT, max_size=7), name=TEXT)
def test_a_note_is_short_whatever_people_write(
    say: Any, subject: str, words: str, reply: str, tried: list[str], name: str
) -> None:
    events = [say.said("r", 2, say.tom, reply), say.said("w", 3, say.ana, words)]
    events += [say.said(f"t{n}", 4 + n, say.tom, f"Tried: {text}", False) for n, text in enumerate(tried)]
    told = {"subject": subject, "requester": Named(id="1", name=name), "organization": Named(id="2", name=name)}
    decision = moved(say, events=events, **told)
    text = decision.command.note.text
    assert len(text.split("\n")) == len(decision.command.note.lines) <= 12
    assert len(text) <= 900
    assert lines(decision)[-1].endswith(f"op {decision.command.operation}")
    assert "please take by" in lines(decision)[0]


def test_a_note_stays_short_with_a_long_text_of_the_policys_own(say: Any) -> None:
    from dataclasses import replace

    policy = say.policy(SLOW)
    long = "Please read {subject}\n and tell {requester}. " * 40
    desk = say.desk(replace(policy, levels=tuple(replace(lv, note=long) for lv in policy.levels)))
    desk.look(0, say.born(priority="high", subject="s" * 2000))
    note = desk.look(120).command.note
    assert len(note.text) <= 900
    assert len(note.text.split("\n")) == len(note.lines)


# --- what must not be read --------------------------------------------------------------------------------
def card(digits: str) -> str:
    doubled = (int(d) * (2 - i % 2) for i, d in enumerate(reversed(digits)))
    total = sum(n - 9 if n > 9 else n for n in doubled)
    return digits + str(-total % 10)


CARDS = st.text("0123456789", min_size=12, max_size=18).map(card)
SEPARATORS = st.sampled_from(["", " ", "-", ".", "/", "\u00a0", " - ", "\n", "  ", "_"])


@given(number=CARDS, sizes=st.lists(st.integers(1, 6), min_size=1), gap=SEPARATORS, before=TEXT, after=TEXT)
def test_a_valid_card_number_never_survives(
    say: Any, number: str, sizes: list[int], gap: str, before: str, after: str
) -> None:
    before, after = before.rstrip("0123456789")[:100], after.lstrip("0123456789")[:100]
    before, after = re.sub(r"\d\Z", "", before), re.sub(r"\A\d+", "", after)
    groups, rest = [], number
    for size in sizes * 20:
        groups, rest = [*groups, rest[:size]], rest[size:]
    grouped = gap.join(g for g in groups if g)
    text = masked(before + grouped + after)
    assert grouped not in text
    events = [say.said("w", 3, say.ana, before + " " + grouped + " " + after)]
    note = moved(say, events=events, subject=grouped).command.note.text
    assert number not in re.sub(r"\D", "", note.split("\n")[3])


HIDDEN = [
    ("password: hunter2", "hunter2"),
    ("Passwort ist Gustav7", "Gustav7"),
    ('{"password": "hunter2"}', "hunter2"),
    ("DB_PASSWORD=hunter2", "hunter2"),
    ("my pin is 4711", "4711"),
    ("API key: abc-123", "abc-123"),
    ("Authorization: Bearer abcdefghijkl", "abcdefghijkl"),
    ("https://me:hunter2@example.com/x", "hunter2"),
    ("use sk-abcdefghijklmnop1234", "sk-abcdefghijklmnop1234"),
    ("use github_pat_11ABCDEFG0abcdefghij", "11ABCDEFG0abcdefghij"),
    ("my ATATT3xFfGF0abcdefghijkl=1A2B3C4D", "ATATT3xFfGF0abcdefghijkl"),
    ("-----BEGIN RSA PRIVATE KEY----- MIIEowIBAAKC AQEA -----END RSA PRIVATE KEY----- thanks", "MIIEowIBAAKC"),
    ("-----BEGIN PRIVATE KEY----- MIIEvQIBADAN and cut", "MIIEvQIBADAN"),
    ("token\n= abc123", "abc123"),
    ("card 4111 1111 1111 1111!", "4111 1111 1111 1111"),
    ("order 12345 4111-1111-1111-1111", "4111-1111"),
    ("x4111111111111111", "4111111111111111"),
    ("18:51:51 4111 1111 1111 1111", "4111 1111"),
    ("18:51:41.11.11.11.11.11.11.11", "41.11"),
]


@pytest.mark.parametrize(("text", "secret"), HIDDEN)
def test_secrets_are_hidden(say: Any, text: str, secret: str) -> None:
    assert secret not in masked(text)
    events = [say.said("w", 3, say.ana, text), say.said("r", 4, say.tom, f"Tried: {text}")]
    rules = ("when: {unresolved_for: 90m}, go_to: 2",)
    assert secret not in moved(say, *rules, events=events, subject=text).command.note.text


SHOWN = [
    "it costs 12.50 since 2026-11-22",
    "call +49 89 123456",
    "the pinboard is new",
    "order 1234567890123456",
    "at 2026-11-22T18:51:51.069506000Z",
    "at 2026-11-22 18:51:51,069506+0000 it broke",
    "from 18:51:51.069506000 on",
]


@pytest.mark.parametrize("text", SHOWN)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


@given(text=TEXT)
def test_masking_twice_is_masking_once(text: str) -> None:
    assert masked(masked(text)) == masked(text)


def test_a_card_number_at_the_end_of_what_is_remembered_does_not_survive_in_part(say: Any) -> None:
    events = [say.said("w", 3, say.ana, "x" * 263 + " 4111 1111 1111 1111")]
    assert "4111" not in moved(say, events=events).command.note.text


@given(minutes=st.integers(90, 4000), pause=st.integers(1, 60))
def test_every_number_of_the_reason_is_in_the_trace(say: Any, minutes: int, pause: int) -> None:
    events = [
        say.changed("p", 1, say.tom, status=("new", "pending")),
        say.changed("o", 1 + pause, say.ana, status=("pending", "open")),
    ]
    decision = moved(say, SLOW, "when: {reopens: {at_least: 1}}, go_to: 2", events=events, when=minutes + 100)
    trace = next(t for t in decision.trace if t.rule == decision.fired[0])
    known = set(re.findall(r"\d+", " ".join(f"{a.found} {a.wanted} {a.uncounted}" for a in trace.answers)))
    assert set(re.findall(r"\d+", lines(decision)[1].removeprefix("Why: r0:").removeprefix("Why: r1:"))) <= known
