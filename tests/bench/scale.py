"""Scale on paper: what one machine serves, and what 10,000 sites with five million events a day need.

    python tests/bench/scale.py [--seed 1] [--write]

The same figures for the same seed; `--write` puts them into docs/scale.md. What it cannot say: how PostgreSQL itself
behaves when it is busier than we have measured.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from marked import put
from world import CURVE, DAY, Costs, World, minutes, one_machine, outage, peak, per_event, shares, with_echoes

from adapter.sections import Retention

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "scale.md"

# --- what is told --------------------------------------------------------------------------------------------
FLEETS = ((1, 1), (1, 2), (1, 3), (2, 4), (2, 6))
"""Web processes and workers that are played."""
KEPT = Retention().model_dump()
"""Days, by default (docs/settings.md)."""
LEANER = {"looks": 7, "tickets": 30}
"""Days for who has less disk."""
OPEN_DAYS = 10
"""How long a ticket lives until its end, from which on its days are counted."""
RECEIVES, WORKS = 18, 25
"""Connections to PostgreSQL that a process opens at most: one that receives, and one that works."""


def one_machine_table(costs: Costs, world: World, seed: int) -> str:
    """Return what one process on SQLite carries, by the share of events that escalate."""
    rows = ["| escalating | deliveries/s | events a day | in the worst minutes: decided, p50 / p99 | written back |"]
    rows.append("|---|---|---|---|---|")
    for share in (0.01, 0.02, 0.05, 0.2, 1.0):
        here = replace(world, escalating=share)
        rate, day = one_machine(costs, here)
        lags = minutes(
            costs, replace(here, events=round(day)), web=0, workers=1, seconds=60, seed=seed, postgresql=False
        )
        told = f"{_ms(lags.decided, 50)} / {_ms(lags.decided, 99)} | {_ms(lags.written, 50)} / {_ms(lags.written, 99)}"
        rows.append(f"| {100 * share:.0f} % | {rate:.0f} | {_millions(day)} | {told} |")
    return "\n".join(rows)


def fleet_table(costs: Costs, world: World, seed: int) -> str:
    """Return how busy so many processes are in the worst minutes, and how long everything takes."""
    rows = ["| web + workers | web busy | workers busy | decided, p50 / p99 | written back, p50 / p99 |"]
    rows.append("|---|---|---|---|---|")
    for web, workers in FLEETS:
        lags = minutes(costs, world, web=web, workers=workers, seconds=60, seed=seed)
        busy = f"{100 * min(1.0, lags.busy_web):.0f} % | {100 * min(1.0, lags.busy_workers):.0f} %"
        told = f"{_ms(lags.decided, 50)} / {_ms(lags.decided, 99)} | {_ms(lags.written, 50)} / {_ms(lags.written, 99)}"
        rows.append(f"| {web} + {workers} | {busy} | {told} |")
    return "\n".join(rows)


def needs_table(costs: Costs, world: World) -> str:
    """Return what a world needs, by plain arithmetic."""
    receive, look = per_event(costs, world, postgresql=True)
    rate, daily = peak(world), world.events * with_echoes(world)
    web, workers = (math.ceil(rate * world.surge * one / 1000 / world.full) for one in (receive, look))
    transactions = 3 + world.escalating / with_echoes(world)  # keep; read and commit; and what came of a write
    kept = _disk(costs, world, KEPT)
    lean = _disk(costs, world, {**KEPT, **LEANER})
    rows = [
        ("deliveries a second: on average, in the worst hour, in its worst minutes",
         f"{daily / DAY:.0f}, {rate:.0f}, {rate * world.surge:.0f}"),
        (f"web processes and workers, each at most {100 * world.full:.0f} % busy (one more of each, to lose one)",
         f"{web} + {workers} ({web + 1} + {workers + 1})"),
        ("transactions a second in the worst minutes, of which write",
         f"{rate * world.surge * transactions:.0f}, {rate * world.surge * (transactions - 1):.0f}"),
        ("cores that PostgreSQL itself is busy with then",
         f"{rate * world.surge * transactions * costs.server / 1000:.1f}"),
        ("connections to it, at most", f"{(web + 1) * RECEIVES + (workers + 1) * WORKS}"),
        ("written to its disk a day, without the log of changes",
         f"{daily * (costs.body + costs.look_bytes + costs.event_bytes) / 1e9:.0f} GB"),
        ("its size when as much goes as comes, with the default days", f"{kept:.1f} TB"),
        (f"the same with {' and '.join(f'`{name} = {days}`' for name, days in LEANER.items())}", f"{lean:.1f} TB"),
    ]  # fmt: skip
    return "\n".join(["| | |", "|---|---|", *(f"| {says} | {figure} |" for says, figure in rows)])


def _disk(costs: Costs, world: World, days: dict[str, int]) -> float:
    whole, bare = days["bodies"] * costs.body, (days["deliveries"] - days["bodies"]) * costs.bare
    lives = days["tickets"] + OPEN_DAYS
    rest = days["looks"] * costs.look_bytes + lives * (costs.event_bytes + world.tickets * costs.ticket_bytes)
    return world.events * with_echoes(world) * (whole + bare + rest) / 1e12


def outage_table(world: World, seed: int) -> str:
    """Return how an hour's silence of one vendor, in the worst hour, drains from half of the sites."""
    most = world.events * world.escalating * max(CURVE) / sum(CURVE)
    rates = [most * share for share in shares(world, seed)]
    half, largest = rates[::2], rates[0]
    played = (
        (f"all its {len(half):,} sites, {sum(half):,.0f} writes an hour", half),
        (f"the largest site alone, {largest:.0f} an hour", [largest]),
        (f"the largest site, {100 * 0.3:.0f} % of its events escalate", [largest * 0.3 / world.escalating]),
        ("a site with 4,000 writes an hour", [4000.0]),
        ("a site with 4,500 writes an hour", [4500.0]),
    )
    rows = ["| who | waiting at the end | probes | half is written after | the line is gone after |"]
    rows.append("|---|---|---|---|---|")
    for says, sites in played:
        left = outage(sites, world, seed=seed)
        rows.append(f"| {says} | {left.waiting:,} | {left.probes:,} | {_time(left.half)} | {_time(left.last)} |")
    return "\n".join(rows)


def _ms(values: Sequence[float], p: int) -> str:
    ordered = sorted(values)
    return _time(ordered[max(0, -(-len(ordered) * p // 100) - 1)])


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _millions(number: float) -> str:
    return f"{number / 1e6:.1f} million" if number >= 1e6 else f"{round(number, -4):,.0f}"


def tables(seed: int) -> dict[str, str]:
    """Return every table of docs/scale.md by the name of its markers."""
    costs, world = Costs(), World()
    return {
        "one machine": one_machine_table(costs, world, seed),
        "needs": needs_table(costs, world),
        "fleet": fleet_table(costs, world, seed),
        "outage": outage_table(world, seed),
    }


def main() -> None:
    """Play, print, and perhaps write down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    wanted = parser.parse_args()
    for name, table in tables(wanted.seed).items():
        print(f"{name}\n\n{table}\n")
        if wanted.write:
            put(DOCUMENT, name, table)


if __name__ == "__main__":
    main()
