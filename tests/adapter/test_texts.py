"""Files that cannot be read as they are: not UTF-8, not JSON, or one of several that does not load."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from adapter.cli import cli
from adapter.texts import text_of
from adapter.toolbox import Toolbox
from policies.source import PolicyError

POLICY = """\
version: 1
name: Müller Support
applies_to: {zendesk: all}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}}}
  - {level: 2, name: Specialist, targets: {zendesk: {group: Experts}}}
rules:
  - {name: waits, when: {unanswered_for: 30m clock}, go_to: 2}
"""
TESTS = """\
tests:
  - name: it waits
    ticket: {site: zendesk, created: "2027-03-01 09:00"}
    expect: [{at: "9:29", level: 1}, {at: "9:30", level: 2}]
"""
Run = Callable[..., Result]


class Tools(Toolbox):
    """The real tools with a clock that stands still."""

    def clock(self) -> datetime:
        return datetime(2027, 3, 1, 8, 45, tzinfo=UTC)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPLADDER_CONFIG", raising=False)
    return lambda *words: CliRunner().invoke(cli, ["policy", *map(str, words)], obj=Tools())


# --- encodings ----------------------------------------------------------------------------------------------------
COMMANDS = [("check", "p.yaml"), ("test", "p.yaml"), ("show", "p.yaml"), ("diff", "good.yaml", "p.yaml")]


@pytest.mark.parametrize("words", [*COMMANDS, ("explain", "t.json", "--policy", "p.yaml")], ids=lambda words: words[0])
def test_a_file_of_another_encoding_is_told_at_its_place_by_every_command(run: Run, words: tuple[str, ...]) -> None:
    Path("good.yaml").write_text(POLICY, "utf-8")
    Path("t.json").write_text('{"site": "zendesk", "created": "2027-03-01 09:00"}', "utf-8")
    Path("p.yaml").write_bytes(POLICY.encode("cp1252"))
    result = run(*words)
    assert result.exit_code == 2
    assert "p.yaml:2:8: this is not UTF-8 text; save it as UTF-8 (it looks like Windows-1252)" in result.stderr
    assert "     2 | name: Müller Support\n       |        ^" in result.stderr


def test_a_ticket_of_another_encoding_is_told_likewise(run: Run) -> None:
    Path("good.yaml").write_text(POLICY, "utf-8")
    Path("t.json").write_bytes('{"subject": "Tür"}'.encode("cp1252"))
    result = run("explain", "t.json", "--policy", "good.yaml")
    assert (result.exit_code, "t.json:1:15: this is not UTF-8 text" in result.stderr) == (2, True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_recognised(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(POLICY.encode(encoding))
    with pytest.raises(PolicyError, match=r"p\.yaml:1:1: .*\(it looks like UTF-16\)"):
        text_of(file, "p.yaml")


def test_every_way_to_end_a_line_gives_the_same_text(tmp_path: Path) -> None:
    texts = set()
    for number, end in enumerate((b"\n", b"\r\n", b"\r")):
        file = tmp_path / f"{number}.yaml"
        file.write_bytes(POLICY.encode().replace(b"\n", end))
        texts.add(text_of(file))
    assert texts == {POLICY}


# --- several files ------------------------------------------------------------------------------------------------
def test_a_file_that_does_not_load_keeps_no_other_from_being_checked(run: Run) -> None:
    Path("a.yaml").write_text(POLICY, "utf-8")
    Path("b.yaml").write_text(POLICY.replace("rules:", "ruls:"), "utf-8")
    Path("c.yaml").write_text(POLICY + TESTS, "utf-8")
    result = run("check", "a.yaml", "b.yaml", "c.yaml")
    assert result.exit_code == 2
    assert "a.yaml: Müller Support, 2 levels, 1 rule," in result.stdout
    assert 'b.yaml:7:1: unknown key "ruls"' in result.stderr
    assert "c.yaml: Müller Support" in result.stdout


# --- what became of its tests -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("level: 1}, {", "level: 1}, {"), "  its own test passes\n"),
        (("level: 1}, {", "level: 2}, {"), "  its own test fails\n"),
    ],
)
def test_one_test_is_counted_as_people_do(run: Run, change: tuple[str, str], said: str) -> None:
    Path("p.yaml").write_text(POLICY + TESTS.replace(*change), "utf-8")
    assert run("check", "p.yaml").stdout.endswith(said)


def test_several_tests_are_counted_and_none_is_not(run: Run) -> None:
    other = TESTS.partition("\n")[2].replace("it waits", "again")
    Path("p.yaml").write_text(POLICY + TESTS + other, "utf-8")
    assert run("check", "p.yaml").stdout.endswith("  its own 2 tests pass\n")
    Path("p.yaml").write_text(POLICY + TESTS + other.replace("level: 1", "level: 2"), "utf-8")
    assert run("check", "p.yaml").stdout.endswith("  1 of its own 2 tests pass\n")
    Path("p.yaml").write_text(POLICY, "utf-8")
    assert "0" not in run("check", "p.yaml").stdout.splitlines()[-1]


def test_a_test_that_fails_has_one_heading_and_a_line_for_each_expectation(run: Run) -> None:
    Path("p.yaml").write_text(POLICY + TESTS.replace("level: 1", "level: 2").replace("2}]", "1}]"), "utf-8")
    lines = run("check", "p.yaml").stdout.splitlines()
    start = lines.index("  FAILED p.yaml:10 it waits")
    assert "FAILED" not in "".join(lines[start + 1 :])
    assert lines[start + 1].startswith("         line 12: at 2027-03-01 09:29 expected level 2; found level 1")
    assert lines[start + 2].startswith("         line 12: at 2027-03-01 09:30 expected level 1; found level 2")


def test_an_order_that_nobody_can_give_is_a_warning(run: Run) -> None:
    steps = '    steps: [{at: "09:10", note: /hold, by: Ada}]\n'
    Path("p.yaml").write_text(POLICY + TESTS.replace("    expect", steps + "    expect"), "utf-8")
    result = run("check", "p.yaml")
    assert result.exit_code == 0
    words = 'p.yaml:10: test "it waits": the order `/hold` by Ada is not heard: there is no role escalation_manager'
    assert f"  warning: {words} in `roles`" in result.stdout


# --- tickets that a file invents ----------------------------------------------------------------------------------
def test_without_settings_explain_says_that_a_policy_can_be_named(run: Run) -> None:
    Path("t.json").write_text("{}", "utf-8")
    result = run("explain", "t.json")
    assert result.exit_code == 2
    assert "Or name a policy with --policy FILE; then no settings are needed." in result.stderr


NOT_JSON = [
    ('{"site": "zendesk" "created": 1}', "1:20", "a comma is missing before this"),
    ('{"site" "zendesk"}', "1:9", "a colon is missing before this"),
    ('{"site": "zendesk",\n\n "created": }', "3:13", "a value is missing here"),
    ('{"site": "zendesk', "1:10", "the text that begins here has no closing quote"),
    ('{"site": "zendesk"}}', "1:20", "is a bracket too many?"),
]


@pytest.mark.parametrize(("text", "place", "words"), NOT_JSON)
def test_a_mistake_in_json_is_told_in_the_words_of_json(run: Run, text: str, place: str, words: str) -> None:
    Path("p.yaml").write_text(POLICY, "utf-8")
    Path("t.json").write_text(text, "utf-8")
    result = run("explain", "t.json", "--policy", "p.yaml")
    assert result.exit_code == 2
    assert f"t.json:{place}: this is not JSON: " in result.stderr
    assert words in result.stderr
