"""`stepladder cases`: what is remembered of tickets: where they stand, what comes next. It asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from adapter.cli.policy.explaining import remembered
from adapter.cli.policy.told import told as told_about
from adapter.cli.sought import json_option, opened, printable, scope_of, shown_at, site_option, ticket_named, told
from adapter.cli.tools import Tables, Tools, config_option, plainly
from adapter.inspection import KeptCase, KeptLook, Sought
from policies.case import Case
from policies.explain import explain
from policies.model import TicketRef

_LOOKS = 5


@click.group()
def cases() -> None:
    """What is remembered of tickets: list the open ones, or show one."""


@cases.command("list")
@click.option("--level", type=click.IntRange(1), help="Only those at this level.")
@click.option("--due", is_flag=True, help="Only those that should be looked at now.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@site_option
@json_option
@config_option
@click.pass_obj
@plainly
def list_cases(
    tools: Tools, level: int | None, due: bool, limit: int, site: str | None, as_json: bool, config: Path | None
) -> None:
    """List open tickets, those that are looked at next first: level and since when, the next look, what holds them."""
    settings, store = opened(tools, config)
    which = Sought(site=scope_of(settings, site) if site is not None else None, limit=limit)
    found = store.cases(which, level=level, due=tools.clock() if due else None)
    known = _with_what_pauses(found, store)
    told(((_line(one), _fields(one)) for one in known), "No such tickets.", as_json=as_json)


def _with_what_pauses(found: Sequence[KeptCase], store: Tables) -> Iterator[KeptCase]:
    """Yield each case; of one that waits for nothing but the end of a pause that is what holds it."""
    paused = store.switches()
    for one in found:
        scopes = [scope for scope in ("all", f"site:{one.ref.vendor}/{one.ref.site}") if scope in paused]
        waits = bool(scopes) and store.calls(Sought(ref=one.ref, limit=1), only_open=True, only_refused=False)
        why = f"its writes wait: {scopes[0]} is paused ({paused[scopes[0]]})" if waits else None
        yield replace(one, held=one.held or why)


@cases.command("show")
@click.argument("ticket", metavar="SITE/TICKET")
@config_option
@click.pass_obj
@plainly
def show_case(tools: Tools, ticket: str, config: Path | None) -> None:
    """Show one ticket: level, clocks, open calls, what comes next, and the last looks.

    `stepladder policy explain` says why, rule by rule.
    """
    settings, store = opened(tools, config)
    ref, now = ticket_named(store, settings, ticket), tools.clock()
    found = remembered(tools, f"{ref.vendor}/{ref.site}/{ref.id}", None, None, config)
    if found.case.level <= found.policy.top:
        explanation = explain(found.policy, found.case, found.facts, found.at)
        click.echo(told_about(replace(explanation, rules=(), ways=()), found.remarks), nl=False)
    for line in (*_clocks(found.case), *_open(store, ref, now), *_last_looks(store, ref)):
        click.echo(printable(line))


def _clocks(case: Case) -> Iterator[str]:
    story = case.story
    moments = {
        "opened": story.created_at,
        "waiting for an answer since": story.waiting_since,
        "taken": story.taken_at,
        "expected to be resolved by": case.promised,
    }
    yield ""
    yield "CLOCKS (UTC)"
    for name, at in moments.items():
        if at is not None:
            yield f"  {name} {shown_at(at)}"


def _open(store: Tables, ref: TicketRef, now: datetime) -> Iterator[str]:
    work = store.open(ref, now)
    yield f"OPEN CALLS: {len(work.calls) or 'none'}"
    for stored in work.calls:
        why = f": {stored.outcome}" if stored.outcome else ""
        since = shown_at(stored.created_at)
        yield f"  {stored.call.key} {stored.state}, {stored.attempts} attempts, since {since}{why}"


def _last_looks(store: Tables, ref: TicketRef) -> Iterator[str]:
    looks = store.looks(ref, None, _LOOKS)
    yield f"LAST LOOKS: {len(looks) or 'none'} (UTC)"
    yield from (f"  {shown_at(look.at)}  {_move(look)}{look.why}" for look in looks)


def _move(look: KeptLook) -> str:
    return f"level {look.level_before} → {look.level}: " if look.level is not None else ""


def _line(kept: KeptCase) -> str:
    held = f"  held: {kept.held}" if kept.held else ""
    trouble = f"  left to a person: {kept.trouble}" if kept.trouble else ""
    known = f"{kept.ref} {kept.key or ''}".rstrip()
    since = f"level {kept.level} since {shown_at(kept.level_since)}"
    return printable(f"{known}  {since}  next look {shown_at(kept.due_at)}{held}{trouble}")


def _fields(kept: KeptCase) -> dict[str, object]:
    return {
        "ticket": str(kept.ref),
        "key": kept.key,
        "level": kept.level,
        "level_since": kept.level_since,
        "next_look": kept.due_at,
        "held": kept.held,
        "trouble": kept.trouble,
    }
