"""An internal note in Zendesk's HTML: readable, harmless, never too long."""

from __future__ import annotations

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
