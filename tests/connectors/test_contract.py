"""One contract for every vendor: what `connectors.discover()` finds must keep it, on every sample it brings along."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import itertools
import json
import random
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors
from connectors.contract import BadSignature, Connector, Delivery, Unreadable
from connectors.sandboxing import Authority
from connectors.site import Site, SiteSettings
from policies.commands import Command, Line, Mode, Note, Span, Speech, Take
from policies.model import Event, Kind, Named, Priority, Status, Ticket, TicketRef

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
VENDORS = connectors.discover()
FOLDER = Path(connectors.__file__).parent
SAMPLES = [(vendor, path) for vendor in VENDORS for path in sorted((FOLDER / vendor / "samples").glob("*.json"))]
TWINS = {
    "settings": [],
    "webhook": ["verify", "delivery_id", "tickets", "read"],
    "writeback": ["plan", "check_target", "stands_in"],
    "notes": ["render"],
    "client": ["connect"],
    "directory": ["Directory"],
    "sandbox": ["sign", "build", "Sandbox"],
}
TARGETS: Mapping[str, Any] = {  # a value for each key that any vendor knows; check_target says which are this vendor's
    "group": "Billing",
    "assignee": "7004",
    "followers": ["7005"],
    "watchers": ["7005"],
    "field": {"team": "Billing"},
}
HOSTILE = {  # what somebody writes, and what of it the vendor's markup must not find
    "html": (
        ("<script>alert(1)</script>", "<script"),
        ('<img src=x onerror="x">', "<img"),
        ("<!-- -->", "<!--"),
        ("{{ticket.requester.email}}", "{{"),
        ("{% if x %}", "{%"),
        ("see https://example.com/pay", "https://"),
        ("see www.example.com", "www.example"),
        ("ask @robin", "@robin"),
        ("like #35001", "#35001"),
    ),
    "wiki": (
        ("{color:red}", "{color"),
        ("{html}<b>{html}", "{html"),
        ("{{mono}}", "{{"),
        ("[~accountid:5b10]", "[~"),
        ("[click|https://example.com/x]", "[click|"),
        ("!secret.png!", "!secret.png!"),
        ("see https://example.com/pay", "https://"),
        ("h1. Shout", "h1. "),
        ("||head||", "||"),
    ),
}
MOVES = ("group", "assignee", "field")

every_vendor = pytest.mark.parametrize("vendor", VENDORS)
every_sample = pytest.mark.parametrize(("vendor", "path"), SAMPLES, ids=[f"{v}-{p.stem}" for v, p in SAMPLES])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One vendor with settings that would work, and its signing hand."""

    connector: Connector
    sandbox: ModuleType
    section: Mapping[str, Any]
    secrets: Mapping[str, Any]

    def settings(self, **more: Any) -> SiteSettings:
        return self.connector.settings(**{**self.section, **self.secrets, **more})

    def site(self, **more: Any) -> Site:
        settings = self.settings(**more)
        return Site(name="here", settings=settings, account=settings.account)

    def delivery(
        self, body: bytes, headers: Mapping[str, str], received_at: datetime = NOW, query: str = ""
    ) -> Delivery:
        lower = {name.lower(): value for name, value in headers.items()}
        vendor = self.connector.vendor
        return Delivery(
            vendor=vendor, site="here", body=body, headers=lower, query=query, received_at=received_at, row=7
        )

    def signed(self, body: bytes, secrets: Mapping[str, Any] | None = None) -> Delivery:
        return self.delivery(body, self.sandbox.sign(body, secrets or self.secrets, NOW))


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Bench]:
    made = {}
    authority = Authority(tmp_path_factory.mktemp("ca"))
    for vendor, connector in VENDORS.items():
        sandbox = importlib.import_module(f"connectors.{vendor}.sandbox")
        desk = sandbox.build(authority)
        section = tomllib.loads(desk.site_toml("here", "act"))["sites"]["here"]
        made[vendor] = Bench(connector=connector, sandbox=sandbox, section=section, secrets=desk.secrets())
        desk.stop()
    return made


# --- the folder ---------------------------------------------------------------------------------------------
@every_vendor
def test_a_vendor_is_called_like_its_folder(vendor: str) -> None:
    connector = VENDORS[vendor]
    assert connector.vendor == vendor == connector.settings.model_fields["vendor"].default
    assert connector.title


