"""The JSON Schema of a policy: up to date, true of every policy that loads, and strict where an editor can help."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policies import values
from policies.conditions import REGISTRY
from policies.document import PolicyError, parse
from policies.durations import Duration
from policies.schema import DIALECT, ORDERS, schema, schema_text
from policies.source import read

LIBRARY = Path(__file__).parents[2] / "policies" / "library"
POLICIES = sorted(LIBRARY.glob("*.yaml"))
SCHEMA = schema()
KNOWN = {
    *("$schema", "$defs", "$ref", "title", "description", "examples", "type", "const", "enum", "pattern", "anyOf"),
    *("properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties"),
    *("items", "minItems", "maxItems", "minimum", "maximum", "maxLength"),
}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
}


def wrong(value: Any, rule: Any, at: str = "") -> Iterator[str]:
    """Yield where a value does not fit; a checker of just the words that this schema uses."""
    if isinstance(rule, bool):
        yield from () if rule else [f"{at}: not allowed"]
        return
    assert set(rule) <= KNOWN, f"the checker does not know {set(rule) - KNOWN}"
    if "$ref" in rule:
        found: Any = SCHEMA
        for step in rule["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        yield from wrong(value, found, at)
    if "type" in rule:
        kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
        fits = any(isinstance(value, TYPES[k]) and (isinstance(value, bool) is (k == "boolean")) for k in kinds)
        if not fits:
            yield f"{at}: {value!r} is no {kinds}"
            return
    if "const" in rule and value != rule["const"]:
        yield f"{at}: {value!r} is not {rule['const']!r}"
    if "enum" in rule and value not in rule["enum"]:
        yield f"{at}: {value!r} is not one of {rule['enum']}"
    if "anyOf" in rule and all(any(wrong(value, one, at)) for one in rule["anyOf"]):
        yield f"{at}: {value!r} fits none of {len(rule['anyOf'])}"
    if isinstance(value, str):
        if "pattern" in rule and not re.search(rule["pattern"], value):
            yield f"{at}: {value!r} does not look like {rule['pattern']}"
        if len(value) > rule.get("maxLength", len(value)):
            yield f"{at}: too long"
    elif isinstance(value, int) and not rule.get("minimum", value) <= value <= rule.get("maximum", value):
        yield f"{at}: {value} is out of bounds"
    yield from _inside(value, rule, at)


def _inside(value: Any, rule: Any, at: str) -> Iterator[str]:
    if isinstance(value, list):
        if not rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", len(value)):
            yield f"{at}: {len(value)} entries"
        for number, item in enumerate(value):
            yield from wrong(item, rule.get("items", True), f"{at}[{number}]")
    if isinstance(value, dict):
        yield from (f"{at}: {name} is missing" for name in rule.get("required", ()) if name not in value)
        if not rule.get("minProperties", 0) <= len(value) <= rule.get("maxProperties", len(value)):
            yield f"{at}: {len(value)} keys"
        for name, item in value.items():
            yield from wrong(name, rule.get("propertyNames", True), f"{at}.{name}")
            yield from wrong(
                item, rule.get("properties", {}).get(name, rule.get("additionalProperties", True)), f"{at}.{name}"
            )


def problems(text: str) -> list[str]:
    return list(wrong(read(text)[0].plain, SCHEMA))


def test_the_shipped_schema_is_up_to_date() -> None:
    shipped = (LIBRARY / "schema.json").read_text("utf-8")
    assert shipped == schema_text(), "run `stepladder policy schema > policies/library/schema.json`"


def test_it_names_its_dialect() -> None:
    assert SCHEMA["$schema"] == DIALECT
    assert json.loads(schema_text()) == json.loads(json.dumps(SCHEMA))


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.name)
def test_every_policy_of_the_library_fits(file: Path) -> None:
    assert problems(file.read_text("utf-8")) == []


UNUSUAL = """\
version: 1
name: 2027
review_by: 2027-05-01
applies_to: {desk/east.one: all, board: {tags: {none_of: spam}, projects: 7}}
calendars: {night: {timezone: UTC, hours: {Mon-Fri: "22:00 - 06:00", DAILY: ["00:00-24:00"]}, closed: [2026-12-24]}}
defaults:
  calendar: {from: hours, else: night}
  pause_while: [new]
  pause_while_blocked: {at_most: 3d}
  after_reopening: restart
