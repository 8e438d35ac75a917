"""`make crash`: kill -9 at random moments of a bad day, many seeds, SQLite and PostgreSQL: nothing lost or doubled.

    python -m tests.crash [--kind sqlite|postgresql|both] [--seeds N] [--seed N] [--short] [--jobs N] [--overdue]

The exit code is 1 if a promise was broken; then the seed, its timeline and the way to play it again are printed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from connectors.sandboxing import Authority
from tests.crash.installations import KINDS
from tests.crash.storm import CALM, LONG, SHORT, Outcome, Overdue, Storm, lived
from tests.postgres import Missing, programs

COLUMNS = ("tickets", "escalations", "deliveries", "attempts", "facts", "writes", "429", "503", "500", "500 but done",
           "cut_after", "cut_late", "kills", "doubled")  # fmt: skip


def main() -> int:
    """Play the seeds and say what they led to."""
    wanted = _wanted()
    kinds = list(KINDS) if wanted.kind == "both" else [wanted.kind]
    if wanted.kind == "both" and (reason := _no_postgres()):
        print(f"only SQLite: {reason}")
        kinds = ["sqlite"]
    seeds = [wanted.seed] if wanted.seed is not None else list(range(1, wanted.seeds + 1))
    authority, size, storm = Authority(), SHORT if wanted.short else LONG, Storm
    if wanted.overdue:
        kinds, seeds, size, storm = ["sqlite"], [1], CALM, Overdue
    with ThreadPoolExecutor(wanted.jobs) as pool:
        lives = [pool.submit(lived, kind, seed, size, authority, storm) for kind in kinds for seed in seeds]
        outcomes = []
        for life in lives:
            outcomes.append(life.result())
            _show(outcomes[-1], short=wanted.short)
    print("\n" + _table(kinds, outcomes))
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


def _wanted() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="python -m tests.crash")
    asked.add_argument("--kind", choices=[*KINDS, "both"], default="both")
    asked.add_argument("--seeds", type=int, default=20, help="how many seeds for each kind")
    asked.add_argument("--seed", type=int, help="play this one only")
    asked.add_argument("--short", action="store_true", help="a shorter day with a shorter outage")
    asked.add_argument("--overdue", action="store_true", help="measure the remaining risk: writes done after settle")
    asked.add_argument("--jobs", type=int, default=1, help="how many seeds at the same time")
    return asked.parse_args()


def _no_postgres() -> str | None:
    try:
        programs()
    except Missing as missing:
        return str(missing)
    return None


def _show(outcome: Outcome, *, short: bool) -> None:
    """Print one seed's line; if it is wrong, all that is needed to see why."""
    figures = ", ".join(f"{outcome.figures[name]} {name}" for name in ("deliveries", "escalations", "writes", "kills"))
    says = "WRONG" if outcome.wrong else "right"
    print(f"{outcome.kind} seed {outcome.seed}: {says}; {figures}; {outcome.seconds:.0f} s", flush=True)
    if outcome.wrong:
        again = f"python -m tests.crash --kind {outcome.kind} --seed {outcome.seed}{' --short' if short else ''}"
        lines = [*outcome.wrong, "what happened, in seconds:", *outcome.timeline]
        lines += [f"logs and tables: {outcome.folder}", f"again: {again}"]
        print("\n".join(f"  {line}" for line in lines))


def _table(kinds: Sequence[str], outcomes: Sequence[Outcome]) -> str:
    """Return what was played, summed up for each kind, as a table for docs/reliability.md."""
    lines = ["| | " + " | ".join(kinds) + " |", "|---|" + "---|" * len(kinds)]
    of = {kind: [outcome for outcome in outcomes if outcome.kind == kind] for kind in kinds}
    sums = {kind: sum((outcome.figures for outcome in of[kind]), Counter[str]()) for kind in kinds}
    rows = [("seeds", {kind: len(of[kind]) for kind in kinds})]
    rows += [(name, {kind: sums[kind][name] for kind in kinds}) for name in COLUMNS]
    rows.append(("seeds in which a promise was broken", {kind: sum(bool(o.wrong) for o in of[kind]) for kind in kinds}))
    lines += [f"| {name} | " + " | ".join(str(found[kind]) for kind in kinds) + " |" for name, found in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
