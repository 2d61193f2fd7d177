"""Both ceilings of a calibration against aligned frames and the virtual rig's truth."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.solve.solution import solve
from tests.calibration.ceiling.aligned import measured_db
from tests.calibration.worlds import LEAN, LEAN_OPTIONS
from tests.twin_session import SceneClip, twin_session

pytestmark = pytest.mark.unit

SCENES = tuple(
    SceneClip(frames=2, bookend=1, number=number, moves=number < 3) for number in range(4)
)


def test_aligned_frames_reach_the_ceilings_within_a_decibel(tmp_path):
    session = twin_session(replace(LEAN, scenes=SCENES))
    calibration = solve(session.folder, tmp_path / "cal", LEAN_OPTIONS)
    ceilings = calibration.document.settings[LEAN.setting].ceilings
    assert ceilings is not None
    assert ceilings.total_db is not None
    assert ceilings.pictures == len(SCENES)
    reached = [measured_db(session, calibration, index, (272, 192)) for index in range(len(SCENES))]
    systematic, total = np.mean(reached, axis=0)
    assert systematic == pytest.approx(ceilings.systematic_db, abs=1.0)
    assert total == pytest.approx(ceilings.total_db, abs=1.0)
    assert all(noisy < clean for clean, noisy in reached)
