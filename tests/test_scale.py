"""What docs/scale.md tells is what its simulation plays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent / "bench"
_PLAY = "import json, scale; print(json.dumps(scale.tables(1)))"
_HUNDREDFOLD = """
from dataclasses import replace
from world import Costs, World, minutes, outage
busy = minutes(Costs(), replace(World(), events=20_000_000), web=2, workers=2, seconds=20, seed=1)
silent = outage([4800.0 + 1200.0], World(), seed=1)
print(busy.busy_workers > 0.99, max(busy.decided) > 5.0, silent.last > 3600.0)
"""


def _played(program: str) -> str:
    ran = subprocess.run([sys.executable, "-c", program], cwd=BENCH, capture_output=True, text=True, check=True)
    return ran.stdout


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    found: dict[str, str] = json.loads(_played(_PLAY))
    return found


@pytest.mark.parametrize("name", ["one machine", "needs", "fleet", "outage"])
def test_the_page_tells_what_the_simulation_plays(tables: dict[str, str], name: str) -> None:
    page = (BENCH.parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
    assert f"<!-- {name} -->\n{tables[name]}\n<!-- end of {name} -->" in page, "python tests/bench/scale.py --write"


def test_too_few_processes_fall_behind_and_a_pace_that_is_too_slow_never_catches_up() -> None:
    assert _played(_HUNDREDFOLD).split() == ["True", "True", "True"]
