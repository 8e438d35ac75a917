"""The rules of the house: each test is one habit that CONTRIBUTING.md asks for, and names the file and the line."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from connectors import discover

ROOT = Path(__file__).parent.parent
ROOMS = ("adapter", "connectors", "policies")
TWINS = ("__init__", "settings", "webhook", "writeback", "notes", "client", "directory", "sandbox")
SAYS_NOTHING = {"utils", "util", "core", "base", "common", "helpers", "helper", "misc"}
LONGEST_FILE = 300
LONGEST_FUNCTION = 60

VENDORS = sorted(discover())


@cache
def project() -> dict[str, Any]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@cache
def files() -> tuple[Path, ...]:
    """Return what belongs to the project: what git keeps or would keep, or everything visible outside a clone."""
    git = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if git.returncode == 0:
        found = [ROOT / line for line in git.stdout.splitlines()]
    else:
        found = [p for p in ROOT.rglob("*") if not any(part.startswith(".") for part in p.relative_to(ROOT).parts)]
    return tuple(path for path in found if path.is_file())


@cache
def texts() -> dict[Path, str]:
    """Return every text file of the project."""
    kept = {}
    for path in files():
        raw = path.read_bytes()
        if b"\0" not in raw:
            kept[path] = raw.decode("utf-8")
    return kept


def modules(*folders: str) -> list[Path]:
    """Return the Python files below these folders."""
    inside = tuple(ROOT / folder for folder in folders)
    return [p for p in files() if p.suffix == ".py" and any(p.is_relative_to(folder) for folder in inside)]


PRODUCT = [*modules(*ROOMS), *(p for p in files() if p == ROOT / "app.py")]


def name(path: Path) -> str:
    """Return a file's name as a person would say it."""
    return path.relative_to(ROOT).as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    """Yield everything in a module."""
    return ast.walk(ast.parse(texts()[path], filename=name(path)))


def lines_matching(pattern: str, paths: list[Path], flags: int = 0) -> list[str]:
    """Return `file:line: text` for each line that matches."""
    sought = re.compile(pattern, flags)
    return [
        f"{name(path)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(texts()[path].splitlines(), 1)
        if sought.search(line)
    ]


def calls(path: Path, owners: set[str], methods: set[str]) -> list[str]:
    """Return `file:line` for each call such as `datetime.now(…)`."""
    return [
        f"{name(path)}:{node.lineno}"
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in methods
        and isinstance(node.func.value, ast.Name | ast.Attribute)
        and (node.func.value.id if isinstance(node.func.value, ast.Name) else node.func.value.attr) in owners
    ]


def none_of(found: Iterable[str], advice: str) -> None:
    """Fail with everything that was found, a line each."""
    listed = sorted(found)
    if listed:
        pytest.fail("\n  ".join([advice, *listed]), pytrace=False)


# --- size and form ------------------------------------------------------------------------------------------
def test_there_are_modules_to_look_at() -> None:
    assert all(modules(room) for room in ROOMS)
    assert len(VENDORS) >= 2


def test_no_module_is_longer_than_a_person_reads_in_one_go() -> None:
    sizes = {p: len(texts()[p].splitlines()) for p in PRODUCT}
    none_of(
        (f"{name(p)}: {size} lines" for p, size in sizes.items() if size > LONGEST_FILE),
        f"at most {LONGEST_FILE} lines; which part is a room of its own?",
    )


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name(path)}:{node.lineno}: {node.name}"
        for path in PRODUCT
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > LONGEST_FUNCTION
    ]
    none_of(long, f"at most {LONGEST_FUNCTION} lines")


def test_every_module_opens_with_a_sentence() -> None:
    opening = {p: (ast.get_docstring(ast.parse(texts()[p])) or "").split("\n\n")[0] for p in PRODUCT}
    silent = [name(path) for path, text in opening.items() if not re.search(r"[.!?)]$", text)]
    none_of(silent, "say in a sentence what the room is for and what it will never do")


def test_every_module_has_a_name_that_says_something() -> None:
    dull = [name(p) for p in files() if p.suffix == ".py" and {p.stem, p.parent.name} & SAYS_NOTHING]
    none_of(dull, "a name that says what is inside")


def test_nothing_is_left_for_later() -> None:
    mine = Path(__file__)
    left = lines_matching(r"\b(TODO|FIXME|XXX)\b", [p for p in texts() if p != mine])
    none_of(left, "finish it, or file an issue")


# --- the floors ---------------------------------------------------------------------------------------------
def test_no_vendor_is_named_above_or_below_its_folder() -> None:
    named = lines_matching("|".join(VENDORS), modules("adapter", "policies"), re.IGNORECASE)
    none_of(named, "a vendor is known in its own folder only")


