"""Putting what was measured into a page, between markers of its name; the rest of the page is a person's."""

from __future__ import annotations

import re
from pathlib import Path


def put(document: Path, name: str, text: str) -> None:
    """Replace what stands between the document's markers of this name."""
    whole = document.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    if not marked.search(whole):
        raise SystemExit(f"{document.name} has no markers <!-- {name} --> … <!-- end of {name} -->")
    document.write_text(marked.sub(lambda found: f"{found[1]}{text}\n{found[2]}", whole), encoding="utf-8")
