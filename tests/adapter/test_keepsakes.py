"""What vendors renew outlives us: one file, ours alone, safe from crashes and from other processes."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from adapter.keepsakes import Keepsakes

ROOT = Path(__file__).parents[2]


def program(text: str, file: Path) -> list[str]:
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {text}", str(file)]


def test_what_is_kept_is_there_for_the_next_process_and_for_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "keepsakes.json"
    assert Keepsakes(file).load("acme") == {}
    Keepsakes(file).save("acme", {"refresh_token": "r1"})
    Keepsakes(file).save("itsm", {"refresh_token": "r2"})
    Keepsakes(file).save("acme", {"refresh_token": "r3"})
    assert (Keepsakes(file).load("acme"), Keepsakes(file).load("itsm")) == (
        {"refresh_token": "r3"},
        {"refresh_token": "r2"},
    )
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("text", ["[]", "{", "7", "", "null", "[" * 100_000, "\xff"])
def test_a_spoiled_file_is_an_error_and_is_not_written_over(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keepsakes.json"
    file.write_text(text)
    for attempt in (lambda: Keepsakes(file).load("acme"), lambda: Keepsakes(file).save("acme", {})):
        with pytest.raises(ValueError, match=r"keepsakes\.json .*run `stepladder authorize`"):
            attempt()
    assert file.read_text() == text


@pytest.mark.parametrize("kept", ["[]", "null", '{"access_token": 7}', '{"refresh_token": ["x"]}'])
def test_what_is_spoiled_for_one_site_is_an_error_there_until_it_is_kept_anew(tmp_path: Path, kept: str) -> None:
    file = tmp_path / "keepsakes.json"
    file.write_text(f'{{"acme": {kept}, "itsm": {{"refresh_token": "r2"}}}}')
    with pytest.raises(ValueError, match="holds something else than words for acme"):
        Keepsakes(file).load("acme")
    assert Keepsakes(file).load("itsm") == {"refresh_token": "r2"}
    Keepsakes(file).save("acme", {"refresh_token": "r3"})
    assert Keepsakes(file).load("acme") == {"refresh_token": "r3"}


def test_processes_that_write_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    file = tmp_path / "keepsakes.json"
    work = (
        "from pathlib import Path; from adapter.keepsakes import Keepsakes; "
        "kept = Keepsakes(Path(sys.argv[1])); "
        "[kept.save(f'NAME-{n}', {'n': str(n)}) for n in range(20)]"
    )
    running = [subprocess.Popen(program(work.replace("NAME", name), file)) for name in ("a", "b", "c")]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    kept = Keepsakes(file)
    assert all(kept.load(f"{name}-{n}") == {"n": str(n)} for name in "abc" for n in range(20))


def test_a_turn_is_one_processs_at_a_time_and_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "keepsakes.json"
    work = (
        "from pathlib import Path; from adapter.keepsakes import Keepsakes; "
        "turn = Keepsakes(Path(sys.argv[1])).turn('acme'); turn.__enter__(); "
        "print('mine', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(program(work, file), stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(BlockingIOError), Keepsakes(file).turn("acme"):
            pass
        with Keepsakes(file).turn("itsm"):
            Keepsakes(file).save("itsm", {"refresh_token": "r"})
        other.kill()
    with Keepsakes(file).turn("acme"):
        pass
