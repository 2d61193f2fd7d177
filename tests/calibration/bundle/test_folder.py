"""The folder of a calibration: what is written beside it, cleared up, and never touched."""

import os
import shutil

import pytest

from bsd.errors import UserMistake
from calibration.bundle.calibration import Calibration
from calibration.bundle.document import CALIBRATION_NAME
from calibration.bundle.folder import check_out, write_calibration

pytestmark = pytest.mark.unit

DEAD = 2**22 + 7
"""No process has a number above 2^22."""


def written(solved, out, **options):
    calibration = Calibration.read(solved.folder)
    arrays = {name: calibration.array(name) for name in calibration.document.arrays}
    write_calibration(check_out(out, **options), calibration.document, arrays, **options)


def test_folders_of_others_are_left_alone(solved, tmp_path):
    out = tmp_path / "cal"
    mine = ["cal.old/thesis.txt", "cal.part/thesis.txt", f"cal.old/{CALIBRATION_NAME}"]
    mine += [".cal.old/thesis.txt", f".other.bsd-{DEAD}-00000000.part/thesis.txt"]
    mine += [f".cal.bsd-{os.getppid()}-00000000.part/of-a-process-that-lives"]
    for name in mine:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("years of work")
    for _ in range(2):
        written(solved, out, force=True)
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert {name for name in mine if not (tmp_path / name).is_file()} == set()
    assert {name.split("/")[0] for name in found} == {name.split("/")[0] for name in mine} | {"cal"}


def test_what_a_kill_left_is_cleared_up_or_gets_its_name_back(solved, tmp_path):
    out = tmp_path / "cal"
    shutil.copytree(solved.folder, tmp_path / f".cal.bsd-{DEAD}-0123abcd.old")
    (tmp_path / f".cal.bsd-{DEAD}-89abcdef.part").mkdir()
    with pytest.raises(UserMistake, match="holds a calibration already"):
        check_out(out, force=False)
    assert Calibration.read(out).document == solved.document
    assert [path.name for path in tmp_path.iterdir()] == ["cal"]


def test_a_link_is_followed_and_stays(solved, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "cal").symlink_to(tmp_path / "disk")
    written(solved, tmp_path / "cal", force=False)
    assert (tmp_path / "cal").is_symlink()
    assert Calibration.read(tmp_path / "disk").document == solved.document


@pytest.mark.parametrize("name", [".", "..", "/", "/proc"])
def test_the_folder_one_works_in_and_a_root_are_refused(tmp_path, monkeypatch, name):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(UserMistake, match="give a folder in it"):
        check_out(type(tmp_path)(name), force=True)


def test_what_appears_while_it_is_solved_is_not_replaced(solved, tmp_path):
    calibration = Calibration.read(solved.folder)
    out = check_out(tmp_path / "cal", force=True)
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(UserMistake, match="no calibration"):
        write_calibration(out, calibration.document, {}, force=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["cal", "thesis.txt"]
