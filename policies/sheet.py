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
class Point:
    """A thing with a name, what is said beside the name, a sentence, and small print."""

    name: str
    sentence: str
    aside: str = ""
    small: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The name with what is said beside it."""
        return f"{self.name} ({self.aside})" if self.aside else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Several things under a heading."""

    heading: str
    items: tuple[Point, ...]


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
            for point in block.items:
                lines += _wrapped(point.heading, _INDENT + 2, "• ")
                for said in (point.sentence, *point.small):
                    lines += _wrapped(said, _INDENT + 2)
            return lines


def _pairs(pairs: Pairs, indent: int) -> list[str]:
    lines = []
    width = max([_LABEL, *(len(label) + 2 for label, _ in pairs.items)])
    for label, said in pairs.items:
        for number, line in enumerate(said):
            lines += _wrapped(line, indent + width, (label if number == 0 else "").ljust(width))
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
            for point in block.items:
                aside = f" ({_md(point.aside)})" if point.aside else ""
                said = " ".join(map(_md, (point.sentence, *point.small)))
                lines.append(f"- **{_md(point.name)}**{aside}: {said}")
            return lines


def _md_pairs(pairs: Pairs) -> list[str]:
    return [f"- **{_md(label)}**: {'; '.join(map(_md, said))}" for label, said in pairs.items]


def _md(text: str) -> str:
    """Take their meaning from characters that Markdown would act on."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in text)


# --- HTML ---------------------------------------------------------------------------------------------------------
_MOST_COLUMNS = 3
"""A table with more of them becomes a list of its rows where the page is narrow."""
_STYLE = """\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d8dee4;--page:#fff;--tint:#f5f7f9;--mark:#0b57a4}
@media(prefers-color-scheme:dark){
:root{--ink:#e8eaed;--soft:#a9b1ba;--line:#3b424a;--page:#15181c;--tint:#1e2329;--mark:#8ab8f0}}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
main{max-width:60rem;margin:auto;padding:2.5rem 1.25rem}
header{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:end;gap:0 3rem}
header p{margin:0;color:var(--mark);font-weight:600}
h1{margin:0;font-size:2rem;line-height:1.25}
section{margin-top:2.5rem;padding-top:1.1rem;border-top:1px solid var(--line)}
h2{margin:0;font-size:1.35rem}
h2 small{margin-left:.4rem;padding:.1rem .6rem;border:1px solid var(--line);border-radius:1rem;color:var(--soft);
font-size:.8rem;font-weight:normal;vertical-align:.15rem;white-space:nowrap}
h3{margin:1.3rem 0 .4rem;font-size:1rem;color:var(--mark)}
.intro{margin:.25rem 0 0;color:var(--soft)}
dl{display:grid;grid-template-columns:minmax(8.5rem,max-content) 1fr;gap:.15rem 1.5rem;margin:1rem 0}
dt{color:var(--soft)}dd{margin:0;grid-column:2}
header dl{margin:.5rem 0 0;font-size:.9rem}
.wide{overflow-x:auto;margin-top:1rem}table{border-collapse:collapse;width:100%}
caption{text-align:left;font-weight:600;padding:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.5rem .9rem .5rem 0;border-bottom:1px solid var(--line);
white-space:pre-line}
tbody th{white-space:nowrap}
thead th{color:var(--soft);font-weight:normal;border-bottom:2px solid var(--ink)}
@media screen and (max-width:44rem){
main{padding:1.5rem 1rem}dl{grid-template-columns:1fr}dt{margin-top:.35rem}dd{grid-column:1}
.stack thead{position:absolute;clip-path:inset(50%)}.stack tr{display:block;border-bottom:1px solid var(--line);
padding:.6rem 0}.stack tbody th,.stack td{display:block;border:0;padding:.1rem 0;white-space:pre-line}
.stack td::before{content:attr(data-label);display:block;color:var(--soft);font-size:.85rem}}
ul{margin:0;padding:0;list-style:none}
li{margin:.7rem 0;padding-left:.9rem;border-left:3px solid var(--line)}
li span,.small{color:var(--soft);font-size:.9rem}li p{margin:.1rem 0}
@page{margin:16mm}
@media print{
body{font-size:9.5pt}main{max-width:none;padding:0}section{margin-top:1.4rem;padding-top:.7rem}li{margin:.4rem 0}
h2,h3{break-after:avoid}tr,li,dl{break-inside:avoid}}
"""


def as_html(sheet: Sheet) -> str:
    """Write a sheet as one accessible HTML page that loads nothing and runs nothing."""
    body = "".join(_html_section(number, section) for number, section in enumerate(sheet.sections, 1))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(sheet.title)}: {escape(sheet.subtitle)}</title>\n<style>\n{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<header>\n<div><p>{escape(sheet.subtitle)}</p>\n<h1>{escape(sheet.title)}</h1></div>\n"
        f"{_html_pairs(sheet.stamp)}</header>\n{body}</main>\n</body>\n</html>\n"
    )


def _html_section(number: int, section: Section) -> str:
    aside = "".join(f" <small>{escape(word)}</small>" for word in section.aside.split(" · ") if word)
    intro = f'<p class="intro">{escape(section.intro)}</p>\n' if section.intro else ""
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
                f'<tr><th scope="row">{escape(row[0])}</th>{_html_cells(block.head[1:], row[1:])}</tr>\n'
                for row in block.rows
            )
            caption = f"<caption>{escape(block.caption)}</caption>\n" if block.caption else ""
            # a wide table can be scrolled with the keyboard too
            form = "wide stack" if len(block.head) > _MOST_COLUMNS else "wide"
            region = f'<div class="{form}" role="region" aria-label="{escape(block.caption or "table")}" tabindex="0">'
            table = f"<table>\n{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>"
            return f"{region}{table}</div>\n"
        case Points():
            items = "".join(_html_point(point) for point in block.items)
            return f"<h3>{escape(block.heading)}</h3>\n<ul>\n{items}</ul>\n"


def _html_point(point: Point) -> str:
    aside = f" <span>{escape(point.aside)}</span>" if point.aside else ""
    small = "".join(f'<p class="small">{escape(line)}</p>' for line in point.small)
    return f"<li><strong>{escape(point.name)}</strong>{aside}<p>{escape(point.sentence)}</p>{small}</li>\n"


def _html_cells(head: Iterable[str], cells: Iterable[str]) -> str:
    labelled = zip(head, cells, strict=True)
    return "".join(f'<td data-label="{escape(label)}">{escape(cell)}</td>' for label, cell in labelled)


def _html_pairs(pairs: Pairs) -> str:
    items = []
    for label, said in pairs.items:
        items.append(f"<dt>{escape(label)}</dt>")
        items += [f"<dd>{escape(line)}</dd>" for line in said]
    return f"<dl>\n{''.join(items)}\n</dl>\n"
