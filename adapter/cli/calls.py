"""`stepladder calls`: what was to be written at vendors and how it ended; trying a call again, or letting it be."""

from __future__ import annotations

from pathlib import Path

import click

from adapter.cli.sought import opened, printable, seeking, shown_at, sought, told, whoever
from adapter.cli.tools import Tables, Tools, Unavailable, config_option, plainly
from adapter.inspection import KeptCall
from adapter.records import CallState


@click.group()
def calls() -> None:
    """What is written at vendors: list it, try one again, or let one be."""


@calls.command("list")
@seeking
@click.option("--open", "only_open", is_flag=True, help="Only what has not ended.")
@click.option("--refused", "only_refused", is_flag=True, help="Only what the vendor refused.")
@config_option
@click.pass_obj
@plainly
def list_calls(
    tools: Tools,
    site: str | None,
    ticket: str | None,
    since: str | None,
    limit: int,
    as_json: bool,
    only_open: bool,
    only_refused: bool,
    config: Path | None,
) -> None:
    """List calls, the latest first: key, time in UTC, ticket, state, attempts, what it sets, and how it ended."""
    settings, store = opened(tools, config)
    which = sought(tools, store, settings, site, ticket, since, limit)
    found = store.calls(which, only_open=only_open, only_refused=only_refused)
    told(((_line(one), _fields(one)) for one in found), "No such calls are kept.", as_json=as_json)


@calls.command("retry")
@click.argument("key")
@config_option
@click.pass_obj
@plainly
def retry_call(tools: Tools, key: str, config: Path | None) -> None:
    """Send a refused call once more, or look at a stuck one now.

    One whose answer was lost is looked for at the vendor first, and only sent again if it is not there. A site that is
    paused, or given a rest, is still waited for.
    """
    _, store = opened(tools, config)
    kept = _found(store, key)
    why_not = store.retry_call(key, tools.clock())
    if why_not is not None:
        raise Unavailable(f"{key}: {why_not}")
    click.echo(f"{key}: {kept.ref} is due now.")


@calls.command("drop")
@click.argument("key")
@click.option("--reason", default="by hand", show_default=True, help="Kept with the call.")
@config_option
@click.pass_obj
@plainly
def drop_call(tools: Tools, key: str, reason: str, config: Path | None) -> None:
    """Let a call be that waits to be sent: it ends as withdrawn, with your name and the reason.

    One that is being sent, or whose answer was lost, cannot be dropped, because it may have arrived.
    """
    _, store = opened(tools, config)
    kept = _found(store, key)
    why_not = store.drop_call(key, f"dropped by {whoever()}: {reason}", tools.clock())
    if why_not is not None:
        sending = kept.stored.state is CallState.SENDING
        more = f"; `stepladder calls retry {key}` looks for it at the vendor" if sending else ""
        raise Unavailable(f"{key}: {why_not}{more}")
    click.echo(f"{key}: withdrawn; {kept.ref} is decided anew.")


def _found(store: Tables, key: str) -> KeptCall:
    found = store.call(key)
    if found is None:
        raise Unavailable(f"There is no call {key!r}; `stepladder calls list` shows them.")
    return found


def _line(kept: KeptCall) -> str:
    stored = kept.stored
    sets = ", ".join(sorted(stored.call.parts))
    ended = f"  {stored.outcome}" if stored.outcome else ""
    tries = f"{stored.attempts} attempt{'' if stored.attempts == 1 else 's'}"
    line = f"{stored.call.key}  {shown_at(stored.created_at)}  {kept.ref}  {stored.state}  {tries}  {sets}{ended}"
    return printable(line)


def _fields(kept: KeptCall) -> dict[str, object]:
    stored = kept.stored
    return {
        "key": stored.call.key,
        "ticket": str(kept.ref),
        "state": stored.state.value,
        "verb": stored.call.verb,
        "sets": sorted(stored.call.parts),
        "created_at": stored.created_at,
        "attempted_at": stored.attempted_at,
        "attempts": stored.attempts,
        "outcome": stored.outcome,
    }
