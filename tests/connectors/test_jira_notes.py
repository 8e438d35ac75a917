"""An internal note in wiki markup: whatever anybody wrote stays text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.jira.notes import CUT, ESCAPABLE, JOINER, NOTE_LIMIT, bears, escape, render
from policies.commands import Line, Note, Span, Speech

LAST = Line(spans=(Span(text="Stepladder, op 01h7-ab12"),))


def note(*lines: Line) -> Note:
    return Note(lines=(*lines, LAST))


def plain(*texts: str) -> Line:
    return Line(spans=tuple(Span(text=text) for text in texts))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a *b* _c_ {d}", r"a \*b\* \_c\_ \{d\}"),
        ("[~admin]", r"\[\~admin\]"),
        ("!x.png!", r"\!x.png\!"),
        ("ITSM-7 and well-known", r"ITSM\-7 and well-known"),
        ("-gone-", r"\-gone\-"),
        ("https://e.example", f"https:{JOINER}//e.example"),
        ("www.e.example", f"www{JOINER}.e.example"),
        ("10:30", "10:30"),
        (r"C:\new\*x", f"C:{JOINER}\\{JOINER}new\\{JOINER}\\*x"),
        (r"\\", f"\\{JOINER}\\{JOINER}"),
        ("one\r\n\ttwo\u2028three", "one two three"),
        ("\x00\ud800\u202e\u0085x", "x"),
        ("h1. big", f"h1{JOINER}. big"),
        ("&#123;", f"&{JOINER}\\#123;{JOINER}"),
    ],
)
def test_text_is_escaped(text: str, written: str) -> None:
    assert escape(text) == written


@given(st.text())
def test_nothing_that_means_something_is_left_bare(text: str) -> None:
    written = escape(text)
    bare = re.sub(r"(?<!\\)\\[-#*_+?^~|%{}\[\]()!@]", " ", written)
    assert not set(bare) & (ESCAPABLE - {"-"})
    assert "\\\\" not in written
    assert not re.search(r"://|\n|www\.|\bh[1-6]\.", bare)


@given(st.lists(st.text(max_size=6), max_size=4))
def test_two_spans_together_make_no_markup(texts: list[str]) -> None:
    page = render(Note(lines=(plain(*texts),)))
    assert not re.search(r"://|(?<!\\)[{\[|!~]|^h[1-6]\.", page)


DENSE = st.text(alphabet="[]{}|!*_-+^~#?%@\\\\:;&<>()/.,'\"`= \n\t\u2060\u00adhbqw123ABacilmortuny", max_size=40)
EVIL = st.sampled_from(
    [
        "[~admin]",
        "[~accountid:5b10]",
        "{color:red}x{color}",
        "{html}<b>",
        "{{mono}}",
        "[a|https://e.example]",
        "[https://e.example]",
        "!x.png!",
        "!https://e.example/x.png|width=1!",
        "h1. Big",
        "bq. said",
        "||head||",
        "|cell|",
        "----",
        "* item",
        "# item",
        "mailto:a@b.example",
        "file://x",
        "www.e.example",
        "\\\\server\\share",
        "ITSM-7",
        ":)",
        "(!)",
        "??cited??",
        "@robin",
        "&#123;",
        "\\\\[~admin]",
        "\\",
    ]
)
WORDS = st.one_of(DENSE, EVIL, st.tuples(DENSE, EVIL, DENSE).map("".join))
BARE = (
    r"""(?<!\\)(?:[*_+?^~|%{}\[\]()!@#]|://)|(?:^|(?<=\s))-|--|\b[A-Z][A-Z0-9]+-[0-9]|\bwww\.|&[#a-z]|[;:][()DPp|-]"""
)
LINE_START = re.compile(r"^(?:h[1-6]\.|bq\.|[*#|-]|----)")


@given(texts=st.lists(st.tuples(WORDS, st.sampled_from([Speech.OURS])), min_size=1, max_size=4), told=WORDS)
def test_no_text_of_anybody_becomes_markup(texts: list[tuple[str, Speech]], told: str) -> None:
    """Mentions, macros, links, images, headings, tables, lists, citations, addresses, issue keys, faces, entities."""
    line = Line(spans=tuple(Span(text=text, speech=speech) for text, speech in texts))
    page = render(note(line), (told,))
    for shown in page.split("\n"):
        assert not LINE_START.match(shown), shown
        assert not re.search(BARE, shown.replace(JOINER, "\u00b7")), shown


@given(st.lists(WORDS, max_size=3), st.sampled_from([Speech.QUOTE, Speech.STRONG]))
def test_speech_is_opened_and_closed_by_us_alone(texts: list[str], speech: Speech) -> None:
    mark = {Speech.STRONG: "*", Speech.QUOTE: "_"}[speech]
    for text in texts:
        page = render(Note(lines=(Line(spans=(Span(text=text, speech=speech),)),)))
        bare = re.findall(rf"(?<!\\){re.escape(mark)}", page)
        assert len(bare) in (0, 2)
        if bare:
            assert page.strip()[0] == page.strip()[-1] == mark


@given(st.lists(WORDS | st.text(max_size=4_000), max_size=12), st.lists(WORDS, max_size=3))
def test_a_note_is_never_too_long_and_keeps_its_operation_and_what_was_refused(
    texts: list[str], told: list[str]
) -> None:
    page = render(note(*map(plain, texts)), told)
    assert len(page.encode("utf-16-le")) // 2 <= NOTE_LIMIT
    assert bears(page, "01h7-ab12")
    assert page.count("\n") <= len(texts) + len(told) + 1


def test_labels_and_speech_are_ours_to_format() -> None:
    spans = (
        Span(text="3 of 3", speech=Speech.STRONG),
        Span(text=" said "),
        Span(text="it's *broken*", speech=Speech.QUOTE),
    )
    page = render(note(Line(label="Why", spans=spans)))
    assert page.splitlines()[0] == r"*Why:* *3 of 3* said _it's \*broken\*_"


def test_what_was_refused_is_told_before_the_last_line() -> None:
    page = render(note(plain("first")), ("Not set: priority {x}.",))
    assert page.splitlines() == ["first", r"Not set: priority \{x\}.", "Stepladder, op 01h7\\-ab12"]


def test_a_long_note_keeps_what_was_refused_and_its_last_line() -> None:
    page = render(note(*[plain("𝄞{}" * 500)] * 100), ("Not set: priority.",))
    lines = page.splitlines()
    assert len(page.encode("utf-16-le")) // 2 <= NOTE_LIMIT
    assert lines[-3:] == [CUT, "Not set: priority.", "Stepladder, op 01h7\\-ab12"]


def test_an_empty_note_is_empty() -> None:
    assert render(Note(lines=())) == ""


def test_the_operation_is_found_again() -> None:
    page = render(note(plain("x")))
    assert bears(page, "01h7-ab12")
    assert bears(page.replace("\\", ""), "01h7-ab12")  # Cloud keeps ADF and gives wiki text back in its own way
    assert not bears(page, "01h7-ab1")
    assert not bears("stop 01h7-ab12", "01h7-ab12")
