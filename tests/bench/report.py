"""The figures as people read them: Markdown tables with aims, spread and machine, put into docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from loads import CALLERS, ONE_IN, QUICK, RATES, USUAL
from trials import RATE, SLOW, Figures, medians

_SLOW = f"{1000 * SLOW:g} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table: what is measured, how it is written, and what it should be."""

    says: str
    figures: tuple[str, ...]
    form: str = ".1f"
    aims: tuple[float, ...] = ()
    more: bool = False  # is better
    ratio: bool = True


LINES = (
    Line(says=f"answer at {RATE}/s, p50 / p99 (ms)", figures=("answer_p50", "answer_p99"), aims=(5, 12)),
    Line(says=f"webhook → write-back at {RATE}/s, p50 / p99 (ms)", figures=("write_p50", "write_p99"), aims=(8, 20)),
    Line(says=f"answer, vendor takes {_SLOW}, p50 / p99 (ms)", figures=("slow_answer_p50", "slow_answer_p99")),
    Line(says="sustained, vendor takes 0 ms (events/s)", figures=("burst",), form=".0f", aims=(250,), more=True),
    Line(says=f"sustained, vendor takes {_SLOW} (same)", figures=("burst_slow",), form=".0f", aims=(150,), more=True),
    Line(says="processor time an event, in the burst (ms)", figures=("cpu",)),
    Line(says="memory idle, RSS / PSS (MB)", figures=("rss_idle", "pss_idle"), form=".0f"),
    Line(says="memory after the load, RSS / PSS (MB)", figures=("rss", "pss"), form=".0f", aims=(130, 130)),
    Line(says="process start → ready, fresh database (s)", figures=("ready",), form=".2f", aims=(1.5,)),
    Line(says="process start → ready, known database (s)", figures=("restart",), form=".2f", aims=(1.5,)),
    Line(says="first write-back of a process: log-in, names (ms)", figures=("first",), form=".0f"),
    Line(says="events lost / doubled", figures=("lost", "doubled"), form=".0f", aims=(0, 0), ratio=False),
)

LOADS = (
    *(
        Line(
            says=f"taken, {callers} caller{'s' * (callers > 1)}: a second; p50 / p99 (ms)",
            figures=(f"accepted_{callers}", f"accepted_{callers}_p50", f"accepted_{callers}_p99"),
        )
        for callers in CALLERS
    ),
    *(
        Line(
            says=f"webhook → write-back at {rate}/s, p50 / p99 (ms)", figures=(f"write_{rate}_p50", f"write_{rate}_p99")
        )
        for rate in RATES
    ),
    Line(says=f"sustained, one of {ONE_IN} escalates (events/s; ms of processor time)", figures=("few_0", "few_0_cpu")),
    Line(says="the same, vendor takes 100 ms", figures=("few_100", "few_100_cpu")),
    Line(says="sustained, all escalate (the same)", figures=("all_0", "all_0_cpu")),
    Line(says="the same, vendor takes 100 ms", figures=("all_100", "all_100_cpu")),
    Line(says="everything about one ticket (events/s; its write after, ms)", figures=("hot", "hot_last"), form=".0f"),
    Line(
        says=f"{USUAL.many:,} tickets ({QUICK.many} if quick), one of {ONE_IN} escalates (events/s)",
        figures=("many",),
        form=".0f",
    ),
    Line(says="memory after all that, all processes, RSS (MB)", figures=("rss",), form=".0f"),
    Line(says="answered 503 and sent again / lost or doubled", figures=("again", "lost"), form=".0f"),
)


def table(ours: Sequence[Figures], theirs: Sequence[Figures]) -> str:
    """Return the main table: medians, the spread of ours, the ratio to the bare handler's medians, the aims."""
    mine, bare = medians(ours), medians(theirs)
    rows = ["| | Stepladder | least … most | bare Flask | ratio | aim | |", "|---|---|---|---|---|---|---|"]
    for line in LINES:
        spread = [
            f"{min(run[name] for run in ours):{line.form}} … {max(run[name] for run in ours):{line.form}}"
            for name in line.figures
        ]
        rows.append(
            f"| {line.says} | **{_told(line, mine)}** | {' / '.join(spread)} | {_told(line, bare)} "
            f"| {_ratio(line, mine, bare)} | {_aim(line)} | {_verdict(line, mine)} |"
        )
    return "\n".join(rows)


def met(ours: Sequence[Figures]) -> bool:
    """Say whether every aim is met."""
    return all(_met(line, medians(ours)) for line in LINES)


