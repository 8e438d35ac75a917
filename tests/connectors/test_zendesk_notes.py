"""An internal note in Zendesk's HTML: readable, harmless, never too long."""

from __future__ import annotations

import html
import re

from hypothesis import example, given
from hypothesis import strategies as st

from connectors.zendesk.notes import LIMIT, render
from policies.commands import Line, Note, Span, Speech

LAST = Line(spans=(Span(text="op 01"),))


def note(*spans: Span, label: str = "") -> Note:
    return Note(lines=(Line(label=label, spans=spans), LAST))


def test_a_note_is_a_paragraph_a_line() -> None:
    spans = (
        Span(text="Level 2", speech=Speech.STRONG),
        Span(text=" because "),
        Span(text="help!", speech=Speech.QUOTE),
    )
    page = render(note(*spans, label="Why"), ())
    assert page == "<p><strong>Why:</strong> <strong>Level 2</strong> because <em>help!</em></p><p>op 01</p>"


def test_lines_inside_a_quote_stay_lines() -> None:
    assert "<em>one<br>two</em>" in render(note(Span(text="one\ntwo", speech=Speech.QUOTE)), ())


def test_a_label_is_escaped_too() -> None:
    assert "<b>" not in render(note(Span(text="x"), label="<b>"), ())


def test_a_placeholder_stays_what_was_written() -> None:
    page = render(note(Span(text="{{ticket.requester.email}} {% raw %} \\{{x}}")), ())
    assert "{" not in page
    assert "&#123;&#123;ticket.requester.email&#125;&#125;" in page


def test_an_address_is_no_link_a_name_no_mention_and_a_number_no_ticket() -> None:
    page = render(note(Span(text="https://example.com/x www.example.com @robin #35001")), ())
    assert all(live not in page for live in ("https://", "www.example", "@robin", "#35001"))


def test_a_mail_address_and_a_time_can_still_be_copied() -> None:
    assert "casey@example.com at 12:30" in render(note(Span(text="casey@example.com at 12:30")), ())


def test_control_characters_are_left_out() -> None:
    assert "a b" in render(note(Span(text="a\x00\x1b \ud800b")), ())


def test_a_long_quote_is_cut_before_anything_else_is_lost() -> None:
    page = render(
        Note(
            lines=(
                Line(spans=(Span(text="&" * 200_000, speech=Speech.QUOTE),)),
                Line(spans=(Span(text="short"),)),
                LAST,
            )
        ),
        (),
    )
    assert len(page.encode()) <= LIMIT
    assert "more characters]" in page
    assert page.endswith("<p>short</p><p>op 01</p>")


def test_a_note_of_too_many_lines_loses_lines_and_says_so() -> None:
    lines = tuple(Line(spans=(Span(text=f"line {n} " + "x" * 150),)) for n in range(3000))
    page = render(Note(lines=(*lines, LAST)), ("Not set: group.",))
    assert len(page.encode()) <= LIMIT
    assert "line 0 " in page
    assert page.endswith("… cut: Zendesk takes no longer note …</p><p>Not set: group.</p><p>op 01</p>")


def test_what_is_harmless_in_each_span_is_harmless_in_both() -> None:
    page = render(
        note(Span(text="ask @"), Span(text="robin, http:"), Span(text="//x.example www"), Span(text=".y")), ()
    )
    assert all(live not in page for live in ("@robin", "http://", "www.y"))


def test_the_last_line_survives_however_much_was_refused() -> None:
    told = tuple(f"Not set: group ({n} " + "x" * 400 + ")" for n in range(500))
    page = render(note(Span(text="first")), told)
    assert len(page.encode()) <= LIMIT
    assert page.startswith("<p>first</p>")
    assert page.endswith("<p>op 01</p>")
    assert "… cut: Zendesk takes no longer note …" in page


