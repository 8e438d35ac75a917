"""What the pages say is there: every command, setting, condition, key, module and link. What they show is run."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from adapter.activation import check
from adapter.assembly import system_clock
from adapter.cli import cli
from adapter.sections import Retention
from adapter.settings import Guards, Mail, Missed, OnCall, Server, Worker, load
from adapter.toolbox import Toolbox
from adapter.vigilance import Audit, Log, Monitor
from connectors import discover
from policies.conditions import REGISTRY
from policies.document import PolicyError
from policies.document import parse as parse_policy
from policies.examples import VERBS
from policies.grammar import SCOPES
from policies.rungs import NOTE_FIELDS
from policies.schema import schema_text

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "connectors").glob("*/README.md")),
]
README, POLICY, SETTINGS, OPERATIONS, ARCHITECTURE = (
    (ROOT / name).read_text("utf-8")
    for name in ("README.md", "docs/policy.md", "docs/settings.md", "docs/operations.md", "docs/architecture.md")
)
VENDORS = discover()


def prose(text: str) -> str:
    """Return a page without its code blocks, where a bracket is no link."""
    return re.sub(r"^( *)```.*?^\1```", "", text, flags=re.DOTALL | re.MULTILINE)


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def rows(text: str) -> dict[str, list[str]]:
    """Return the rows of a page's tables by each word in backticks in their first cell."""
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {word: row for row in cells for word in re.findall(r"`([^`]+)`", row[0])}


def section(text: str, heading: str) -> str:
    """Return the part of a page below a heading, down to the next one of its kind."""
    found = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert found, heading
    return found


# --- links --------------------------------------------------------------------------------------------------
def anchors(page: Path) -> set[str]:
    """Return the headings of a page as a link names them."""
    headings = re.findall(r"^#+ (.+)$", prose(page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text("utf-8"))):
        if target.startswith(("https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", page.read_text("utf-8"))) <= targets


# --- commands -----------------------------------------------------------------------------------------------
def commands(group: click.Group, path: str = "stepladder") -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(cli))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_names_every_command(name: str) -> None:
    assert re.search(rf"`{name}\b", README)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_pages_name_every_option(name: str) -> None:
    options = {
        word for p in COMMANDS[name].params if isinstance(p, click.Option) for word in (*p.opts, *p.secondary_opts)
    }
    told = README + OPERATIONS + section(POLICY, "The commands")
    missing = {word for word in options if not re.search(rf"(?<![\w-]){word}(?![\w-])", told)}
    assert missing <= {"--worker"}  # it is what happens without --no-worker


def test_no_page_names_a_command_that_is_not_there() -> None:
    spoken = {
        said for page in PAGES for said in re.findall(r"`stepladder ([a-z]+(?:\s+[a-z]+)?)", page.read_text("utf-8"))
    }
    known = {name.removeprefix("stepladder ") for name in COMMANDS} | {"policy"}
    strangers = {said for said in spoken if " ".join(said.split()) not in known and said.split()[0] not in known}
    named = {said.split()[1] for said in spoken if said.startswith("policy ")}
    assert strangers == set()
    assert named <= {name.removeprefix("policy ") for name in known}


