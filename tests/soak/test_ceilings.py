"""Both ceilings view by view at 640 × 480, against the virtual rig's truth."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.solve.solution import solve
from tests.calibration.ceiling.aligned import measured_db
from tests.calibration.worlds import LEAN, LEAN_OPTIONS
from tests.twin_session import SceneClip, twin_session

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

VIEWS = 12
CROP = (560, 400)


def test_ceilings_hold_within_a_decibel(
    count: Callable[[int], int], figure: Callable[[str], None], tmp_path: Path
) -> None:
    """The mean over a session's views, as the report states it; single views are told."""
    views = max(4, count(VIEWS))
    scenes = tuple(
        SceneClip(frames=2, bookend=1, number=number, moves=number % 4 < 3)
        for number in range(views)
    )
    session = twin_session(
        replace(LEAN, scenes=scenes, size_px=(640, 480)), folder=tmp_path / "session"
    )
    options = LEAN_OPTIONS.model_copy(update={"ceiling_pictures": views})
    calibration = solve(session.folder, tmp_path / "cal", options)
    told = calibration.document.settings[LEAN.setting].ceilings
    assert told is not None
    assert told.total_db is not None
    reached = np.array([measured_db(session, calibration, n, CROP) for n in range(views)])
    systematic, total = reached.mean(axis=0)
    assert abs(told.systematic_db - systematic) <= 1.0
    assert abs(told.total_db - total) <= 1.0
    figure(
        f"ceilings of {views} views at 640 x 480: systematic {told.systematic_db:.2f} dB predicted,"
        f" {systematic:.2f} reached; total {told.total_db:.2f} and {total:.2f}"
    )
