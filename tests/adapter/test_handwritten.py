"""Settings written into files that people keep by hand: everything else stays, and doubt writes nothing."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.handwritten import NotWritten, line, with_value, write

ACME = ("sites", "acme")
BY_HAND = """# ours
[server]
port = 8080  # behind nginx

[sites.acme]   # the desk
vendor = "desk"
level_field = "12"   # made in May
webhook_secrets = [
  "old",  # until June
]

[sites.acme.fields]
product = "1"
"""


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        (BY_HAND, "level_field", "99", BY_HAND.replace('"12"   # made', '"99"   # made')),
        (BY_HAND, "account", "7", BY_HAND.replace('",  # until June\n]\n', '",  # until June\n]\naccount = "7"\n')),
        ("", "level_field", "9", '[sites.acme]\nlevel_field = "9"\n'),
        ("[server]\nport = 1\n", "level_field", "9", '[server]\nport = 1\n\n[sites.acme]\nlevel_field = "9"\n'),
        ('[sites."acme"]\na = "1"', "b", "2", '[sites."acme"]\na = "1"\nb = "2"'),
    ],
    ids=["changed, with its comment", "added", "an empty file", "a new table", "a quoted table"],
)
def test_one_setting_is_written_and_the_rest_stays(before: str, key: str, value: str, after: str) -> None:
    assert with_value(before, ACME, key, value) == after


def test_a_list_over_several_lines_is_replaced_as_a_whole() -> None:
    found = with_value(BY_HAND, ACME, "webhook_secrets", ["new", "old"])
    assert found is not None
    assert tomllib.loads(found)["sites"]["acme"]["webhook_secrets"] == ["new", "old"]
    assert "[sites.acme.fields]" in found
    assert "until June" not in found


@pytest.mark.parametrize(
    "text",
    [
        "[sites]\nacme = {vendor = 'desk'}\n",
        "sites.acme.vendor = 'desk'\n[sites.acme.fields]\n",
        "not toml",
        "sites = 1",
    ],
    ids=["an inline table", "dotted keys", "no TOML", "no table at all"],
)
def test_doubt_writes_nothing(text: str, tmp_path: Path) -> None:
    file = tmp_path / "stepladder.toml"
    file.write_text(text)
    assert with_value(text, ACME, "level_field", "9") is None
    with pytest.raises(NotWritten, match=r"level_field belongs into its table \[sites\.acme\]"):
        write(file, ACME, "level_field", "9")
    assert file.read_text() == text
    assert list(tmp_path.iterdir()) == [file]


def test_a_private_file_is_made_for_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "secrets.toml"
    write(file, ACME, "webhook_secrets", ["s3cret"], private=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tomllib.loads(file.read_text()) == {"sites": {"acme": {"webhook_secrets": ["s3cret"]}}}


def test_a_file_keeps_its_rights_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "stepladder.toml"
    real.write_text(BY_HAND)
    real.chmod(0o644)
    link.symlink_to(real)
    write(link, ACME, "level_field", "99")
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o644
    assert '"99"' in real.read_text()


@given(st.text(max_size=40), st.text(st.characters(codec="utf-8"), max_size=20))
@settings(max_examples=300, deadline=None)
def test_whatever_stands_there_only_the_setting_changes(noise: str, value: str) -> None:
    before = f"# {noise!r}\n[sites.acme]\nvendor = 'x'\n[mail]\nhost = 'm'\n"
    after = with_value(before, ACME, "level_field", value)
    assert after is not None
    assert tomllib.loads(after) == {"sites": {"acme": {"vendor": "x", "level_field": value}}, "mail": {"host": "m"}}
    assert after.splitlines()[0] == before.splitlines()[0]


def test_a_setting_is_shown_as_it_is_written() -> None:
    assert line("level_field", "9") == 'level_field = "9"'
    assert line("webhook_secrets", ["a", "b"]) == 'webhook_secrets = ["a", "b"]'
