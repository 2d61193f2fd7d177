"""An unfinished build is given up: what was published stands again, byte for byte."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bsd.errors import UserMistake
from bsd.lock import locked
from dataset.build import construction
from dataset.build.giving_up import give_up
from tests.dataset.build.bench import NAME, Bench
from tests.dataset.build.sessions import scene, session
from tests.twin_session import TwinSession

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
KILLED = """
import os, signal, sys
from pathlib import Path
from dataset.build import giving_up
left = [int(sys.argv[2])]
remove = giving_up._remove
def deadly(path):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    remove(path)
giving_up._remove = deadly
giving_up.give_up(Path(sys.argv[1]))
"""


class Stop(Exception):
    """Stands for a kill."""


def sessions() -> tuple[TwinSession, TwinSession]:
    """One that is published, one that is added."""
    return session(scene(0), scene(1)), session(scene(5), seed=1)


def stopped(patch: pytest.MonkeyPatch, bench: Bench, *what: TwinSession, **fields: Any) -> None:
    """Build until all sequences are written, and stop."""

    def finish(*_given: object) -> None:
        raise Stop

    with patch.context() as inner:
        inner.setattr(construction, "finish_tree", finish)
        with pytest.raises(Stop):
            bench.build(*what, **fields)


def everything(root: Path) -> list[str]:
    """All names below a folder, folders too."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def new_sequence(out: Path) -> str:
    """The one that is written and not published: sessions are served as they were recorded."""
    (journal,) = (out / NAME / ".work").glob("*.jsonl")
    return journal.stem.replace("-", "/")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An unfinished extension; with what was published before it."""
    with pytest.MonkeyPatch.context() as patch:
        bench = Bench(patch, tmp_path_factory.mktemp("begun") / "out")
        first, second = sessions()
        bench.build(first)
        before, names = bench.hashes(), everything(bench.out / NAME)
        stopped(patch, bench, first, second, licence="CC-BY-4.0")
        assert bench.hashes() != before
        yield bench.out, before, names


def test_the_published_state_comes_back(
    begun: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Byte for byte; it is told what went; then other options may be asked for."""
    out, before, names = begun
    bench = Bench(monkeypatch, Path(shutil.copytree(out, tmp_path / "out")))
    first, second = sessions()
    with pytest.raises(UserMistake, match=r"different: .*publication.*--give-up"):
        bench.build(first, second)
    (given,) = give_up(bench.out)
    assert (given.name, given.revision) == (NAME, 1)
    assert given.sequences == (new_sequence(out),)
    assert given.files == 12 * 8 + 1
    assert bench.hashes() == before
    assert everything(bench.out / NAME) == names
    assert give_up(bench.out) == ()
    bench.build(first, second)
    assert bench.hashes() != before


@pytest.mark.parametrize("removed", [0, 1, 40, 97, 99])
def test_a_kill_while_giving_up(begun: Any, tmp_path: Path, removed: int) -> None:
    """Giving up again ends what was begun."""
    out, before, names = begun
    copy = shutil.copytree(out, tmp_path / "out")
    line = [sys.executable, "-c", KILLED, str(copy), str(removed)]
    assert subprocess.run(line, cwd=ROOT, timeout=55).returncode == -signal.SIGKILL
    give_up(copy)
    bench = Bench(pytest.MonkeyPatch(), copy)
    assert bench.hashes() == before
    assert everything(copy / NAME) == names


def test_half_given_up_may_still_be_finished(
    begun: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A kill in the midst and second thoughts: the same command makes what is missing again."""
    out, before, _names = begun
    whole = Bench(monkeypatch, Path(shutil.copytree(out, tmp_path / "whole")))
    whole.build(*sessions(), licence="CC-BY-4.0")
    half = Bench(monkeypatch, Path(shutil.copytree(out, tmp_path / "half")))
    line = [sys.executable, "-c", KILLED, str(half.out), "40"]
    assert subprocess.run(line, cwd=ROOT, timeout=55).returncode == -signal.SIGKILL
    half.build(*sessions(), licence="CC-BY-4.0")
    assert half.hashes() == whole.hashes() != before


def test_what_was_never_published_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """But for what no build wrote, which is named."""
    bench = Bench(monkeypatch, tmp_path / "out")
    stopped(monkeypatch, bench, sessions()[0])
    note = bench.out / NAME / "train" / "000" / "note.txt"
    note.write_text("mine")
    (given,) = give_up(bench.out)
    assert (given.revision, given.kept) == (None, ("train/000/note.txt",))
    assert everything(bench.out / NAME) == ["train", "train/000", "train/000/note.txt"]


def test_what_kills_leave_beside_a_plan(begun: Any, tmp_path: Path) -> None:
    """A lock before there is a plan, a plan that is published: cleared, and a stranger is not."""
    out, before, names = begun
    copy = shutil.copytree(out, tmp_path / "out")
    give_up(copy)
    (copy / NAME / ".work").mkdir()
    shutil.copy(copy / NAME / "build.json", copy / NAME / ".work" / "plan.json")
    for name, inside in (("BSD_1ms8ms", "lock"), ("mine", "notes.txt")):
        (copy / name / ".work").mkdir(parents=True)
        (copy / name / ".work" / inside).touch()
    assert give_up(copy) == ()
    assert everything(copy / NAME) == names
    assert Bench(pytest.MonkeyPatch(), copy).hashes() == before
    assert not (copy / "BSD_1ms8ms").exists()
    assert (copy / "mine" / ".work" / "notes.txt").exists()


def test_refusals(begun: Any, tmp_path: Path) -> None:
    """No folder, another build at work: one line, nothing changed."""
    with pytest.raises(UserMistake, match="nowhere: no folder"):
        give_up(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    copy = shutil.copytree(begun[0], tmp_path / "out")
    names = everything(copy)
    with (
        locked(copy / NAME / ".work" / "lock"),
        pytest.raises(UserMistake, match="another run writes here now"),
    ):
        give_up(copy)
    assert everything(copy) == names


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the verb."""
    line = [sys.executable, "-m", "dataset.build", *words]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=55)


def test_the_command(begun: Any, tmp_path: Path) -> None:
    """`--give-up` with `--out` alone; the answer is for people or as JSON."""
    copy = shutil.copytree(begun[0], tmp_path / "out")
    done = command("--out", str(copy), "--give-up", "--publish", "--licence", "CC-BY-4.0")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--give-up takes --out alone" in done.stderr
    done = command("--out", str(copy), "--give-up", "--json")
    assert done.returncode == 0, done.stderr
    (given,) = json.loads(done.stdout)["given_up"]
    assert given["sequences"] == [new_sequence(begun[0])]
    done = command("--out", str(copy), "--give-up")
    assert (done.returncode, done.stdout) == (0, f"nothing is unfinished in {copy}\n")
    done = command("--out", str(copy))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--session" in done.stderr