SHOWN = [(block.splitlines()[0], block.split("\n", 1)[1]) for block in blocks(POLICY, "console")]
VARIANTS = {
    "policy.yaml": {},
    "mistaken.yaml": {"unanswered_for: 1h clock": "answered: true"},
    "stricter.yaml": {
        "1h clock": "30m clock", "an hour, not less": "half an hour, not less", "09:59": "09:29", "10:00": "09:30",
    },
}  # fmt: skip
"""The files of the commands that the policy page shows: its own policy, and what somebody made of it."""


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_a_command_on_the_policy_page_prints_what_the_page_shows(
    command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = next(block for block in blocks(POLICY, "yaml") if block.startswith("version: 1"))
    for name, changes in VARIANTS.items():
        text = whole
        for before, after in changes.items():
            assert before in text
            text = text.replace(before, after)
        Path(name).write_text(text, "utf-8")
    Path("ticket.json").write_text(next(iter(blocks(POLICY, "json"))), "utf-8")
    printed = CliRunner().invoke(cli, command.removeprefix("$ stepladder ").split(), obj=Toolbox()).output
    lines = ["(?:.*\n)*?" if line == "…" else f"{re.escape(line)}\n" for line in output.splitlines()]
    assert re.fullmatch("".join(lines), printed), printed


def test_the_policy_page_shows_most_of_the_policy_commands_at_work() -> None:
    assert {command.split()[3] for command, _ in SHOWN} == {"check", "test", "show", "explain", "diff"}
    assert (ROOT / "policies/library/schema.json").read_text("utf-8") == schema_text()


# --- settings -----------------------------------------------------------------------------------------------
SITES: dict[str, type[BaseModel]] = {vendor: connector.settings for vendor, connector in VENDORS.items()}
HOUSE: dict[str, type[BaseModel]] = {"server": Server, "worker": Worker, "guards": Guards, "missed": Missed}
HOUSE |= {"log": Log, "monitor": Monitor, "audit": Audit, "retention": Retention}
TABLES: dict[str, type[BaseModel]] = {**HOUSE, "mail": Mail, "on_call": OnCall, **SITES}


def keys_of(model: type[BaseModel]) -> set[str]:
    """Return a table's keys as the file writes them."""
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize("table", TABLES)
def test_the_settings_page_has_every_key_of(table: str) -> None:
    assert keys_of(TABLES[table]) - set(rows(SETTINGS)) == set()


@pytest.mark.parametrize(("table", "model"), HOUSE.items())
def test_the_settings_page_gives_the_true_defaults_of(table: str, model: type[BaseModel]) -> None:
    part = SETTINGS.partition(f"`[{table}]`:")[2].partition("`[")[0]
    for key, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        wanted = f'"{default}"' if isinstance(default, str) else str(default)
        assert rows(part)[key][1] == (f"`{wanted}`" if default not in (None, []) else "none"), key


def test_the_settings_page_names_nothing_that_is_not_there() -> None:
    known = {key for model in TABLES.values() for key in keys_of(model)} | {"policy", "state", "database"}
    keys = {word for word in rows(SETTINGS) if re.fullmatch(r"[a-z_]+", word)}
    assert keys - known == set()


def test_the_readmes_settings_load_with_the_readmes_variables(tmp_path: Path) -> None:
    settings = next(block for block in blocks(README, "toml"))
    names = re.findall(r"^export (STEPLADDER_\w+)=", "\n".join(blocks(README, "sh")), re.MULTILINE)
    (tmp_path / "stepladder.toml").write_text(settings, "utf-8")
    (tmp_path / "policy.yaml").write_text("version: 1", "utf-8")
    models = {vendor: connector.settings for vendor, connector in VENDORS.items()}
    found = load(tmp_path / "stepladder.toml", dict.fromkeys(names, "a-secret-word"), models)
    assert sorted(found.sites) == ["acme", "itsm"]
    assert {site.mode for site in found.sites.values()} == {"observe"}


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *(ROOT / "connectors" / vendor / "README.md" for vendor in VENDORS)]
)
def test_every_toml_example_names_only_settings_that_exist(page: Path) -> None:
    for block in blocks(page.read_text("utf-8"), "toml"):
        for site in tomllib.loads(block)["sites"].values():
            assert set(site) <= set(SITES[site["vendor"]].model_fields)


# --- the policy ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", REGISTRY)
def test_the_policy_page_has_every_condition_with_its_example(name: str) -> None:
    assert rows(section(POLICY, "Conditions"))[name][1] == f"`{REGISTRY[name].example}`"


def test_the_policy_page_names_no_condition_that_is_not_there() -> None:
    assert set(rows(section(POLICY, "Conditions"))) == set(REGISTRY)


ASKED = {
    "the top": "x",
    "defaults": "{defaults: x}",
    "severity": "{severity: x}",
    "customers": "{customers: x}",
    "a tier": "{customers: {tiers: [x]}}",
    "a calendar": "{calendars: {a: x}}",
    "holidays": "{calendars: {a: {holidays: x}}}",
    "a level": "{levels: [x]}",
    "a rule": "{levels: [{level: 1, name: a}, {level: 2, name: b}], rules: [x]}",
    "a test": "{applies_to: {v: all}, tests: [x]}",
    "a test's ticket": "{applies_to: {v: all}, tests: [{ticket: x}]}",
    "a test's step": "{applies_to: {v: all}, tests: [{steps: [x]}]}",
    "a test's expectation": "{applies_to: {v: all}, tests: [{expect: [x]}]}",
    "a role": "{roles: {r: x}}",
    "a way down": "{come_down: [x]}",
    "guards": "{guards: x}",
    "a budget": "{guards: {per_ticket: x}}",
    "a level's budget": "{guards: {level_budget: x}}",
    "evidence": "{guards: {evidence: x}}",
    "reminders": "{levels: [{level: 1, name: a}, {level: 2, name: b, if_not_taken: x}]}",
    "out of hours": "{levels: [{level: 1, name: a}, {level: 2, name: b, out_of_hours: x}]}",
    "a pause while blocked": "{defaults: {pause_while_blocked: x}}",
}
"""Documents with a word where a section belongs: the reader answers with the keys of that section."""


