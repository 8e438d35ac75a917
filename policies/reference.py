"""The reference page: every section, key, condition and order of a policy, taken from what reads and asks them.

Nothing is kept here twice: keys and their meanings come from the readers (`schema`), conditions from the registry, the
examples from a policy in which every key stands (`reference.yaml`). What a cause is, and what agents may order, is said
here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from policies import conditions
from policies.consent import LONGEST_HOLD
from policies.contacts import LONGEST_ADDRESS
from policies.patterns import LONGEST as LONGEST_PATTERN
from policies.reminders import MOST_REVIEWS
from policies.rungs import LONGEST
from policies.schema import ORDERS, schema
from policies.shapes import day, length
from policies.signs import MOST_PHRASES
from policies.source import MAX_DEPTH, MAX_NODES, MAX_PROBLEMS, MAX_TEXT
from policies.story import MOST_COUNTED
from policies.wording import listed

Row = tuple[str, ...]

_FIELD = "the moment the field took this value; what Stepladder itself wrote is none"
_LASTED = "the stretch of time that reached this length, once for each stretch"
_PROMISE = "each promised time, once it is this near or this long past"
_REACHED = "the moment the number is reached, once; a number that is so from the beginning is none"
CAUSES = {
    "status": "as with other fields, but only where nothing else in the rule has a cause",
    "tier": "the moment its tag, field or organization was set; for everybody else's tier, the creation",
    "level": "none: it only narrows a rule down",
    "answered": "none: it only narrows a rule down",
    "reopens": "each further return",
    "requested_by_staff": "each request",
    "blocked": "the moment it became blocked; for `false` none",
    "matches": "the moment the text became so; of messages the first of a waiting",
    "hand_overs": _REACHED,
    "owners": _REACHED,
    "replies": _REACHED,
    "frustration": "the first such message of a waiting; of a tag, the moment it was set",
    "csat": "the moment the tag was set",
}
"""Causes that are not those of other fields and times."""

AGENTS = (
    ("/escalate", "any agent", "asks for the next level; `/escalate 3` for level 3"),
    ("/ack", "any agent", "takes the ticket: it counts as taken at its level"),
    ("/confirm", "the roles of `needs_confirmation`", "agrees to the move that waits; `/confirm 4` only to level 4"),
    ("/decline", "the roles of `needs_confirmation`", "declines it: that cause is dealt with"),
    ("/snooze 4h", "`escalation_manager`", "lets it rest for so long, every minute counted: nothing moves it up"),
    ("/hold", "`escalation_manager`", f"keeps it where it is, up and down, for {LONGEST_HOLD.days} days at most"),
    ("/release", "`escalation_manager`", "ends a `/snooze` or a `/hold`"),
)
"""What agents write into the first line of an internal comment, who may, and what it does."""

RECORDS = (
    ("tried: …", "what was tried, quoted in the note; `steps_tried` of `evidence` is then recorded"),
    ("asked: …", "what was asked of the customer: likewise"),
)
"""What agents write into any line of a comment, and what it records."""

_UNSAID = (
    ("`defaults: {calendar}`", "the only calendar; without any, every minute counts"),
    ("`defaults: {pause_while}`", "time stands still only while a ticket is solved or closed"),
    ("`defaults: {after_reopening}`", "`continue`: what had counted before the solution counts on"),
    ("`levels: path`", "`functional`"),
    ("`levels: take`", "`ownership`"),
    ("`levels: priority`", "it stays as it is"),
    ("`levels: tell`", "nobody gets a message"),
    ("`levels: if_not_taken: {then}`", "`stay`: after the last reminder nothing follows"),
    ("`levels`, `rules`: `mode`", "that of the site"),
    ("`rules: again`", "a rule fires once for each cause"),
    ("`guards: {level_budget: {then}}`", "`warn`: more tickets come all the same, and it is said"),
    ("`guards: {evidence: {at_most}}`", "`4h clock`"),
    ("`guards: {never_hold}`", "tickets of the highest severity, if there is a `severity` table"),
    ("`guards: {exposed_notes}`", "`short`: where people outside read internal notes, they read the level only"),
    ("`come_down`", "nothing comes down by itself"),
)
_BOUNDS = (
    ("a policy", f"{MAX_TEXT // 1024} KiB, {MAX_NODES:,} values, {MAX_DEPTH} levels of nesting"),
    ("problems told at once", str(MAX_PROBLEMS)),
    ("a duration", f"1 second to {LONGEST.days} days"),
    ("counts (`hand_overs`, `owners`, `replies`)", str(MOST_COUNTED)),
    ("a pattern of `matches`", f"{LONGEST_PATTERN} characters, in the language of RE2"),
    ("phrases of `frustration`", str(MOST_PHRASES)),
    ("an e-mail address", f"{LONGEST_ADDRESS} characters"),
    ("requests to review in a row (`review_every`)", str(MOST_REVIEWS)),
)
_HEAD = """\
# The policy, to look things up