def servers(found: Mapping[str, Figures | None], stalled: int) -> str:
    """Return the comparison of servers."""
    rows = [
        f"| server | answer p50 / p99 (ms) | accepted/s, 8 callers | with {stalled} stalled senders: others answered, "
        "p50 (ms) | memory RSS (MB) | ready (s) |",
        "|---|---|---|---|---|---|",
    ]
    for name, figures in found.items():
        if figures is None:
            rows.append(f"| {name} | not installed | | | | |")
            continue
        f = figures
        stuck = f"{f['stalled_served']:.0f} %" + (f", {f['stalled_p50']:.1f}" if f["stalled_served"] else "")
        rows.append(
            f"| {name} | {f['answer_p50']:.1f} / {f['answer_p99']:.1f} | {f['accepted']:.0f} | {stuck} "
            f"| {f['rss']:.0f} | {f['ready']:.2f} |"
        )
    return "\n".join(rows)


def loads(found: Mapping[str, Figures], bare: Figures) -> str:
    """Return the loads, a column for each set-up and one for the bare handler where it has a figure."""
    rows = [f"| | {' | '.join(found)} | bare Flask |", "|---" * (len(found) + 2) + "|"]
    for line in LOADS:
        cells = [_told(line, figures) for figures in (*found.values(), bare)]
        rows.append(f"| {line.says} | {' | '.join(cells)} |")
    return "\n".join(rows)


def circumstances(ours: Sequence[Figures], bench: Figures, runs: int, threads: tuple[int, int]) -> str:
    """Say where and how it was measured, and what the bench itself took."""
    mine = medians(ours)
    packages = ("flask", "waitress", "sqlalchemy", "requests", "zenpy")
    versions = ", ".join(f"{name} {version}" for name, version in _versions(packages).items())
    strangers = [run["strangers"] for run in ours]
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, medians of {runs} run{'s' * (runs > 1)}; "
        f"{os.cpu_count()} cores ({_processor()}), Linux {platform.release()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}; {versions}.",
        f"`[server] threads = {threads[0]}`, `[worker] threads = {threads[1]}`, `synchronous=FULL` on {_filesystem()}: "
        f"an fdatasync takes {bench['flush']:.2f} ms here, a commit of one row {bench['commit']:.2f} ms.",
        f"The bench itself: the vendor's desk alone takes {bench['writes']:.0f} writes/s; in the burst desk and sender "
        f"use {mine['desk_cpu']:.2f} and {mine['sender_cpu']:.2f} ms of processor time an event on the same cores; the "
        f"sender is {mine['late']:.1f} ms late (p99); Stepladder's write is {mine['length']:.0f} bytes long. Other "
        f"processes of the machine used {min(strangers):.0f} to {max(strangers):.0f} % of one core meanwhile.",
    ]
    if max(strangers) > 25:
        lines.append("**The machine was busy with something else: these figures are worse than they need be.**")
    return "\n".join(f"- {line}" for line in lines)


def _told(line: Line, figures: Figures) -> str:
    return " / ".join(f"{figures[name]:{line.form}}" if name in figures else "–" for name in line.figures)


def _ratio(line: Line, ours: Figures, theirs: Figures) -> str:
    if not line.ratio or any(not theirs.get(name) for name in line.figures):
        return "–"
    return " / ".join(f"{ours[name] / theirs[name]:.2f}" for name in line.figures)


def _aim(line: Line) -> str:
    sign = "≥" if line.more else "≤"
    return f"{sign} {' / '.join(f'{aim:g}' for aim in line.aims)}" if line.aims else ""


def _met(line: Line, figures: Figures) -> bool:
    pairs = [(figures[name], aim) for name, aim in zip(line.figures, line.aims, strict=bool(line.aims))]
    return all(value >= aim if line.more else value <= aim for value, aim in pairs)


def _verdict(line: Line, figures: Figures) -> str:
    return ("met" if _met(line, figures) else "**not met**") if line.aims else ""


def _versions(packages: Sequence[str]) -> dict[str, str]:
    return {name: version(name) for name in packages}


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _filesystem(folder: Path | None = None) -> str:
    place = str(folder or working_folder())
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    inside = [(point, kind) for point, kind in mounts if place == point or place.startswith(point.rstrip("/") + "/")]
    return max(inside, key=lambda found: len(found[0]))[1]


def working_folder() -> Path:
    """Return where databases are put: a disk, for on a RAM disk a commit costs nothing."""
    usual = Path(tempfile.gettempdir()).resolve()
    here = Path(sys.argv[0]).resolve().parent
    return here if _filesystem(usual) in ("tmpfs", "ramfs") else usual
