"""Kept sessions: whole or not there, whoever makes, cleans or dies at the same time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.twin_session.keeping import UNUSED_S, Keeping, place

pytestmark = pytest.mark.unit

MAKER = """
import sys
from pathlib import Path
from tests.twin_session.keeping import Keeping
base, waits = Path(sys.argv[1]), sys.argv[2] == "True"
def make(folder):
    (folder / "begun").write_text("x")
    print("begun", flush=True)
    if waits:
        sys.stdin.readline()
    (folder / "done").write_text("y" * 9)
print(Keeping(base).get("key", make), flush=True)
sys.stdin.read()
"""


def maker(base: Path, waits: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAKER, str(base), str(waits)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def fill(folder: Path) -> None:
    (folder / "done").write_text("y" * 9)


def never(folder: Path) -> None:
    raise AssertionError(f"{folder}: was made again")


def aged(folder: Path, seconds: float) -> None:
    at = time.time() - seconds
    os.utime(folder, (at, at))


def names(base: Path) -> set[str]:
    return {path.name for path in base.iterdir() if path.is_dir()}


def test_it_is_made_once_and_found_by_the_next_run(tmp_path: Path) -> None:
    kept = Keeping(tmp_path).get("key", fill)
    assert Keeping(tmp_path).get("key", never) == kept
    assert (kept / "done").read_text() == "y" * 9


def test_two_processes_make_it_once(tmp_path: Path) -> None:
    makers = [maker(tmp_path, waits=True) for _ in range(2)]
    for each in makers:  # the first may wait for the second
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    told = [each.communicate(timeout=30)[0].split() for each in makers]
    assert sorted(len(words) for words in told) == [1, 2]  # one of them has begun
    assert {words[-1] for words in told} == {str(tmp_path / "key")}
    assert names(tmp_path) == {"key"}


def test_a_cleaner_that_takes_the_lock_does_no_harm(tmp_path: Path) -> None:
    first = maker(tmp_path, waits=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "begun\n"
    (tmp_path / "key.lock").unlink()
    kept = Keeping(tmp_path).get("key", fill)  # makes it too, and is first
    assert first.communicate("go\n", timeout=30)[0].split() == [str(kept)]
    assert first.returncode == 0
    assert names(tmp_path) == {"key"}
    assert not (kept / "begun").exists()


@pytest.mark.parametrize("what", ["all", "key", "key/done", "key/contents.json"])
def test_what_a_cleaner_took_is_made_again(tmp_path: Path, what: str) -> None:
    base = tmp_path / "base"
    Keeping(base).get("key", fill)
    taken = base if what == "all" else base / what
    if taken.is_dir():
        shutil.rmtree(taken)
    else:
        taken.unlink()
    kept = Keeping(base).get("key", fill)
    assert (kept / "done").read_text() == "y" * 9
    assert names(base) == {"key"}


def test_what_goes_while_it_is_held_is_made_again(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path / "base")
    shutil.rmtree(keeping.get("key", fill))
    assert (keeping.get("key", fill) / "done").exists()
    shutil.rmtree(tmp_path / "base")
    assert (keeping.get("key", fill) / "done").exists()


def test_an_interrupted_maker_leaves_nothing_that_counts(tmp_path: Path) -> None:
    killed = maker(tmp_path, waits=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "begun\n"
    (half,) = names(tmp_path)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=10)
    aged(tmp_path / half, 100)
    assert not (Keeping(tmp_path).get("key", fill) / "begun").exists()
    assert names(tmp_path) == {"key"}


def test_a_failure_keeps_nothing(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        fill(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        Keeping(tmp_path).get("key", full)
    assert names(tmp_path) == set()
    assert Keeping(tmp_path).get("key", fill).is_dir()


def test_only_what_nobody_uses_is_swept(tmp_path: Path) -> None:
    user = maker(tmp_path)
    assert user.stdout is not None
    said = [user.stdout.readline() for _ in range(2)]
    assert said[1] == f"{tmp_path / 'key'}\n"
    held = Keeping(tmp_path)
    held.get("fresh", fill)
    aged(tmp_path / "key", UNUSED_S + 100)
    held.get("second", fill)
    assert names(tmp_path) == {"key", "fresh", "second"}
    user.communicate("", timeout=10)
    held.get("third", fill)
    assert names(tmp_path) == {"fresh", "second", "third"}


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(PermissionError, match="others may write"):
        Keeping(open_to_all)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    with pytest.raises(PermissionError, match="is a link"):
        Keeping(tmp_path / "link")
    if os.getuid() == 0:
        (tmp_path / "elsewhere").chmod(0o700)
        os.chown(tmp_path / "elsewhere", 1234, 1234)
        with pytest.raises(PermissionError, match="others may write"):
            Keeping(tmp_path / "elsewhere")


def test_the_place_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BSD_TWIN_SESSIONS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert place() == tmp_path / "bsd-toolkit-tests" / "sessions"
    assert Keeping(place()).get("key", fill).is_dir()
    assert place().stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("BSD_TWIN_SESSIONS", str(tmp_path / "own"))
    assert place() == tmp_path / "own"