Made by `make reference` from the program itself; a test says that it is up to date. [policy.md](policy.md) explains how
the parts work together. Here every section, key, condition and order is listed. The examples are pieces of one policy,
which loads and passes its own tests.
"""
_VALUES = (
    ("duration", "`15m`, `4h`, `1h 30m`, `90s`", "time of the calendar that counts; a day (`2d`) is 24 counted hours"),
    ("duration by the clock", "`30m clock`", "every minute counts, at night too"),
    ("comparison", "`{at_least: high}`", f"one of {listed(f'`{order}`' for order in ORDERS)}"),
    ("one or several", "`vip`, `[vip, gold]`", "a list means *one of these*"),
    ("conditions", "`{tier: vip, unanswered_for: 1h}`", "all keys must hold; `all`, `any` and `not` combine them"),
    ("people to tell", "`lead@acme.example`", "or `{on_call: NAME, else: ADDRESS}`, or a list of both"),
)
_TOP = ("version", "name", "owner", "review_by")


def reference(specimen: str) -> str:
    """Return the page as Markdown; `specimen` is the policy whose sections are the examples."""
    found, shown = schema(), pieces(specimen)
    sections = {name: part for name, part in found["properties"].items() if name not in _TOP}
    ordered = [name for name in shown if name in sections]
    ordered += [name for name in sections if name not in ordered]
    links = " · ".join(f"[{name}](#{name})" for name in ordered)
    more = "[conditions](#conditions) · [orders](#orders-by-agents) · [if nothing is said](#if-nothing-is-said)"
    top = {name: found["properties"][name] for name in _TOP}
    parts = [
        _HEAD,
        f"[values](#values) · [the top](#the-top) · {links} · {more} · [bounds](#bounds)\n",
        "## Values\n\n" + _table(("what", "such as", "means"), _VALUES),
        "## The top\n\n" + _example(shown, "version") + _keys({"properties": top, "required": found["required"]}, {}),
        *_sections(sections, ordered, found["required"], shown),
        "## Conditions\n\n" + "\n".join(_conditions(found["$defs"]["when"])),
        *_orders(),
        "## If nothing is said\n\n" + _table(("key", "then"), _UNSAID),
        "## Bounds\n\n" + _table(("what", "at most"), _BOUNDS),
    ]
    return "\n".join(parts)


def _orders() -> Iterator[str]:
    yield "## Orders by agents\n\nIn the first line of an internal comment; what a customer reads or writes is none.\n"
    yield _table(("line", "who may", "what it does"), ((f"`{line}`", who, does) for line, who, does in AGENTS))
    yield "In any line of an agent's comment, internal or public:\n"
    yield _table(("line", "records"), ((f"`{line}`", what) for line, what in RECORDS))


def pieces(specimen: str) -> dict[str, str]:
    """Return a policy's sections by their names; what stands at its top goes by the name of the first."""
    blocks = [block.strip("\n") for block in re.split(r"\n(?=\n\w)", specimen)]
    return {block.partition(":")[0]: block for block in blocks}


# --- sections -----------------------------------------------------------------------------------------------------
def _sections(
    sections: Mapping[str, Any], ordered: Iterable[str], required: Iterable[str], examples: Mapping[str, str]
) -> Iterator[str]:
    shown: dict[str, str] = {}
    for name in ordered:
        part = sections[name]
        needed = " It is needed." if name in required else ""
        yield f"## {name}\n\n{part.get('description', '')}{needed}\n\n{_example(examples, name)}{_keys(part, shown)}"


def _example(examples: Mapping[str, str], name: str) -> str:
    return f"```yaml\n{examples[name]}\n```\n\n" if name in examples else ""


def _keys(part: Mapping[str, Any], shown: dict[str, str]) -> str:
    rows = list(_rows(part, "", shown))
    return _table(("key", "takes", "needed", "means"), rows) if rows else ""


def _rows(part: Mapping[str, Any], above: str, shown: dict[str, str]) -> Iterator[Row]:
    """Yield the keys below a part of the schema. What was described before, word for word, is not described again."""
    for node in _inside(part):
        for keys, value in _alike(node["properties"]):
            paths = [f"{above}.{key}".lstrip(".") for key in keys]
            needed = "yes" if keys[0] in node.get("required", ()) else ""
            below = json.dumps([_bare(each) for each in _inside(value)], sort_keys=True)
            known = shown.get(below) if "properties" in below else None
            again = f" Its keys are those of `{known}`." if known else ""
            yield ", ".join(f"`{path}`" for path in paths), _takes(value), needed, f"{value['description']}{again}"
            if not known:
                shown[below] = paths[0]
                yield from _rows(value, paths[0], shown)


