"""A page of facts as values, written as text for a terminal, as Markdown, or as one HTML page without a script."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 100
_INDENT = 3
_LABEL = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Labels with a line or several each."""

    items: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table with a heading for each column and, in its first one, for each row."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Things with a name, a sentence, and small print."""

    heading: str
    items: tuple[tuple[str, str, tuple[str, ...]], ...]


Block = Pairs | Grid | Points


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with what stands below it; `aside` is said beside the heading."""

    title: str
    aside: str = ""
    intro: str = ""
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A whole page."""

    title: str
    subtitle: str
    stamp: Pairs
    sections: tuple[Section, ...]


# --- text ---------------------------------------------------------------------------------------------------------
def as_text(sheet: Sheet) -> str:
    """Write a sheet for a terminal of 100 columns."""
    lines = [_apart(sheet.title, sheet.subtitle), "═" * WIDTH, *_pairs(sheet.stamp, 0)]
    for section in sheet.sections:
        rule = "─" * max(3, WIDTH - len(section.title) - len(section.aside) - (2 if section.aside else 1))
        lines += ["", f"{section.title} {rule} {section.aside}".rstrip(), ""]
        parts = [_wrapped(section.intro, _INDENT)] if section.intro else []
        parts += [_block(block) for block in section.blocks]
        for number, part in enumerate(parts):
            lines += ["", *part] if number else part
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _apart(left: str, right: str) -> str:
    return f"{left}{right.rjust(WIDTH - len(left))}" if len(left) + len(right) < WIDTH else f"{left}\n{right}"


def _block(block: Block) -> list[str]:
    match block:
        case Pairs():
            return _pairs(block, _INDENT)
        case Grid():
            return _grid(block)
        case Points():
            lines = [" " * _INDENT + block.heading]
            for name, sentence, small in block.items:
                lines += _wrapped(name, _INDENT + 2, "• ")
                for said in (sentence, *small):
                    lines += _wrapped(said, _INDENT + 2)
            return lines


def _pairs(pairs: Pairs, indent: int) -> list[str]:
    lines = []
    for label, said in pairs.items:
        for number, line in enumerate(said):
            start = (label if number == 0 else "").ljust(_LABEL)
            lines += _wrapped(line, indent + _LABEL, start)
    return lines


def _wrapped(text: str, indent: int, first: str = "") -> list[str]:
    start = " " * (indent - len(first)) + first
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=" " * indent, break_on_hyphens=False
    ) or [start]  # fmt: skip


def _grid(grid: Grid) -> list[str]:
    rows = [grid.head, *grid.rows]
    widths = _widths(rows, WIDTH - _INDENT - 2 * (len(grid.head) - 1))
    lines = [" " * _INDENT + grid.caption, ""] if grid.caption else []
    for number, row in enumerate(rows):
        cells = [_cell(cell, width) for cell, width in zip(row, widths, strict=True)]
        for line in range(max(len(cell) for cell in cells)):
            said = (cell[line] if line < len(cell) else "" for cell in cells)
            lines.append(" " * _INDENT + "  ".join(s.ljust(w) for s, w in zip(said, widths, strict=True)))
        if number == 0:
            lines.append(" " * _INDENT + "  ".join("─" * width for width in widths))
    return lines


def _cell(text: str, width: int) -> list[str]:
    return [piece for line in text.split("\n") for piece in textwrap.wrap(line, width, break_on_hyphens=False) or [""]]


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Make columns as wide as they want to be; if that is too wide, the widest give way, words last."""
    columns = list(zip(*rows, strict=True))
    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    words = [max(len(word) for cell in column for word in (*cell.split(), " ")) for column in columns]
    while sum(widths) > room:
        spare = [width - word if width > word else 0 for width, word in zip(widths, words, strict=True)]
        column = max(range(len(widths)), key=lambda n: (spare[n] > 0, widths[n]))
        if widths[column] == 1:
            break
        widths[column] -= 1
    return widths


# --- Markdown -----------------------------------------------------------------------------------------------------
def as_markdown(sheet: Sheet) -> str:
    """Write a sheet as Markdown."""
    lines = [f"# {_md(sheet.title)}", "", f"{_md(sheet.subtitle)}", "", *_md_pairs(sheet.stamp)]
    for section in sheet.sections:
        aside = f" ({_md(section.aside)})" if section.aside else ""
        lines += ["", f"## {_md(section.title)}{aside}"]
        lines += ["", _md(section.intro)] if section.intro else []
        for block in section.blocks:
            lines += ["", *_md_block(block)]
    return "\n".join(lines) + "\n"


def _md_block(block: Block) -> list[str]:
    match block:
        case Pairs():
            return _md_pairs(block)
        case Grid():
            head = "| " + " | ".join(map(_md, block.head)) + " |"
            rows = ["| " + " | ".join(_md(cell).replace("\n", "<br>") for cell in row) + " |" for row in block.rows]
            caption = [f"**{_md(block.caption)}**", ""] if block.caption else []
            return [*caption, head, "|---" * len(block.head) + "|", *rows]
        case Points():
            lines = [f"**{_md(block.heading)}**", ""]
            for name, sentence, small in block.items:
                lines.append(f"- **{_md(name)}**: {' '.join(_md(said) for said in (sentence, *small))}")
            return lines


def _md_pairs(pairs: Pairs) -> list[str]:
    return [f"- **{_md(label)}**: {'; '.join(map(_md, said))}" for label, said in pairs.items]


def _md(text: str) -> str:
    """Take their meaning from characters that Markdown would act on."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in text)