# --- any text at all ----------------------------------------------------------------------------------------
PIECES = st.sampled_from(
    [
        *(
            "{{ticket.requester.email}}",
            "{%",
            "%}",
            "{",
            "}",
            "<script>",
            "<a href=x>",
            "</p>",
            "<!--",
            "&lt;",
            "&#123;",
        ),
        *(
            "@",
            "@robin",
            ".@robin",
            "@@robin",
            "#",
            "#35001",
            "x#1",
            "http:",
            "//",
            "https://e.example",
            "mailto:a@b.c",
        ),
        *(
            "www",
            ".",
            "www.e.example",
            "javascript:/",
            "\u2060",
            "\u200b",
            "\u202e",
            "\x00",
            "\ud800",
            "\r\n",
            "\n",
            "\t",
        ),
        *('"', "'", "&", "\\", "\\{{x}}", " ", "a", "é", "\u2028"),
    ]
)
TEXTS = st.text(max_size=40) | st.lists(PIECES, max_size=8).map("".join)
SPANS = st.builds(Span, text=TEXTS, speech=st.sampled_from(Speech))
LINES = st.builds(Line, spans=st.lists(SPANS, max_size=4).map(tuple), label=st.just("") | TEXTS)
OURS = re.compile(r"</?(p|strong|em)>|<br>")
ALIVE = re.compile(r"(?<!\w)@\w|#\w|[a-zA-Z]:/|(mailto:|www\.)[^\u2060]", re.IGNORECASE | re.DOTALL)


@given(lines=st.lists(LINES, max_size=4), told=st.lists(TEXTS, max_size=2).map(tuple))
@example(lines=[Line(spans=(Span(text="@"), Span(text="robin")))], told=())
@example(lines=[Line(spans=(Span(text="#\n1"),), label="#\n0")], told=())  # a break ends a reference
def test_no_text_becomes_markup_a_placeholder_a_mention_or_a_link(lines: list[Line], told: tuple[str, ...]) -> None:
    page = render(Note(lines=(*lines, LAST)), told)
    bare = OURS.sub("", page)  # without the tags that are ours nothing is left that a browser would read
    assert not set("<>{}\"'") & set(bare)
    assert re.search(r"&(?!(amp|lt|gt|quot|#x27|#123|#125);)", bare) is None
    shown = html.unescape(OURS.sub(lambda tag: "\n" if tag[0] in ("</p>", "<br>") else "", page))
    for paragraph in shown.split("\n"):
        assert ALIVE.search(paragraph) is None
    assert page.endswith("<p>op 01</p>")


@given(text=TEXTS.filter(lambda text: text.isprintable()))
def test_what_was_written_can_be_read_as_it_was(text: str) -> None:
    page = render(note(Span(text=text)), ())
    (shown, _) = html.unescape(page).removeprefix("<p>").removesuffix("</p>").rsplit("</p><p>", 1)
    assert shown.replace("\u2060", "") == text.replace("\u2060", "")


@given(
    lengths=st.lists(st.integers(0, 40_000), max_size=12),
    told=st.lists(st.integers(0, 20_000), max_size=12),
    fill=st.sampled_from(["&", "ä", "x", "{", "@a", "\n", "𝄞"]),
)
@example(lengths=[60_000], told=[60_000], fill="{")
@example(lengths=[150] * 900, told=[400] * 300, fill="&")
def test_whatever_is_cut_says_so_and_the_last_line_stays(lengths: list[int], told: list[int], fill: str) -> None:
    lines = tuple(Line(spans=(Span(text=fill * length, speech=Speech.QUOTE),)) for length in lengths)
    sentences = tuple(fill * length for length in told)
    page = render(Note(lines=(*lines, LAST)), sentences)
    assert len(page.encode()) <= LIMIT
    assert page.endswith("<p>op 01</p>")
    whole = sum(len(fill) * length for length in (*lengths, *told))
    there = html.unescape(page.replace("<br>", "\n").replace("\u2060", "")).count(fill) * len(fill)
    assert there >= whole or "more characters]" in page or "… cut: Zendesk takes no longer note …" in page