@every_vendor
@pytest.mark.parametrize("module", TWINS)
def test_twins_have_the_same_names_in_the_same_order(vendor: str, module: str) -> None:
    tree = ast.parse((FOLDER / vendor / f"{module}.py").read_text())
    public = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
    assert [name for name in public if name in TWINS[module]] == TWINS[module]


@every_vendor
def test_only_the_sandbox_imports_the_sandbox_extra_and_only_the_client_its_sdk_at_call_time(vendor: str) -> None:
    importing: dict[str, set[str]] = {}
    for path in (FOLDER / vendor).glob("*.py"):
        for node in ast.parse(path.read_text()).body:  # the top level only: inside a function is lazily
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                importing.setdefault(name.split(".")[0], set()).add(path.stem)
    assert importing.get("flask", set()) | importing.get("trustme", set()) <= {"sandbox"}
    assert not importing.keys() & {"zenpy", "jira", "adapter", "sqlalchemy"}


def test_discovering_vendors_loads_no_sdk_and_no_web_framework() -> None:
    program = (
        "import sys, connectors; connectors.discover(); print(sorted({'flask', 'jira', 'zenpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=FOLDER.parent, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@every_vendor
def test_every_setting_is_described(vendor: str) -> None:
    fields = VENDORS[vendor].settings.model_fields
    inherited = SiteSettings.model_fields
    assert [name for name, info in fields.items() if not info.description and name not in inherited] == []


@every_vendor
def test_there_are_enough_samples(vendor: str) -> None:
    assert len([path for name, path in SAMPLES if name == vendor]) >= 10


# --- samples ------------------------------------------------------------------------------------------------
@every_sample
def test_a_sample_is_read_as_it_says(vendor: str, path: Path, benches: Mapping[str, Bench]) -> None:
    sample = json.loads(path.read_text())
    bench = benches[vendor]
    site, delivery = bench.site(**sample.get("site", {})), _delivery(bench, sample)
    assert sample["about"]
    assert sample["source"]
    if sample.get("unreadable"):
        with pytest.raises(Unreadable):
            _read(bench.connector, delivery, site)
        return
    refs, events = _read(bench.connector, delivery, site)
    assert [ref.id for ref in refs] == sample["tickets"]
    assert {(ref.vendor, ref.site) for ref in refs} <= {(vendor, "here")}
    assert len(events) == len(sample["events"]), events
    for event, expected in zip(events, sample["events"], strict=True):
        _compare(event, expected)


@every_sample
def test_what_a_sample_yields_is_sound(vendor: str, path: Path, benches: Mapping[str, Bench]) -> None:
    sample = json.loads(path.read_text())
    if sample.get("unreadable"):
        return
    bench = benches[vendor]
    site, delivery = bench.site(**sample.get("site", {})), _delivery(bench, sample)
    refs, events = _read(bench.connector, delivery, site)
    assert (refs, events) == _read(bench.connector, delivery, site)
    for ref in refs:
        ids = [event.id for event in bench.connector.read(delivery, site, ref)]
        assert len(ids) == len(set(ids))
    for event in events:
        assert event.id
        assert event.at.utcoffset() == event.received_at.utcoffset() == timedelta(0)
        assert event.delivery == 7
        if event.ticket:
            assert event.ticket.ref in refs


@every_sample
def test_a_sample_is_believed_only_unchanged_and_signed(vendor: str, path: Path, benches: Mapping[str, Bench]) -> None:
    bench = benches[vendor]
    body = _body(json.loads(path.read_text()))
    settings = bench.settings()
    genuine = bench.signed(body)
    bench.connector.verify(genuine, settings, NOW)
    with pytest.raises(BadSignature):
        bench.connector.verify(bench.signed(body, _others(bench.secrets)), settings, NOW)
    with pytest.raises(BadSignature):
        bench.connector.verify(dataclasses.replace(genuine, headers={}), settings, NOW)
    places = (0, len(body) // 2, len(body) - 1) if body else ()
    flipped = [body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :] for place in places]
    for changed in (body + b" ", *flipped):
        with pytest.raises(BadSignature):
            bench.connector.verify(dataclasses.replace(genuine, body=changed), settings, NOW)


@every_sample
def test_a_delivery_keeps_its_id_when_it_is_sent_again(vendor: str, path: Path, benches: Mapping[str, Bench]) -> None:
    bench = benches[vendor]
    sample = json.loads(path.read_text())
    first = _delivery(bench, sample)
    again = {**first.headers, **{k.lower(): v for k, v in bench.sandbox.sign(first.body, bench.secrets, NOW).items()}}
    later = dataclasses.replace(first, headers=again, received_at=NOW + timedelta(minutes=3), row=8)
    found = bench.connector.delivery_id(first)
    assert found == bench.connector.delivery_id(later)
    assert found is None or (isinstance(found, str) and found)


# --- signatures ---------------------------------------------------------------------------------------------
@every_vendor
def test_without_a_secret_nothing_is_believed_and_the_setting_is_named(
    vendor: str, benches: Mapping[str, Bench]
) -> None:
    bench = benches[vendor]
    proofs = ("webhook_", "automation_")
    none = {n: f.default for n, f in bench.connector.settings.model_fields.items() if n.startswith(proofs)}
    with pytest.raises(BadSignature, match="webhook_secrets"):
        bench.connector.verify(bench.signed(b"{}"), bench.settings().model_copy(update=none), NOW)


@every_vendor
def test_during_a_rotation_either_secret_is_believed(vendor: str, benches: Mapping[str, Bench]) -> None:
    bench = benches[vendor]
    both = [*_others(bench.secrets)["webhook_secrets"], *bench.secrets["webhook_secrets"]]
    bench.connector.verify(bench.signed(b"{}"), bench.settings(webhook_secrets=both), NOW)


@every_vendor
@given(claimed=st.text(max_size=80))
def test_no_claimed_signature_breaks_the_comparison(vendor: str, claimed: str, benches: Mapping[str, Bench]) -> None:
    bench = benches[vendor]
    headers = dict.fromkeys([*bench.sandbox.sign(b"{}", bench.secrets, NOW), "Authorization"], claimed)
    with pytest.raises(BadSignature):
        bench.connector.verify(bench.delivery(b"{}", headers), bench.settings(), NOW)


# --- the way out --------------------------------------------------------------------------------------------
@every_vendor
def test_a_target_that_nobody_knows_is_answered_in_a_sentence(vendor: str) -> None:
    check = VENDORS[vendor].check_target
    for wrong in ({}, {"gruop": "Billing"}, {"assignee": True}, {"assignee": ["a", "b"]}, {"assignee": None}):
        sentences = check(wrong)
        assert sentences, wrong
        assert all(len(sentence.split()) > 3 for sentence in sentences)


@every_vendor
def test_every_command_becomes_calls_in_order(vendor: str, benches: Mapping[str, Bench]) -> None:
    connector, site = VENDORS[vendor], benches[vendor].site(fields={"team": "10001"})
    targets = _targets(connector)
    assert len(targets) >= 3
    for take, mode, target, level in itertools.product(Take, Mode, targets, (1, 2, 3)):
        for portal in (True, False, None):
            command = _command(take=take, mode=mode, target=target, level=level)
            calls = connector.plan(command, _ticket(vendor, portal), site)
            _check_plan(command, calls)
            assert calls == connector.plan(command, _ticket(vendor, portal), site)


@every_vendor
def test_a_plan_survives_a_store(vendor: str, benches: Mapping[str, Bench]) -> None:
    site = benches[vendor].site(fields={"team": "10001"})
    for target in _targets(VENDORS[vendor]):
        for call in VENDORS[vendor].plan(_command(target=target), _ticket(vendor, True), site):
            assert json.loads(json.dumps(dict(call.parts))) == dict(call.parts)
            assert all(value is None or isinstance(value, str) for value in call.expect.values())


@every_vendor
def test_a_ticket_of_which_nothing_is_known_stands_nobody_knows_where(vendor: str) -> None:
    nothing = Ticket(ref=TicketRef(vendor=vendor, site="here", id="81244"))
    for target in _targets(VENDORS[vendor]):
        assert writeback_of(vendor).stands_in(nothing, target) is None


@every_vendor
def test_a_ticket_without_assignee_stands_with_nobody(vendor: str) -> None:
    ticket = _ticket(vendor, True)
    assert writeback_of(vendor).stands_in(ticket, {"assignee": "7004"}) is False
    theirs = dataclasses.replace(ticket, assignee=Named(id="7004", name="Bea"))
    assert writeback_of(vendor).stands_in(theirs, {"assignee": "7004"}) is True


# --- notes --------------------------------------------------------------------------------------------------
@every_vendor
def test_hostile_text_stays_text(vendor: str) -> None:
    render = _notes(vendor).render
    markup = "html" if str(render(_note(), ())).startswith("<") else "wiki"
    for evil, mark in HOSTILE[markup]:
        for speech in Speech:
            for page in (render(_note(Span(text=evil, speech=speech)), ()), render(_note(), (evil,))):
                assert mark not in _without_escapes(str(page)), (evil, page)


@every_vendor
def test_what_was_refused_stands_before_the_last_line(vendor: str) -> None:
    page = str(_notes(vendor).render(_note(Span(text="first")), ("Not set: group, it is gone.", "Not set: priority.")))
    places = [page.index(text) for text in ("first", "it is gone", "priority", "op-0001")]
    assert places == sorted(places)


@every_vendor
def test_a_note_too_long_is_cut_visibly_and_keeps_its_last_line(vendor: str) -> None:
    for spans in (
        (Span(text="äß𝄞" * 60_000, speech=Speech.QUOTE),),
        tuple(Span(text="{<x>}" * 40) for _ in range(9000)),
    ):
        page = str(_notes(vendor).render(_note(*spans), ()))
        assert len(page.encode()) <= 65_536
        assert "cut" in page
        assert "op-0001" in page[-200:]


@every_vendor
@given(text=st.text(max_size=200))
def test_any_text_can_be_rendered(vendor: str, text: str) -> None:
    page = str(_notes(vendor).render(_note(Span(text=text, speech=Speech.QUOTE)), (text,)))
    assert page.encode()
    assert "op-0001" in page
    assert "\x00" not in page


# --- anything at all ----------------------------------------------------------------------------------------
@every_vendor
def test_a_sample_with_a_piece_torn_out_is_read_or_unreadable(vendor: str, benches: Mapping[str, Bench]) -> None:
    bench, chance = benches[vendor], random.Random(7)
    for path in [path for name, path in SAMPLES if name == vendor]:
        sample = json.loads(path.read_text())
        if "body" not in sample:
            continue
        for _ in range(40):
            torn = {**sample, "body": _tear(sample["body"], chance)}
            _read_or_unreadable(bench, _delivery(bench, torn), **sample.get("site", {}))


@every_vendor
@given(raw=st.binary(max_size=60))
def test_any_bytes_are_read_or_unreadable(vendor: str, raw: bytes, benches: Mapping[str, Bench]) -> None:
    _read_or_unreadable(benches[vendor], benches[vendor].delivery(raw, {}))


# --- helping hands ------------------------------------------------------------------------------------------
def _body(sample: Mapping[str, Any]) -> bytes:
    return str(sample["raw"]).encode() if "raw" in sample else json.dumps(sample["body"]).encode()


def _delivery(bench: Bench, sample: Mapping[str, Any]) -> Delivery:
    return bench.delivery(_body(sample), sample.get("headers", {}), query=sample.get("query", ""))


def _read(connector: Connector, delivery: Delivery, site: Site) -> tuple[tuple[TicketRef, ...], list[Event]]:
    refs = connector.tickets(delivery, site)
    return refs, [event for ref in refs for event in connector.read(delivery, site, ref)]


def _read_or_unreadable(bench: Bench, delivery: Delivery, **more: Any) -> None:
    bench.connector.delivery_id(delivery)
    try:
        refs, events = _read(bench.connector, delivery, bench.site(**more))
    except (Unreadable, ValueError):
        return
    assert all(isinstance(ref.id, str) and ref.id for ref in refs)
    assert all(event.at.tzinfo and event.id for event in events)


def _compare(event: Event, expected: Mapping[str, Any]) -> None:
    shown: dict[str, Any] = {}
    for name in expected.keys() - {"actor", "changes", "comment", "ticket", "at"}:
        shown[name] = getattr(event, name)
    assert shown == {name: expected[name] for name in shown}, event
    if "at" in expected:
        assert event.at == datetime.fromisoformat(expected["at"])
    for name in ("actor", "comment"):
        if expected.get(name):
            part = getattr(event, name)
            assert part is not None, event
            assert {key: getattr(part, key) for key in expected[name]} == expected[name]
    if "changes" in expected:
        wanted = expected["changes"]
        assert len(event.changes) == len(wanted), event.changes
        for change, one in zip(event.changes, wanted, strict=True):
            assert {key: getattr(change, key) for key in one} == one
    for name, value in (expected.get("ticket") or {}).items():
        assert event.ticket is not None, event
        assert event.ticket.knows(name), name
        _compare_field(getattr(event.ticket, name), value, name)


def _compare_field(found: object, value: Any, name: str) -> None:
    if isinstance(found, Named):
        assert {key: getattr(found, key) for key in value} == value, name
    elif isinstance(found, Priority):
        assert found.word == value, name
    elif isinstance(found, tuple):
        assert list(found) == value, name
    elif isinstance(found, datetime):
        assert found == datetime.fromisoformat(value), name
    else:
        assert found == value, name


def _others(secrets: Mapping[str, Any]) -> Mapping[str, Any]:
    def other(value: Any) -> Any:
        return [other(item) for item in value] if isinstance(value, list | tuple) else f"not-{value}"

    return {name: other(value) for name, value in secrets.items()}


def writeback_of(vendor: str) -> Any:
    return importlib.import_module(f"connectors.{vendor}.writeback")


def _targets(connector: Connector) -> list[Mapping[str, Any]]:
    single = [{key: value} for key, value in TARGETS.items() if not connector.check_target({key: value})]
    together: dict[str, Any] = {}
    for one in single:
        together |= one
    assert connector.check_target(together) == ()
    return [*single, together]


def _note(*spans: Span) -> Note:
    first = tuple(Line(label="Why", spans=(span,)) for span in spans) or (Line(spans=(Span(text="Why"),)),)
    return Note(lines=(*first, Line(spans=(Span(text="op-0001"),))))


def _notes(vendor: str) -> ModuleType:
    return importlib.import_module(f"connectors.{vendor}.notes")


def _without_escapes(page: str) -> str:
    """Remove what markup calls escaped: a backslash with its character. Entities are no braces, so they stay."""
    return "".join(" " if pair.startswith("\\") else pair for pair in _pairs(page))


def _pairs(page: str) -> Iterator[str]:
    characters = iter(page)
    for character in characters:
        yield character + next(characters, "") if character == "\\" else character


def _command(**more: Any) -> Command:
    usual: dict[str, Any] = {
        "operation": "op-0001",
        "level": 2,
        "level_before": 1,
        "level_name": "Billing",
        "take": Take.OWNERSHIP,
        "target": {"assignee": "7004"},
        "priority": Priority.URGENT,
        "note": _note(Span(text="because")),
    }
    return Command(**{**usual, **more})


def _ticket(vendor: str, portal: bool | None) -> Ticket:
    return Ticket(
        ref=TicketRef(vendor=vendor, site="here", id="81244"),
        known=frozenset({"status", "priority", "assignee", "group", "tags", "level", "portal", "key"}),
        key="HELP-7",
        status=Status.OPEN,
        priority=Priority.LOW,
        level=1,
        portal=portal,
    )


def _check_plan(command: Command, calls: tuple[Any, ...]) -> None:
    if command.mode is Mode.OBSERVE:
        assert calls == ()
        return
    assert [call.number for call in calls] == list(range(1, len(calls) + 1))
    assert {call.operation for call in calls} == {command.operation}
    noted = [call.number for call in calls if "note" in call.parts]
    assert len(noted) == 1
    assert all((call.note is not None) == ("note" in call.parts) for call in calls)
    assert not any(call.repeatable for call in calls if "note" in call.parts)
    setting = [call.number for call in calls if _parts(call) & {"group", "assignee", "field", "priority", "level"}]
    assert all(number <= noted[0] for number in setting), "fields first, then the note"
    parts = set().union(*map(_parts, calls))
    if command.mode is Mode.NOTE:
        assert parts == {"note"}
        return
    assert {"priority", "level"} <= parts
    wanted = {key for key in command.target if key in MOVES}
    assert parts & set(MOVES) == (wanted if command.take is Take.OWNERSHIP else set())
    for people in ("followers", "watchers"):
        assert people not in command.target or people in parts


def _parts(call: Any) -> set[str]:
    return {part.split(":")[0] for part in call.parts}


def _tear(body: Any, chance: random.Random) -> Any:
    """Replace one piece of a JSON value, somewhere, by something of another type."""
    if isinstance(body, dict) and body and chance.random() < 0.9:
        key = chance.choice(sorted(body))
        return {**body, key: _tear(body[key], chance)}
    if isinstance(body, list) and body and chance.random() < 0.9:
        place = chance.randrange(len(body))
        return [*body[:place], _tear(body[place], chance), *body[place + 1 :]]
    return chance.choice([None, True, -1, 0, 10**30, 1.5, "", "\ud800\x00", "zen:", [], [None], {}, {"id": []}])


def test_kinds_in_samples_cover_what_matters() -> None:
    for vendor in VENDORS:
        samples = [json.loads(path.read_text()) for name, path in SAMPLES if name == vendor]
        kinds = {event.get("kind") for sample in samples for event in sample.get("events", ())}
        assert {Kind.CREATED, Kind.CHANGED, Kind.COMMENTED} <= kinds, vendor