def test_policies_read_no_clock() -> None:
    asked = [c for p in modules("policies") for c in calls(p, {"datetime", "date"}, {"now", "utcnow", "today"})]
    none_of(asked, "`now` is an argument")


def test_the_import_rules_name_every_vendor() -> None:
    contracts = project()["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        named = {n for key in ("modules", "forbidden_modules", "source_modules") for n in contract.get(key, ())}
        vendors = {n for n in named if re.fullmatch(r"connectors\.\w+", n)} - {
            f"connectors.{path.stem}" for path in (ROOT / "connectors").glob("*.py")
        }
        assert vendors in (set(), {f"connectors.{vendor}" for vendor in VENDORS}), contract["name"]
    assert any(contract["type"] == "independence" for contract in contracts)


# --- twins --------------------------------------------------------------------------------------------------
def test_a_vendors_name_is_its_folders() -> None:
    assert all((ROOT / "connectors" / vendor / "__init__.py").is_file() for vendor in VENDORS)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_has_the_files_of_its_twins(vendor: str) -> None:
    folder = ROOT / "connectors" / vendor
    none_of((f"{twin}.py" for twin in TWINS if not (folder / f"{twin}.py").is_file()), f"{vendor} lacks")
    assert (folder / "README.md").is_file()
    assert len(list((folder / "samples").glob("*.json"))) >= 6


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_file_that_only_one_vendor_has_is_explained_in_its_readme(vendor: str) -> None:
    folder = ROOT / "connectors" / vendor
    others = [{p.name for p in (ROOT / "connectors" / other).glob("*.py")} for other in VENDORS if other != vendor]
    alone = {p.name for p in folder.glob("*.py")} - set[str]().union(*others)
    readme = (folder / "README.md").read_text()
    none_of(
        (f for f in alone if f"`{f}`" not in readme), f"{vendor} alone has these: give them the twin's name, or say why"
    )


# --- tests --------------------------------------------------------------------------------------------------
def test_folders_of_tests_are_never_packages() -> None:
    # tests/jira/__init__.py would hide the library of that name
    none_of((name(p) for p in modules("tests") if p.name == "__init__.py"), "remove it")


def test_tests_never_sleep() -> None:
    asleep = [call for path in modules("tests") for call in calls(path, {"time"}, {"sleep"})]
    bare = lines_matching(r"^from time import .*\bsleep\b", modules("tests"))
    none_of([*asleep, *bare], "inject the time, or wait for the event")


# --- what is published --------------------------------------------------------------------------------------
def test_no_file_knows_the_machine_it_was_written_on() -> None:
    none_of(lines_matching(r"(?<![\w.])/(?:home|root|Users|work)/\w", list(texts())), "a path of one machine")


def test_no_file_names_a_package_index() -> None:
    hosts = r"pypi\.org|pythonhosted\.org|--(?:extra-)?index-url[ =]\S*:/"
    none_of(lines_matching(hosts, list(texts())), "which index is used is the machine's business")


def test_the_lock_file_pins_and_hashes_everything() -> None:
    lock = (ROOT / "requirements/requirements.lock").read_text()
    pinned = re.findall(r"^(\S+)==(\S+)(?: ;.*)? \\$\n    --hash=sha256:", lock, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^\w", lock, re.MULTILINE))
    locked = {package for package, _ in pinned}
    wanted = [
        *project()["project"]["dependencies"],
        *project()["project"]["optional-dependencies"]["sandbox"],
        *project()["dependency-groups"]["dev"],
        *project()["build-system"]["requires"],
    ]
    none_of({package_of(line).lower() for line in wanted} - locked, "run `make lock`")


def test_the_newest_heading_of_the_changelog_is_the_version() -> None:
    headings = re.findall(r"^## (\d+\.\d+\.\d+)\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == project()["project"]["version"]


def test_the_architecture_says_why_each_library_is_there() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    section = re.search(r"^#+ Why each library$(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, "a heading `Why each library`"
    extras = project()["project"]["optional-dependencies"].values()
    for line in [*project()["project"]["dependencies"], *(line for extra in extras for line in extra)]:
        said = [row for row in section[1].splitlines() if re.search(rf"\b{package_of(line)}\b", row, re.IGNORECASE)]
        assert any(len(row.split()) > 5 for row in said), f"{package_of(line)}: a sentence with its reason"


def package_of(requirement: str) -> str:
    """Return a requirement's package: `flask>=3.1` → `flask`."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
