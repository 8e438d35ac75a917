"""`make mutants`: change the deciding rooms in small ways and see which changes no test notices (mutmut).

    python tests/bench/mutants.py [MODULE …] [--share 1…10] [--children N] [--survivors FILE]

Works on a copy, module by module, each with the tests that are about it. `--share 3` tries three mutants of ten. Prints
a Markdown table; `--survivors` also writes down what each survivor changed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "dist", "*.db*", "mutants")

LIFE = "decide edges edges_ladder field_criteria field_levels field_people"
TESTS = {
    "asking": f"conditions {LIFE}",
    "attending": "reminders notices holds field_people",
    "calendars": "calendars edges promises",
    "choosing": f"holds hands placing descent {LIFE}",
    "conditions": f"conditions strain {LIFE}",
    "consent": "holds orders edges edges_ladder field_people",
    "decide": f"echoes ladder descent holds {LIFE}",
    "descent": "descent edges",
    "durations": "calendars document grammar",
    "echoes": "echoes descent decide",
    "holds": "holds hands edges edges_ladder descent ladder field_people field_levels",
    "ladder": "ladder edges edges_ladder echoes decide",
    "levels": "placing grammar ladder field_levels",
    "lowering": "descent notices field_people",
    "moments": f"promises descent hands {LIFE}",
    "moving": f"holds notices descent handoff {LIFE}",
    "notices": "notices reminders field_people",
    "orders": "orders holds field_people",
    "patterns": "patterns field_criteria",
    "placing": "placing holds field_levels",
    "promises": "promises field_criteria",
    "questions": f"conditions strain ladder {LIFE}",
    "reminders": "reminders edges field_people",
    "shifts": "story echoes decide",
    "sieve": f"conditions {LIFE} whole_language",
    "story": "story strain orders decide",
    "strain": "strain field_criteria",
    "survey": f"conditions hands {LIFE}",
    "telling": "story echoes strain orders decide",
    "verdicts": f"hands ladder conditions {LIFE}",
    "waking": f"hands {LIFE} whole_language",
    "waiting": f"hands reminders {LIFE}",
}
"""The rooms that decide, and the tests that are about each."""

MEANS = {0: "survived", 1: "killed", 3: "killed", 5: "no test", 33: "no test", 24: "timed out", 36: "timed out"}
MEANS |= {-24: "timed out", 152: "timed out", 255: "timed out"}

SETTINGS = """\
[mutmut]
source_paths=policies
only_mutate=policies/{module}.py
pytest_add_cli_args=
    --hypothesis-seed=0
pytest_add_cli_args_test_selection=
{tests}
also_copy=
    adapter
    app.py
    connectors
mutate_only_covered_lines=true
use_git_change_detection=false
process_isolation=forkserver
track_dependencies=false
"""


def main() -> int:
    """Try every module that is asked for."""
    wanted = _wanted()
    folder = Path(tempfile.mkdtemp(prefix="mutants-")) / "tree"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    whole: Counter[str] = Counter()
    print(
        "| module | mutants | tried | killed | survived | timed out | no test | killed of tried |\n|---|" + "---|" * 7
    )
    try:
        for module in wanted.modules:
            made, found, told = _tried(folder, module, wanted)
            print(_row(f"`{module}`", made, found), flush=True)
            whole += Counter({**found, "made": made})
            if wanted.survivors:
                with wanted.survivors.open("a") as notebook:
                    notebook.writelines(told)
    finally:
        shutil.rmtree(folder.parent)
    made = whole.pop("made", 0)
    print(_row("all", made, whole))
    return 0


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", default=sorted(TESTS))
    parser.add_argument("--share", type=int, default=10, choices=range(1, 11))
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--survivors", type=Path)
    wanted = parser.parse_args()
    if strangers := set(wanted.modules) - set(TESTS):
        parser.error(f"{', '.join(sorted(strangers))}: not among {', '.join(TESTS)}")
    return wanted


def _tried(folder: Path, module: str, wanted: argparse.Namespace) -> tuple[int, Counter[str], list[str]]:
    """Try one module's mutants: how many there are, what became of those that were tried, and the survivors."""
    shutil.rmtree(folder / "mutants", ignore_errors=True)
    tests = "\n".join(f"    tests/policies/test_{name}.py" for name in TESTS[module].split())
    (folder / "setup.cfg").write_text(SETTINGS.format(module=module, tests=tests))
    begin = time.monotonic()
    digits = "".join(str(number) for number in range(wanted.share))  # the last digit of a mutant's number is chance
    ran = _mutmut(folder, "run", "--max-children", str(wanted.children), f"*__mutmut_*[{digits}]")
    meta = folder / "mutants" / "policies" / f"{module}.py.meta"
    if ran.returncode or not meta.is_file():
        sys.exit(f"{module}: mutmut ended with {ran.returncode}\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}")
    codes = json.loads(meta.read_text())["exit_code_by_key"]
    found = Counter(MEANS.get(code, f"ended with {code}") for code in codes.values() if code is not None)
    print(f"{module}: {time.monotonic() - begin:.0f} s, {dict(found)}", file=sys.stderr)
    return len(codes), found, list(_survivors(folder, codes)) if wanted.survivors else []


def _survivors(folder: Path, codes: dict[str, int | None]) -> Iterator[str]:
    for name, code in codes.items():
        if code is not None and MEANS.get(code) != "killed":
            yield _mutmut(folder, "show", name).stdout + "\n"


def _mutmut(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("mutmut"), *words], cwd=folder, capture_output=True, text=True
    )


def _row(name: str, made: int, found: Counter[str]) -> str:
    tried = sum(found.values())
    share = f"{found['killed'] / tried:.1%}" if tried else "–"
    cells = (name, made, tried, found["killed"], found["survived"], found["timed out"], found["no test"], share)
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
