"""`make bench`: real processes on real sockets, measured against a bare handler in the same run.

    python tests/bench [--quick] [--runs N] [--only against|loads|servers …] [--dry]

Prints Markdown tables and writes them into docs/benchmarks.md (not with --dry or --quick). Figures depend on the
machine, so no test is timed; the exit code is 1 only if an event was lost or doubled.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import loads
import report
from marked import put
from processes import ROOT, Failed, cpu_of, machine_busy
from receivers import STALLED, compared
from trials import Bench, Figures, Size

from adapter.settings import Server, Worker

USUAL = Size(timed=200, timed_slow=60, burst=1000, burst_slow=600)
QUICK = Size(timed=80, timed_slow=30, burst=400, burst_slow=200)
BARE_SLOW = 240
"""Events in the bare handler's slow burst, which takes as long as its threads wait."""
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def main() -> int:
    """Measure, print, write down."""
    wanted = _wanted()
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=report.working_folder()))
    bench = Bench(folder, server=wanted.server_threads, worker=wanted.worker_threads)
    begin, lost = time.monotonic(), 0.0
    try:
        if "against" in wanted.only:
            lost += _against_bare(bench, wanted)
        if "loads" in wanted.only:
            lost += _loads(bench, wanted)
        if "servers" in wanted.only:
            sizes = {"timed": 60, "accepted": 600} if wanted.quick else {"timed": 100, "accepted": 2000}
            found = compared(bench, **sizes, say=_say)
            wanted.dry = wanted.dry or None in found.values()  # the document keeps the table that has them all
            _out(wanted, "servers", report.servers(found, STALLED))
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 2
    finally:
        bench.close()
        shutil.rmtree(folder, ignore_errors=True)
    _say(f"took {time.monotonic() - begin:.0f} s")
    return 1 if lost else 0


def _against_bare(bench: Bench, wanted: argparse.Namespace) -> float:
    size = QUICK if wanted.quick else USUAL
    bare_size = Size(timed=size.timed, timed_slow=size.timed_slow, burst=size.burst, burst_slow=BARE_SLOW)
    itself = bench.desk_alone(3000) | bench.disk()
    ours: list[Figures] = []
    theirs: list[Figures] = []
    for number in range(wanted.runs):
        _say(f"run {number + 1} of {wanted.runs}: Stepladder")
        ours.append(_alone(bench, lambda: bench.trial(bench.stepladder, size)))
        _say(f"run {number + 1} of {wanted.runs}: bare Flask")
        theirs.append(bench.trial(bench.bare, bare_size))
    about = report.circumstances(ours, itself, wanted.runs, (bench.server, bench.worker))
    _out(wanted, "figures", f"{report.table(ours, theirs)}\n\n{about}")
    return sum(run["lost"] + run["doubled"] for run in ours)


def _loads(bench: Bench, wanted: argparse.Namespace) -> float:
    sizes, found = loads.QUICK if wanted.quick else loads.USUAL, dict[str, Figures]()
    for setup in loads.setups(_say, quick=wanted.quick):
        _say(f"loads: {setup.says}")
        found[setup.says] = loads.measured(bench, setup, sizes)
    _say("loads: bare Flask")
    bare = loads.bare(bench, sizes)
    wanted.dry = wanted.dry or len(found) == 1  # the document keeps the table that has PostgreSQL
    _out(wanted, "loads", report.loads(found, bare))
    return sum(figures["lost"] for figures in found.values())


def _alone(bench: Bench, trial: Callable[[], Figures]) -> Figures:
    """Do a trial, and say how much of a core went to processes that are none of ours."""
    begin, busy, own = time.monotonic(), machine_busy(), _own(bench)
    figures = trial()
    others = (machine_busy() - busy) - (_own(bench) - own)
    return {**figures, "strangers": max(0.0, 100 * others / (time.monotonic() - begin))}


def _own(bench: Bench) -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    tools = cpu_of(bench.desk.pid) + cpu_of(bench.sender.pid)
    return tools + sum(usage.ru_utime + usage.ru_stime for usage in used)


def _out(wanted: argparse.Namespace, name: str, text: str) -> None:
    print(f"\n{text}\n", flush=True)
    if not (wanted.dry or wanted.quick):
        put(DOCUMENT, name, text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short run, on SQLite alone; nothing is written down")
    parser.add_argument("--runs", type=int, help="how many against the bare handler (3)")
    parser.add_argument("--dry", action="store_true", help="only print")
    parts = ("against", "loads", "servers")
    parser.add_argument("--only", nargs="+", choices=parts, help="all three; with --quick not the servers")
    parser.add_argument("--server-threads", type=int, default=Server().threads)
    parser.add_argument("--worker-threads", type=int, default=Worker().threads)
    wanted = parser.parse_args()
    wanted.runs = wanted.runs or (1 if wanted.quick else 3)
    wanted.only = wanted.only or parts[: 2 if wanted.quick else 3]
    return wanted


if __name__ == "__main__":
    sys.exit(main())