def _alike(properties: Mapping[str, Any]) -> Iterator[tuple[list[str], Mapping[str, Any]]]:
    """Yield each description once, with all keys that share it."""
    found: dict[str, list[str]] = {}
    for key, value in properties.items():
        found.setdefault(json.dumps(value, sort_keys=True), []).append(key)
    yield from ((keys, properties[keys[0]]) for keys in found.values())


def _bare(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in node.items() if name != "description"}


def _inside(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what may stand in a part: itself, its alternatives, a list's entries, a table's values; each once."""
    seen: set[str] = set()
    for node in _unfolded(part):
        text, keys = json.dumps(_bare(node), sort_keys=True), node.get("properties", {})
        if text not in seen and keys and all(isinstance(value, Mapping) for value in keys.values()):
            seen.add(text)
            yield node


def _unfolded(part: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(part, Mapping):
        return
    yield part
    for below in (*part.get("anyOf", ()), part.get("items"), part.get("additionalProperties")):
        yield from _unfolded(below)


# --- what a key takes ---------------------------------------------------------------------------------------------
def _takes(part: Mapping[str, Any]) -> str:
    return listed(dict.fromkeys(_forms(part)))


def _forms(part: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words what may stand behind a key."""
    for form in part.get("anyOf", [part]):
        if "anyOf" in form:
            yield from _forms(form)
        elif "$ref" in form:
            yield "[conditions](#conditions)"
        elif "const" in form:
            yield f"`{json.dumps(form['const']).strip(chr(34))}`"
        elif "enum" in form:
            yield from (f"`{word}`" for word in form["enum"])
        else:
            yield _kind(form, alone="anyOf" not in part)


def _kind(form: Mapping[str, Any], *, alone: bool) -> str:
    kinds = form.get("type")
    if form.get("pattern") in (length.schema["pattern"], day.schema["pattern"]):
        return "a duration" if form["pattern"] == length.schema["pattern"] else "a date such as `2027-11-30`"
    if kinds == "array":
        return f"a list of {_takes(form['items'])}" if alone and "enum" in form["items"] else "a list"
    if kinds == "object":
        known = list(form.get("properties", {}))
        if known == list(ORDERS):
            return "a comparison"
        return "names with values" if not known or form.get("additionalProperties") is not False else "keys"
    if kinds in ("integer", "boolean"):
        bounds = f" from {form['minimum']} to {form['maximum']:,}" if {"minimum", "maximum"} <= form.keys() else ""
        return f"a number{bounds}" if kinds == "integer" else "`true` or `false`"
    shown = [f"`{example}`" for example in form.get("examples", ())[:2]]
    return f"text such as {listed(shown)}" if shown else "text"


# --- conditions ---------------------------------------------------------------------------------------------------
_GROUPS: Mapping[str, Callable[[str], bool]] = {
    "How long something has lasted": lambda name: name.endswith("_for"),
    "Promised times": lambda name: name.startswith(("until_", "after_")),
    "What happened to it": lambda name: name in ("answered", "requested_by_staff", "reopens", "blocked"),
    "How hard it is on people": lambda name: name in ("hand_overs", "owners", "replies", "frustration", "csat"),
}
_OTHERS = "What the ticket is"


def _conditions(when: Mapping[str, Any]) -> Iterator[str]:
    known: Mapping[str, Any] = when["anyOf"][0]["properties"]
    yield "A rule fires when its conditions hold and one of them has a cause that did not count before.\n"
    joints = [(f"`{name}`", part["description"]) for name, part in known.items() if name not in conditions.REGISTRY]
    yield _table(("joins", "means"), joints)
    grouped: dict[str, list[Row]] = {_OTHERS: [], **{title: [] for title in _GROUPS}}
    for name, found in conditions.REGISTRY.items():
        title = next((title for title, fits in _GROUPS.items() if fits(name)), _OTHERS)
        grouped[title].append((f"`{found.example}`", _takes(known[name]), found.summary, cause(name)))
    for title, rows in grouped.items():
        yield f"### {title}\n\n" + _table(("such as", "takes", "holds when", "its cause"), rows)


def cause(name: str) -> str:
    """Say what makes a condition's yes news."""
    usual = _LASTED if name.endswith("_for") else _PROMISE if name.startswith(("until_", "after_")) else _FIELD
    return CAUSES.get(name, usual)


# --- Markdown -----------------------------------------------------------------------------------------------------
def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    cells = (" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in lines)
    return "".join(f"| {row} |\n" for row in cells)
