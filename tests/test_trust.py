"""What docs/security.md claims: each test that it names is there, and what an installation must not have is not."""

from __future__ import annotations

import ast
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter.store.connection import Database

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
OURS = [file for floor in ("adapter", "connectors") for file in sorted((ROOT / floor).rglob("*.py"))]
PRETENDING = re.compile(r"/(sandbox|sandboxing|faults|postman|pretend\w*|desk_\w+)\.py$")
UNSAFE = {"CERT_NONE", "_create_unverified_context", "_create_stdlib_context", "disable_warnings"}


def test_every_test_that_the_security_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))
    }
    assert len(named) > 40
    assert named - there == set()


def test_every_threat_on_the_security_page_names_a_test_or_says_that_it_has_none() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| who")]
    assert len(rows) > 25
    assert [row for row in rows if "`test_" not in row and "no test" not in row] == []


def _unsafe(tree: ast.AST) -> Iterator[str]:
    """Yield what would let a connection be made to somebody whose name nobody has checked."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in UNSAFE:
                yield name
        is_false = isinstance(node, ast.keyword | ast.Assign) and ast.unparse(node.value) == "False"
        if is_false and re.match(r"(\w+\.)*(verify|check_hostname|verify_mode)\s*=", ast.unparse(node)):
            yield ast.unparse(node)


@pytest.mark.parametrize("file", [f for f in OURS if not PRETENDING.search(str(f))], ids=lambda f: f.stem)
def test_nowhere_is_tls_switched_off(file: Path) -> None:
    assert list(_unsafe(ast.parse(file.read_text("utf-8")))) == []


def test_the_database_and_its_log_are_for_nobody_else(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'kept.db'}")
    database.migrate()
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO switches VALUES ('all', 'why', 0)")
        rights = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("kept.db*")}
    database.close()
    assert rights == {"kept.db": 0o600, "kept.db-wal": 0o600, "kept.db-shm": 0o600}


@pytest.mark.parametrize("lock", ["production", "scale"])
def test_what_is_installed_to_serve_has_no_tools_of_the_sandboxes(lock: str) -> None:
    packages = set(re.findall(r"^([\w.-]+)==", (ROOT / f"requirements/{lock}.lock").read_text("utf-8"), re.MULTILINE))
    assert "flask" in packages
    assert packages & {"trustme", "pytest", "hypothesis"} == set()


def test_images_install_what_serves_and_nothing_else() -> None:
    told = "\n".join(
        f.read_text("utf-8") for f in (ROOT / "deploy").rglob("*") if f.name.startswith(("Dockerfile", "compose"))
    )
    assert set(re.findall(r"requirements/(\w+)\.lock", told)) <= {"production", "scale"}
    assert "sandbox" not in told


@pytest.mark.parametrize("words", [["sandbox", "zendesk"], ["demo", "--once"]])
def test_without_the_sandbox_extra_nobody_can_start_a_pretend_vendor(words: list[str]) -> None:
    start = "import sys; sys.modules['trustme'] = None; import app; app.main()"
    ended = subprocess.run([sys.executable, "-c", start, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, "The pretend vendors come with the `sandbox` extra" in ended.stderr) == (2, True), ended