roles: {7: {people: 77}, master: {people: [Jon, 8], tell: [a@b.example, {on_call: 5, else: c@d.example}]}}
severity: {impact: [1, 2], urgency: [a], matrix: {1: [x], 2: [y]}}
levels:
  - {level: 1, name: 1}
  - level: 2
    name: Two
    targets:
      desk/east.one: {group: 3600, by_tier: {1: {group: 1}}, by_region: {north: {assignee: 7}}}
      board: {by_issue_type: {Bug: {linked: {project: DEV}}}, assignee: keep}
    fallback: [{desk/east.one: {group: 1}}, {board: {assignee: 2}}]
    priority: {set: low}
    taken_within: 30m
    if_not_taken: {remind_every: 15m, at_most: 20, then: stay}
    tell: a@b.example
    out_of_hours: {outside: night, tell: c@d.example}
    review_every: 2h
    calendar: always
    mode: observe
    note: "{rule}"
  - {level: 3, name: Three, out_of_hours: {hold_until: night, unless: [{level: 1}]}, needs_confirmation: master}
rules:
  - {name: a, when: [{status: Open}, {any: [{level: 1}, {not: {answered: false}}]}], go_to: next_level, again: after 3d}
  - {name: b, when: {all: [{custom: {env: [a, 1]}}, {reopens: {more_than: 1}}, {severity: {at_least: y}}]}, go_to: 2}
  - {name: c, when: {priority: [high, urgent], unresolved_for: 1h 30m clock, form: 12}, go_to: requested_level}
  - {name: d, when: {matches: {message: help, custom.berth: x}, blocked: false}, tell: a@b.example}
  - {name: e, when: {until_promise: 1h}, tell: [a@b.example], go_to: 3}
come_down: [{name: f, from: 3, when: {answered: true}, for: 1h, go_to: 1}]
guards:
  never: {status: Pending}
  min_time_between: 1h
  per_ticket: {at_most: 1, per: 31d}
  level_budget: [{level: 2, at_most: 1, per: 1m, then: hold}, {level: 3, at_most: 10000, per: 1d}]
  evidence: {for: functional, need: product, at_most: 1h}
  never_hold: [{level: 1}]
tests:
  - name: 1
    ticket:
      {site: desk/east.one, created: "2027-03-01T09:00Z", custom: {env: a}, impact: 1, reopens: 0, taken: "09:01",
       due_at: none, sla_breach_at: "10:00", blocked_by: [], others: {2: 1}}
    steps:
      - {at: "10:00", request: true}
      - {at: "10:01", request: 2}
      - {at: "10:02", set: {tags: x, priority: low, blocked_by: T-1, due_at: "2027-03-02 09:00"}, by: 7}
    expect:
      - {at: "09:00", level: 1, target: {group: 3600}, told: [], held: true}
      - {at: "09:01", level: 1, told: 5, held: x}