# --- HTML ---------------------------------------------------------------------------------------------------------
_STYLE = """\
:root{color-scheme:light dark;--ink:#1a1a1a;--soft:#595959;--line:#bdbdbd;--page:#fff;--tint:#f3f5f7}
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--soft:#b3b3b3;--line:#5c5c5c;--page:#161616;--tint:#222}}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:auto;padding:2rem 1rem}
h1{margin:0}h2{margin:2.5rem 0 .5rem;padding-top:1rem;border-top:2px solid var(--ink)}
h2 small,.small{color:var(--soft);font-weight:normal;font-size:.9rem}
h3{margin:1.2rem 0 .3rem;font-size:1rem}
dl{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.2rem 1.5rem;margin:.8rem 0}
dt{font-weight:600}dd{margin:0;grid-column:2}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}caption{text-align:left;font-weight:600;padding:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.4rem .7rem;border:1px solid var(--line);white-space:pre-line}
thead th{background:var(--tint)}li{margin:.5rem 0}p{margin:.3rem 0}
@media print{main{max-width:none;padding:0}h2{break-after:avoid}tr,li{break-inside:avoid}}
"""


def as_html(sheet: Sheet) -> str:
    """Write a sheet as one accessible HTML page that loads nothing and runs nothing."""
    body = "".join(_html_section(number, section) for number, section in enumerate(sheet.sections, 1))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(sheet.title)}: {escape(sheet.subtitle)}</title>\n<style>\n{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(sheet.title)}</h1>\n<p>{escape(sheet.subtitle)}</p>\n{_html_pairs(sheet.stamp)}"
        f"{body}</main>\n</body>\n</html>\n"
    )


def _html_section(number: int, section: Section) -> str:
    aside = f" <small>{escape(section.aside)}</small>" if section.aside else ""
    intro = f"<p>{escape(section.intro)}</p>\n" if section.intro else ""
    blocks = "".join(_html_block(block) for block in section.blocks)
    heading = f'<h2 id="s{number}">{escape(section.title)}{aside}</h2>\n'
    return f'<section aria-labelledby="s{number}">\n{heading}{intro}{blocks}</section>\n'


def _html_block(block: Block) -> str:
    match block:
        case Pairs():
            return _html_pairs(block)
        case Grid():
            head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in block.head)
            rows = "".join(
                f'<tr><th scope="row">{escape(row[0])}</th>{_html_cells(row[1:])}</tr>\n' for row in block.rows
            )
            caption = f"<caption>{escape(block.caption)}</caption>\n" if block.caption else ""
            # a wide table can be scrolled with the keyboard too
            region = f'<div class="wide" role="region" aria-label="{escape(block.caption or "table")}" tabindex="0">'
            table = f"<table>\n{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>"
            return f"{region}{table}</div>\n"
        case Points():
            items = "".join(
                f"<li><strong>{escape(name)}</strong>{_html_lines((sentence, *small))}</li>\n"
                for name, sentence, small in block.items
            )
            return f"<h3>{escape(block.heading)}</h3>\n<ul>\n{items}</ul>\n"


def _html_lines(lines: Iterable[str]) -> str:
    first, *rest = lines
    return f"<p>{escape(first)}</p>" + "".join(f'<p class="small">{escape(line)}</p>' for line in rest)


def _html_cells(cells: Iterable[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _html_pairs(pairs: Pairs) -> str:
    items = []
    for label, said in pairs.items:
        items.append(f"<dt>{escape(label)}</dt>")
        items += [f"<dd>{escape(line)}</dd>" for line in said]
    return f"<dl>\n{''.join(items)}\n</dl>\n"
