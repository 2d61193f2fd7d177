"""Where a build may write: one line for each mistake, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsd.errors import UserMistake
from dataset.build.config import BuildConfig
from dataset.build.output_folder import held_output
from dataset.build.request import BuildRequest
from tests.dataset.build.bench import Bench
from tests.dataset.build.sessions import scene, session

pytestmark = pytest.mark.unit


def request(out: Path, session_folder: Path, calibration: Path) -> BuildRequest:
    """Of one session."""
    return BuildRequest((session_folder,), (calibration,), out, BuildConfig())


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Stand for a session and a calibration."""
    for name in ("session", "cal"):
        (tmp_path / name).mkdir()
    return tmp_path / "session", tmp_path / "cal"


@pytest.mark.parametrize("place", ["session", "cal", "session/bsd", "cal/../session/a/b", "link"])
def test_sessions_and_calibrations_are_only_read(
    folders: tuple[Path, Path], tmp_path: Path, place: str
) -> None:
    """However the folder is written."""
    (tmp_path / "link").symlink_to(tmp_path / "cal")
    with (
        pytest.raises(UserMistake, match=r"lies in the (session|calibration) .*only reads"),
        held_output(request(tmp_path / place, *folders)),
    ):
        pass
    assert not list(folders[0].iterdir())
    assert not list(folders[1].iterdir())


def test_a_file_and_a_link_to_nothing(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Both are named for what they are."""
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    for name, words in (("file", "is a file"), ("dangling", "is a link to .*gone, which is not")):
        with (
            pytest.raises(UserMistake, match=f"{name}: {words}"),
            held_output(request(tmp_path / name, *folders)),
        ):
            pass
    assert not (tmp_path / "gone").exists()


def test_a_link_to_a_folder_and_its_neighbour_are_fine(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """A name that only begins like the session's is another folder."""
    (tmp_path / "session-out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "session-out")
    with held_output(request(tmp_path / "link", *folders)):
        assert (tmp_path / "session-out" / ".build" / "lock").exists()


def test_one_calibration_given_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By another spelling too: it is one, and not two that fit alike."""
    twin = session(scene(0), scene(1))
    bench = Bench(monkeypatch, tmp_path / "out")
    again = twin.folder.parent / "." / ".." / twin.folder.parent.name / twin.folder.name
    with pytest.raises(UserMistake, match="are the same calibration; give it once"):
        bench.build(twin, calibrations=(twin.folder, again))
    assert not bench.out.exists()
