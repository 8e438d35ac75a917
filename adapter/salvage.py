"""What becomes of a call that the vendor refused: the same for another target, or the rest without the fault. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.contract import Call, Refused
from policies.commands import Note
from policies.ladder import OTHER_NAMES
from policies.model import JSON

_PLACES = frozenset({"group", "assignee", "pool"})
_NAMED = frozenset({"group", "assignee", "watchers", "followers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A call in place of a refused one, if anything is worth sending, and the sentence about it for the note.

    `elsewhere`: the ticket goes to another target than was wanted.
    """

    call: Call | None
    sentence: str
    elsewhere: bool = False


def remedy(call: Call, refused: Refused, number: int, names: Mapping[str, str]) -> Remedy:
    """Return what to do instead; `number` is the new call's, `names` what the vendor calls people and groups."""
    if refused.gone or refused.applied:
        return Remedy(call=None, sentence=_sentence(refused))
    if call.otherwise and call.aims and (not refused.parts or refused.parts & set(call.aims)):
        return _elsewhere(call, refused, number, names)
    return Remedy(call=without(call, refused, number), sentence=_sentence(refused))


def without(call: Call, refused: Refused, number: int) -> Call | None:
    """Return the call without the parts at fault, or its note alone if nobody said which; None if nothing is left."""
    blamed = refused.parts & call.parts.keys()
    if blamed:
        kept = {name: value for name, value in call.parts.items() if name not in blamed}
    elif "note" in call.parts and len(call.parts) > 1:
        kept = {"note": call.parts["note"]}
    else:
        return None
    if not kept:
        return None
    note = _note(call, kept)
    told = (*call.told, _sentence(refused))
    return replace(call, number=number, parts=kept, expect=_expected(call, kept), note=note, told=told)


def _note(call: Call, kept: Mapping[str, JSON]) -> Note | None:
    """Return what the call still says. A text that is not the ticket's note, such as a new issue's, stays as it is."""
    if call.note is None or "note" not in call.parts:
        return call.note
    return as_wanted(call.note) if "note" in kept else None


def as_wanted(note: Note) -> Note:
    """Say what was wanted instead of what changed, because not all of it could be set."""
    lines = (replace(line, label="Wanted") if line.label == "Changed" else line for line in note.lines)
    return Note(lines=tuple(lines))


def _elsewhere(call: Call, refused: Refused, number: int, names: Mapping[str, str]) -> Remedy:
    """Aim at the next target: each is tried once, in the policy's order."""
    following, *others = call.otherwise
    kept = {name: value for name, value in call.parts.items() if name not in {*call.aims, *refused.parts}}
    aimed = {name: value for name, value in call.parts.items() if name in call.aims}
    sentence = f"{spoken(aimed, names)} was refused ({refused}); given to {spoken(following.parts, names)} instead"
    also = sorted(refused.parts & call.parts.keys() - set(call.aims))
    sentence += f"; not set: {', '.join(also)}" if also else ""
    instead = replace(
        call,
        number=number,
        parts={**kept, **following.parts},
        expect={**_expected(call, kept), **following.expect},
        note=_note(call, kept),
        told=(*call.told, sentence),
        aims=tuple(following.parts),
        otherwise=tuple(others),
    )
    return Remedy(call=instead, sentence=sentence, elsewhere=True)


def spoken(parts: Mapping[str, JSON], names: Mapping[str, str]) -> str:
    """Say a target in words: `group Experts`, `somebody of group Experts`; ids as `names` call them (`group:360`)."""
    words = []
    for name, value in parts.items():
        if name != "pool" and value not in (None, "", [], {}):
            kind = "group" if name == "group" else "user"
            words.append(f"{name.removeprefix('field:')} {_listed(value, kind if name in _NAMED else '', names)}")
    if "pool" in parts:
        return f"somebody of {' and '.join(words)}" if words else "somebody of the people named"
    return " and ".join(words) or "nobody"


def _listed(value: JSON, kind: str, names: Mapping[str, str]) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    words = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return ", ".join(names.get(f"{kind}:{word}", str(word)) for word in words)


def _expected(call: Call, kept: Mapping[str, JSON]) -> dict[str, str | None]:
    """Return what still comes back as an echo: what parts that are kept set, and what no lost target brought along."""
    sets = {part: _sets(part) for part in call.parts}
    owned, left = (frozenset[str]().union(*(sets[part] for part in parts)) for parts in (sets, sets.keys() & kept))
    moved_along = (call.parts.keys() - kept).isdisjoint({*call.aims, *_PLACES})
    return {name: value for name, value in call.expect.items() if name in left or (name not in owned and moved_along)}


def _sets(part: str) -> frozenset[str]:
    """Return the fields that a part changes, as echoes name them."""
    name = part.removeprefix("field:")
    return frozenset({name, OTHER_NAMES.get(name, name), f"custom.{name}", *(("tag",) if name == "level" else ())})


def _sentence(refused: Refused) -> str:
    what = ", ".join(part.removeprefix("field:") for part in sorted(refused.parts)) or "fields"
    return f"Not set: {what} ({refused})"