"""
LOADING = UNUSUAL.replace(', DAILY: ["00:00-24:00"]', "").replace("by_tier: {1: {group: 1}}, ", "")


def test_whatever_loads_fits() -> None:
    parse(LOADING, years=[2027])
    assert problems(LOADING) == []
    assert problems(UNUSUAL) == []  # what it refers to is beyond a schema


WRONG = [
    ("version: 1", "version: 2"),
    ("name: 2027\n", ""),
    ("name: 2027", "nam: 2027"),
    ("review_by: 2027-05-01", "review_by: May"),
    ("desk/east.one: all", "desk/east.one: some"),
    ("{none_of: spam}", "{none: spam}"),
    ("projects: 7", "project: 7"),
    ("pause_while: [new]", "pause_while: [waiting]"),
    ("after_reopening: restart", "after_reopening: stop"),
    ("22:00 - 06:00", "22 - 06"),
    ("Mon-Fri", "Mo-Fr"),
    ("priority: {set: low}", "priority: {set: low, at_least: low}"),
    ("priority: {set: low}", "priority: {set: lowest}"),
    ("mode: observe", "mode: watch"),
    ("go_to: next_level", "go_to: 1"),
    ("go_to: next_level", "go_to: up"),
    ("again: after 3d", "again: 3d"),
    ("again: after 3d", "again: after 3"),
    ("unresolved_for: 1h 30m clock", "unresolved_for: 90"),
    ("unresolved_for: 1h 30m clock", "unresolved_fr: 1h"),
    ("answered: false", "answered: maybe"),
    ("level: 1}, {not", "level: one}, {not"),
    ("{more_than: 1}", "{more: 1}"),
    ("[high, urgent]", "[high, urgents]"),
    ("{custom: {env: [a, 1]}}", "{custom: env}"),
    ('{at: "10:00", request: true}', '{at: "10:00", request: true, solve: true}'),
    ('{at: "10:00", request: true}', '{at: "10:00"}'),
    ('{at: "10:01", request: 2}', '{at: "10", request: 2}'),
    ("set: {tags: x,", "set: {tag: x,"),
    ("by: 7}", "by: {name: 7}}"),
    ('{at: "10:01", request: 2}', '{at: "10:01", by: Eva}'),
    ("due_at: none", "due_at: never"),
    ("others: {2: 1}", "others: {two: 1}"),
    ("others: {2: 1}", "others: {2: many}"),
    ("others: {2: 1}", "others: 2"),
    ("told: []", "told: {}"),
    ("held: true", "held: []"),
    ("calendar: {from: hours, else: night}", "calendar: {from: hours}"),
    ("pause_while_blocked: {at_most: 3d}", "pause_while_blocked: 3d"),
    ("{people: 77}", "{tell: a@b.example}"),
    ("people: [Jon, 8]", "persons: [Jon, 8]"),
    ("tell: [a@b.example, {on", "tell: [a at b.example, {on"),
    ("tell: [a@b.example, {on", 'tell: ["A <a@b.example>", {on'),
    ("{on_call: 5, else: c@d.example}", "{on_call: 5}"),
    ("{group: 3600, by_region: {north: {assignee: 7}}}", "{}"),
    ("by_region: {north: {assignee: 7}}", "by_region: {north: Nils}"),
    ("fallback: [{desk/east.one: {group: 1}}", "fallback: [{Desk East: {group: 1}}"),
    ("fallback: [{desk/east.one: {group: 1}}", "fallback: [{desk/east.one: 1}"),
    ("remind_every: 15m, ", ""),
    ("at_most: 20, then", "at_most: 21, then"),
    ("then: stay", "then: wait"),
    ("{outside: night, tell", "{outside_of: night, tell"),
    ("unless: [{level: 1}]", "unless: {levle: 1}"),
    ("review_every: 2h", "review_every: often"),
    (", tell: a@b.example}\n  - {name: e", "}\n  - {name: e"),
    ("{message: help,", "{massage: help,"),
    ("{message: help,", "{message: [help],"),
    ("custom.berth: x", "custom.: x"),
    ("from: 3, ", ""),
    ("from: 3, ", "start: 3, "),
    ("never: {status: Pending}", "never: {status: Pending" + ", colour: red}"),
    ("per: 31d", "per: month"),
    ("at_most: 1, per: 31d", "at_most: 0, per: 31d"),
    ("then: hold", "then: stop"),
    ("{level: 2, at_most: 1, per: 1m", "{level: 1, at_most: 1, per: 1m"),
    ("for: functional", "for: experts"),
    ("need: product", "needs: product"),
    ("    expect:", "    expects:"),
]


@pytest.mark.parametrize(("right", "mistake"), WRONG)
def test_a_mistake_that_an_editor_can_show_does_not_fit(right: str, mistake: str) -> None:
    assert right in LOADING
    broken = LOADING.replace(right, mistake, 1)
    assert problems(broken) != []
    with pytest.raises(PolicyError):
        parse(broken, years=[2027])


@pytest.mark.parametrize("name", REGISTRY)
def test_every_condition_is_described_with_its_example(name: str) -> None:
    described = SCHEMA["$defs"]["when"]["anyOf"][0]["properties"][name]
    assert described["description"] == REGISTRY[name].summary
    shown = read(REGISTRY[name].example)[0].plain
    assert described["examples"] == [shown[name]]
    assert list(wrong(shown, SCHEMA["$defs"]["when"])) == []
    assert described.keys() & {"type", "anyOf", "enum"}, "what may stand there is not known"


def test_all_comparisons_are_tried() -> None:
    assert set(ORDERS) == set(values._ORDERS)


@pytest.mark.parametrize("text", ["30m", "1h 30m", " 2d ", "4h clock", "30mclock", "3", "h", "3 w", "3m late", ""])
def test_a_duration_fits_exactly_if_it_loads(text: str) -> None:
    pattern = SCHEMA["properties"]["levels"]["items"]["properties"]["taken_within"]["pattern"]
    try:
        Duration.parse(text)
    except ValueError:
        assert not re.search(pattern, text)
    else:
        assert re.search(pattern, text)


def undescribed(rule: Any, at: str = "") -> Iterator[str]:
    """Yield the keys, anywhere below, of which an editor can say nothing."""
    if not isinstance(rule, dict):
        return
    for name, found in rule.get("properties", {}).items():
        if found is not False and not found.get("description"):
            yield f"{at}.{name}"
        yield from undescribed(found, f"{at}.{name}")
    for one in (
        rule.get("items"),
        rule.get("additionalProperties"),
        *rule.get("anyOf", ()),
        *rule.get("$defs", {}).values(),
    ):
        yield from undescribed(one, at)


def test_every_key_that_may_be_written_is_explained() -> None:
    assert len(json.dumps(SCHEMA)) > 10_000
    assert set(undescribed(SCHEMA)) == set()