@pytest.mark.parametrize("part", ASKED)
def test_the_policy_page_has_every_key_of(part: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(ASKED[part])
    told = [p.message for p in caught.value.problems if "expected the keys" in p.message]
    assert len(told) == 1
    keys = re.findall(r"[a-z_]+", told[0].partition("the keys ")[2].partition(", found")[0])
    assert keys
    assert [key for key in keys if not re.search(rf"(?<![\w/]){key}(?!\w)", POLICY)] == []


def test_the_policy_page_has_every_policy_of_the_library() -> None:
    assert {path.name for path in (ROOT / "policies/library").glob("*.yaml")} <= set(rows(POLICY))


def test_the_policy_page_has_every_word_of_scopes_notes_and_tests() -> None:
    wanted = [*(f"`{word}`" for word in SCOPES), *(f"`{{{word}}}`" for word in NOTE_FIELDS)]
    assert [word for word in wanted if word not in POLICY] == []
    assert [verb for verb in VERBS if not re.search(rf"`{verb}\b", POLICY)] == []


@pytest.mark.parametrize(("page", "text"), [("README.md", README), ("docs/policy.md", POLICY)])
def test_a_whole_policy_on_a_page_passes_its_own_check(page: str, text: str) -> None:
    whole = [block for block in blocks(text, "yaml") if block.startswith("version: 1")]
    assert len(whole) == 1
    report = check(whole[0], page, VENDORS, system_clock())
    assert report.passed
    assert report.warnings == ()


def test_the_pieces_of_the_policy_page_make_a_policy_that_loads() -> None:
    pieces = blocks(POLICY, "yaml")[1:]
    with pytest.raises(PolicyError) as caught:
        parse_policy("\n".join(["version: 1", "name: Pieces", *pieces]))
    # each shows its own part, so a rule may lead to a level, and a test name a rule, that another piece does not have
    assert [
        p.message for p in caught.value.problems if not re.match("there is no level 3|unknown rule", p.message)
    ] == []


# --- the log ------------------------------------------------------------------------------------------------
def test_the_operations_page_has_every_event_of_the_log() -> None:
    told = set()
    for path in (ROOT / "adapter").rglob("*.py"):
        text = path.read_text("utf-8")
        told |= set(re.findall(r'\.(?:tell|trouble)\(\s*"([a-z]+\.[a-z]+)"', text))
        told |= {f"writeback.{what}" for what in re.findall(r'self\._tell\("(\w+)", ', text)}
        either = re.findall(r'what = "(\w+)" if .+ else "(\w+)"', text)
        told |= {f"writeback.{what}" for both in either for what in both}
    assert len(told) > 15
    assert told - set(rows(OPERATIONS)) == set()


# --- the house ----------------------------------------------------------------------------------------------
def modules(floor: str) -> tuple[set[str], set[str]]:
    """Return the modules and the folders of a floor; what every vendor's folder has is `<vendor>/…`."""
    paths = {path.relative_to(ROOT / floor) for path in (ROOT / floor).rglob("*.py") if "versions" not in path.parts}
    files = {path.with_suffix("").as_posix() for path in paths if path.stem != "__init__"}
    if floor == "connectors":
        for stem in {file.partition("/")[2] for file in files if "/" in file}:
            if files >= {f"{vendor}/{stem}" for vendor in VENDORS}:
                files = files - {f"{vendor}/{stem}" for vendor in VENDORS} | {f"<vendor>/{stem}"}
    return files - {"store/migrations/env"}, {path.parent.as_posix() for path in paths}


@pytest.mark.parametrize("floor", ["policies", "connectors", "adapter"])
def test_the_architecture_says_of_every_module_what_it_is_for(floor: str) -> None:
    part = section(ARCHITECTURE, "The rooms").partition(f"\n### {floor}: ")[2].partition("\n### ")[0]
    files, folders = modules(floor)
    said = rows(part)
    assert files - set(said) == set()
    assert set(said) - files - folders == set()
    assert all(len(row) == 2 and row[1] for row in said.values())


def test_the_architecture_names_no_file_that_is_not_there() -> None:
    files = re.findall(r"`((?:adapter|policies|connectors|tests)/[\w/]+\.\w+)`", ARCHITECTURE)
    assert len(files) > 5
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_every_decision_that_the_code_names_is_written_down() -> None:
    written = set(re.findall(r"^(\d+)\. ", (ROOT / "docs/decisions.md").read_text("utf-8"), re.MULTILINE))
    assert written == {str(number) for number in range(1, 32)}
    for room in ("policies", "connectors", "adapter", "tests"):
        for path in (ROOT / room).rglob("*.py"):
            named = re.findall(r"\bdecisions? (\d+)(?:(?:–|-| and )(\d+))?", path.read_text("utf-8"))
            assert {number for pair in named for number in pair if number} <= written, path
