"""Sessions and clips before any work: what is refused, and in which words."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from acquisition.ledger.row import LEDGER
from bsd.errors import FoundBad, UserMistake
from bsd.lock import locked
from dataset.build.source import read_sessions
from dataset.build.survey import Survey, survey, usable_run
from tests.dataset.build.sessions import scene, session
from tests.dataset.build.truth_calibration import TruthCalibration
from tests.twin_session import TwinSession

pytestmark = pytest.mark.unit

CAL = Path("truth")


@pytest.fixture(scope="module")
def twin() -> TwinSession:
    """Three scenes."""
    return session(scene(0), scene(1), scene(2))


def look(folder: Path, *calibrations: TruthCalibration, **fields: object) -> Survey:
    """Survey one session."""
    served = [(CAL, each) for each in calibrations]
    return survey(read_sessions([folder]), served, **fields)  # type: ignore[arg-type]


def test_every_scene_is_found_with_its_calibration(twin: TwinSession) -> None:
    """Twelve pairs each, behind five of a bookend."""
    found = look(twin.folder, TruthCalibration(twin))
    assert [(each.first, each.frames, each.pairs) for each in found.clips] == [(5, 12, 22)] * 3
    assert {each.calibration for each in found.clips} == {CAL}


def test_a_session_given_twice_is_one_session(twin: TwinSession, tmp_path: Path) -> None:
    """By its identity, not by its folder."""
    copy = twin.copy(tmp_path / "copy").folder
    with pytest.raises(UserMistake, match="are the same session; give it once"):
        read_sessions([twin.folder, copy])
    with pytest.raises(UserMistake, match="at least one"):
        read_sessions([])
    with pytest.raises(UserMistake, match="is no session"):
        read_sessions([tmp_path])


def test_a_session_that_is_being_recorded_is_refused(twin: TwinSession, tmp_path: Path) -> None:
    """As long as a capture holds it."""
    folder = twin.copy(tmp_path / "copy").folder
    with locked(folder / ".lock"), pytest.raises(UserMistake, match="is being recorded now"):
        read_sessions([folder])
    assert len(read_sessions([folder])[0].clips) == 3


def test_a_truncated_clip_is_named_and_can_be_left_out(twin: TwinSession, tmp_path: Path) -> None:
    """Refused by name with the way out; without it the others are built."""
    copy = twin.copy(tmp_path / "copy")
    path = copy.scene(1)
    path.chmod(0o644)
    os.truncate(path, path.stat().st_size // 2)
    calibration = TruthCalibration(twin)
    with pytest.raises(FoundBad, match=r"clip-001.*--leave-out .*clip-001"):
        look(copy.folder, calibration)
    found = look(copy.folder, calibration, leave_out=["clip-001"])
    assert [each.source.clip for each in found.clips] == ["clip-000", "clip-002"]
    assert [each.reason for each in found.left_out] == ["left out on demand"]


def test_a_clip_put_in_the_place_of_another_is_refused(twin: TwinSession, tmp_path: Path) -> None:
    """The journal tells the clip's uuid."""
    copy = twin.copy(tmp_path / "copy")
    copy.scene(1).unlink()
    shutil.copy(copy.scene(0), copy.folder / "clip-001.h5")
    with pytest.raises(FoundBad, match="another clip than the session's journal tells"):
        look(copy.folder, TruthCalibration(twin))


def test_a_setting_that_no_calibration_covers_is_refused(twin: TwinSession) -> None:
    """One line: what is covered, which clips are not, and the way out."""
    with pytest.raises(UserMistake, match=r"covers 1ms8ms, but .*clip-000.* is of 2ms16ms"):
        look(twin.folder, TruthCalibration(twin, settings=("1ms8ms",)))
    with pytest.raises(UserMistake, match="no clip of it; the sessions have 2ms16ms"):
        look(twin.folder, TruthCalibration(twin), settings=["3ms24ms"])


def test_another_rig_is_refused(twin: TwinSession) -> None:
    """By the calibration itself; the clip is named."""
    calibration = TruthCalibration(twin)
    calibration.head = calibration.head.model_copy(
        update={"rig": {**calibration.head.rig, "name": "other"}}
    )
    with pytest.raises(UserMistake, match=r"clip-000.h5: truth: is the calibration of another rig"):
        look(twin.folder, calibration)


def test_the_calibration_of_the_own_session_goes_first(twin: TwinSession) -> None:
    """Two of one rig: the clip's own; two that are of other sessions are not guessed between."""
    own, other = TruthCalibration(twin), TruthCalibration(twin)
    other.session = "another"
    served = [(Path("other"), other), (Path("own"), own)]
    found = survey(read_sessions([twin.folder]), served)  # type: ignore[arg-type]
    assert {each.calibration for each in found.clips} == {Path("own")}
    own.session = "a third"
    with pytest.raises(UserMistake, match="other and own both fit"):
        survey(read_sessions([twin.folder]), served)  # type: ignore[arg-type]


def test_a_clip_knows_how_far_it_lies_from_its_calibration(twin: TwinSession) -> None:
    """Hours to the nearer end; none between start and end."""
    calibration = TruthCalibration(twin)
    told = calibration.document.geometry
    begun = [datetime.fromisoformat(each.begun_utc) for each in twin.record.clips]

    def ages(start: datetime, end: datetime | None) -> list[float]:
        told.start.utc = start.isoformat()
        told.end = None if end is None else SimpleNamespace(utc=end.isoformat())
        return [each.calibration_age_h for each in look(twin.folder, calibration).clips]

    day = timedelta(days=1)
    assert ages(begun[0] - day, begun[-1] + day) == [0.0, 0.0, 0.0]
    assert ages(begun[0] - 100 * day, None)[0] == pytest.approx(2400.0)
    assert ages(begun[0] - 2 * day, begun[0] - day)[0] == pytest.approx(24.0)
    assert ages(begun[-1] + day, begun[-1] + 2 * day)[-1] == pytest.approx(24.0)


def test_names_that_mean_nothing_or_too_much_are_refused(twin: TwinSession) -> None:
    """``--leave-out``."""
    with pytest.raises(UserMistake, match="no such clip"):
        look(twin.folder, TruthCalibration(twin), leave_out=["clip-099"])


def test_short_clips_are_left_out_and_decided_ones_passed_over(twin: TwinSession) -> None:
    """With the numbers in the reason."""
    found = look(twin.folder, TruthCalibration(twin), least_frames=13)
    assert {each.reason for each in found.left_out} == {
        "has 12 neighbouring pairs, 13 are asked for"
    }
    settled = [found.left_out[0].uuid]
    assert len(look(twin.folder, TruthCalibration(twin), settled=settled).clips) == 2


def test_the_longest_run_has_no_gap_and_no_bookend() -> None:
    """Pulses 0, 1 are a bookend, 4 is missing, 9 is a bookend."""
    rows = np.zeros(9, dtype=LEDGER)
    rows["pulse"] = [0, 1, 2, 3, 5, 6, 7, 8, 9]
    rows["part"] = [1, 1, 0, 0, 0, 0, 0, 0, 1]
    assert usable_run(rows) == (4, 4)
    assert usable_run(rows[:0]) == (0, 0)
