"""Settings written into files that people keep by hand: everything else stays, and doubt writes nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
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
    assert {path.name for path in tmp_path.iterdir()} == {file.name, f".{file.name}.lock"}


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


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["ours", "as other systems end lines"])
def test_lines_end_as_a_persons_editor_ends_them(tmp_path: Path, ends: str) -> None:
    file = tmp_path / "stepladder.toml"
    file.write_bytes(BY_HAND.replace("\n", ends).encode())
    write(file, ACME, "account", "7")
    wanted = BY_HAND.replace('",  # until June\n]\n', '",  # until June\n]\naccount = "7"\n')
    assert file.read_bytes().decode() == wanted.replace("\n", ends)


def test_what_is_not_text_is_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "stepladder.toml"
    file.write_bytes(b"# caf\xe9\n[sites.acme]\n")
    with pytest.raises(NotWritten, match=r"stepladder\.toml cannot be changed safely: it is not UTF-8"):
        write(file, ACME, "level_field", "9")
    assert file.read_bytes() == b"# caf\xe9\n[sites.acme]\n"


def test_writers_in_several_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    file = tmp_path / "secrets.toml"
    file.write_text("# mine\n[sites.zed]\ntoken = 'person'\n" + "# much more\n" * 500)
    work = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); "
        "from pathlib import Path; from adapter.handwritten import write; "
        "[write(Path(sys.argv[1]), ('sites', sys.argv[2]), f'key_{n}', str(n), private=True) for n in range(15)]"
    )
    running = [subprocess.Popen([sys.executable, "-c", work, str(file), name]) for name in ("a", "b", "c")]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    sites = tomllib.loads(file.read_text())["sites"]
    assert sites["zed"] == {"token": "person"}
    assert all(sites[name] == {f"key_{n}": str(n) for n in range(15)} for name in "abc")
    assert {path.name for path in tmp_path.iterdir()} == {file.name, f".{file.name}.lock"}


def test_a_full_folder_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "stepladder.toml"
    file.write_text(BY_HAND)
    work = (
        f"import resource, signal, sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); "
        "from pathlib import Path; from adapter.handwritten import write; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64)); "
        "write(Path(sys.argv[1]), ('sites', 'acme'), 'level_field', '9')"
    )
    run = subprocess.run([sys.executable, "-c", work, str(file)], stderr=subprocess.PIPE, text=True, check=False)
    assert "File too large" in run.stderr
    assert file.read_text() == BY_HAND
    assert {path.name for path in tmp_path.iterdir()} == {file.name, f".{file.name}.lock"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_stays_whose_it_was_and_a_new_one_is_whose_the_folder_is(tmp_path: Path) -> None:
    os.chown(tmp_path, 4711, 4712)
    file = tmp_path / "stepladder.toml"
    file.write_text(BY_HAND)
    os.chown(file, 815, 816)
    write(file, ACME, "level_field", "9")
    write(tmp_path / "secrets.toml", ACME, "token", "t", private=True)
    owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in tmp_path.iterdir()}
    assert owners.pop("stepladder.toml") == (815, 816)
    assert set(owners) == {"secrets.toml", ".stepladder.toml.lock", ".secrets.toml.lock"}
    assert set(owners.values()) == {(4711, 4712)}


def test_what_a_killed_writer_left_beside_it_goes_with_the_next(tmp_path: Path) -> None:
    file = tmp_path / "secrets.toml"
    (tmp_path / ".secrets.toml.a8s7.new").write_text("half a sec")
    write(file, ACME, "token", "t", private=True)
    assert {path.name for path in tmp_path.iterdir()} == {file.name, f".{file.name}.lock"}
