"""The verb: what it prints, what it refuses to write over, what a kill leaves."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from calibration.bundle import folder as bundle_folder
from calibration.bundle.calibration import Calibration, Withheld
from tests.calibration.worlds import LEAN, LEAN_WORDS, WHOLE, files, lean, told
from tests.mounts import mounted
from tests.twin_session import twin_session

pytestmark = pytest.mark.unit


def test_the_same_session_gives_the_same_bytes_and_only_with_force_again(
    solve_verb, whole, solved, tmp_path
):
    out = tmp_path / "cal"
    code, stdout, stderr = solve_verb(whole.folder, "--out", out, "--json")
    assert code == 0, stderr
    assert json.loads(stdout)["verdict"] == "good"
    assert files(out) == files(solved.folder)
    code, stdout, stderr = solve_verb(whole.folder, "--out", out)
    assert (code, stdout) == (2, "")
    assert told(stderr) == [
        f"error: {out}: holds a calibration already; give another folder, or --force to replace it"
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["cal"]


def test_force_replaces_a_calibration_and_changes_no_session(
    solve_verb, lean_session, solved, tmp_path
):
    out = tmp_path / "cal"
    shutil.copytree(solved.folder, out)
    before = files(lean_session.folder)
    code, stdout, _ = solve_verb(
        lean_session.folder, "--out", out, "--force", "--set", "refine=false", *LEAN_WORDS
    )
    assert code == 0
    assert "drift of the map" in stdout
    assert f"{out}: good" in stdout
    assert not Calibration.read(out).document.geometry.start.refinement.used
    assert [path.name for path in tmp_path.iterdir()] == ["cal"]
    assert files(lean_session.folder) == before


def test_no_session_and_a_session_of_scenes_alone(solve_verb, tmp_path):
    code, _, stderr = solve_verb(tmp_path / "none", "--out", tmp_path / "cal")
    (line,) = told(stderr)
    assert (code, str(tmp_path / "none") in line) == (2, True)
    every = ("dark", "flat", "series", "colour", "target", "sync")
    scenes = twin_session(replace(WHOLE, missing=every, end=False))
    code, _, stderr = solve_verb(scenes.folder, "--out", tmp_path / "cal")
    (line,) = told(stderr)
    assert (code, "no usable calibration clip" in line, "--guided start" in line) == (1, True, True)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_flip_and_a_wrong_board_are_named(solve_verb, lean_session, tmp_path):
    wrong = lean(rig_sets=("cameras.sharp.flip=none",), missing=(*LEAN.missing, "series"))
    words = ("--set", "allow_missing=[series,near,end]")
    code, _, stderr = solve_verb(wrong.folder, "--out", tmp_path / "cal", *words)
    (line,) = told(stderr)
    assert code == 1
    assert "clip-002" in line
    assert "flip" in line
    assert "rig.yaml" in line
    code, _, stderr = solve_verb(
        lean_session.folder, "--out", tmp_path / "cal", "--set", "board.columns=8", *LEAN_WORDS
    )
    (line,) = told(stderr)
    assert code == 1
    assert "clip-011" in line
    assert "board" in line
    code, _, stderr = solve_verb(lean_session.folder, "--out", tmp_path / "c", "--set", "bord=8")
    assert (code, len(told(stderr))) == (2, 1)
    assert list(tmp_path.iterdir()) == []


def test_something_else_is_never_replaced(solve_verb, lean_session, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    code, _, stderr = solve_verb(lean_session.folder, "--out", tmp_path / "mine", "--force")
    assert (code, "no calibration" in stderr) == (2, True)
    code, _, stderr = solve_verb(
        lean_session.folder, "--out", tmp_path / "mine" / "thesis.txt", "--force"
    )
    assert (code, "is a file" in stderr) == (2, True)
    assert files(tmp_path) == {"mine/thesis.txt": b"years of work"}


@pytest.mark.parametrize("options", ["size=64k", "ro"])
def test_a_full_or_read_only_disk_leaves_nothing(solve_verb, lean_session, tmp_path, options):
    with mounted(tmp_path / "disk", options) as disk:
        code, _, stderr = solve_verb(lean_session.folder, "--out", disk / "cal", *LEAN_WORDS)
        assert (code, len(told(stderr))) == (3, 1), stderr
        assert list(disk.iterdir()) == []


def test_an_interrupt_leaves_nothing(solve_verb, lean_session, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bundle_folder, "write_array", interrupted)
        code, _, stderr = solve_verb(lean_session.folder, "--out", tmp_path / "cal", *LEAN_WORDS)
    assert (code, told(stderr)) == (130, ["error: interrupted"])
    assert list(tmp_path.iterdir()) == []


_KILLED = """
import os, signal, sys
from pathlib import Path
from calibration.bundle import folder
from calibration.bundle.calibration import Calibration

of, out, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
calibration = Calibration.read(of)
arrays = {name: calibration.array(name) for name in calibration.document.arrays}
target = folder if hasattr(folder, where) else Path
real, left = getattr(target, where), [int(sys.argv[4])]

def dies(*given):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return real(*given)

setattr(target, where, dies)
out = folder.check_out(out, force=True)
folder.write_calibration(out, calibration.document, arrays, force=True)
"""


@pytest.mark.parametrize(
    ("where", "after"), [("write_array", 2), ("sync_folder", 0), ("rename", 1)]
)
def test_a_kill_leaves_the_old_or_the_new(solved, tmp_path, where, after):
    out = tmp_path / "cal"

    def run(where, after):
        line = [sys.executable, "-c", _KILLED, str(solved.folder), str(out), where, str(after)]
        return subprocess.run(line, timeout=50, check=False).returncode

    assert run("rename", 9) == 0
    assert run(where, after) == -9
    bundle_folder.check_out(out, force=True)
    assert files(out) == files(solved.folder)
    assert run("rename", 9) == 0
    assert files(out) == files(solved.folder)
    assert [path.name for path in tmp_path.iterdir()] == ["cal"]


@pytest.mark.parametrize(
    ("step_sets", "name"),
    [
        ((("end:target", "optics.alignment.shift_px=[6.7, -3.4]"),), "drift of the map"),
        ((("end:flat", "optics.splitter.transmitted=0.47"),), "drift of the gains"),
    ],
    ids=["map", "gains"],
)
def test_what_drifted_too_far_is_withheld(solve_verb, tmp_path, step_sets, name):
    session = twin_session(
        replace(LEAN, end=True, missing=(*LEAN.missing, "series"), step_sets=step_sets)
    )
    out = tmp_path / "cal"
    code, stdout, stderr = solve_verb(
        session.folder, "--out", out, "--set", "allow_missing=[series,near]"
    )
    assert (code, told(stderr)) == (1, [])
    assert [line[4:].startswith(name) for line in stdout.splitlines() if line[:3] == "BAD"] == [
        True
    ]
    with pytest.raises(Withheld, match=f"{out}: is withheld: {name}.*limit") as withheld:
        Calibration.read(out).require_good()
    assert (withheld.value.exit_code, "\n" in str(withheld.value)) == (1, False)
