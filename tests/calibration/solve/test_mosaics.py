"""Every order of a mosaic's colours, in views that are mirrored and not."""

from dataclasses import replace

import numpy as np
import pytest

from acquisition.rig import ROLES
from calibration.solve.options import SolveOptions
from calibration.solve.solution import solve
from tests.calibration.solve.cropped import PHASES, crop_session
from tests.calibration.worlds import LEAN
from tests.twin_session import twin_session

pytestmark = pytest.mark.unit

# Red, green and blue that no mistake of the order leaves alike.
TINTS = (
    "optics.view_1.spectral=[[0.85,0.05,0.02],[0.1,0.8,0.1],[0.02,0.05,0.7]]",
    "optics.view_2.spectral=[[0.75,0.05,0.02],[0.1,0.9,0.1],[0.02,0.05,0.8]]",
)


@pytest.mark.parametrize("cfa", ["GRBG", "GBRG", "BGGR"])
def test_gains_and_map_do_not_depend_on_the_order_of_the_mosaic(tmp_path, cfa):
    spec = replace(LEAN, sets=TINTS, missing=(*LEAN.missing, "series"))
    session = twin_session(spec).copy(tmp_path / "session")
    crop_session(session, cfa)
    options = SolveOptions(allow_missing=("series", "near", "end"))
    document = solve(session.folder, tmp_path / "cal", options).document
    assert document.verdict == "good"
    assert {document.rig.cameras[role].cfa for role in ROLES} == {cfa}
    gain = document.settings[spec.setting].start.gains.gain
    np.testing.assert_allclose(gain, session.level_ratio(), rtol=0.005)
    top, left = PHASES[cfa]
    points = np.array([[60.0, 60.0], [250.0, 60.0], [60.0, 180.0], [250.0, 180.0]])
    # C2 is mirrored: the raw left is the upright right.
    whole = points + np.array([2 - left, top])
    true = session.to_c1(whole) - np.array([left, top])
    np.testing.assert_allclose(document.geometry.start.view_map.to_c1(points), true, atol=0.05)
