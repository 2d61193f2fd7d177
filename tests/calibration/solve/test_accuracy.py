"""Small worlds against their truth: both kinds of lens, both hands."""

from dataclasses import fields, replace

import numpy as np
import pytest

from acquisition.rig import ROLES
from calibration.solve.solution import solve
from tests.calibration.solve.truth import LIMITS, errors_of, world_of
from tests.calibration.worlds import LEAN_OPTIONS, NEAR
from tests.twin_session import twin_session

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("seed", "lens", "mirrors"),
    [(1, "shared_lens", ("none", "horizontal")), (2, "two_lenses", ("vertical", "none"))],
)
def test_a_calibration_tells_the_truth_of_its_world(tmp_path, seed, lens, mirrors):
    drawn = world_of(seed, lens, mirrors)
    spec = replace(drawn, size_px=(320, 240), end=False, missing=(*drawn.missing, *NEAR))
    session = twin_session(spec)
    calibration = solve(session.folder, tmp_path / "cal", LEAN_OPTIONS)
    errors = errors_of(session, calibration)
    over = [f.name for f in fields(errors) if getattr(errors, f.name) > getattr(LIMITS, f.name)]
    assert over == [], errors.text()
    for role in ROLES:
        noise = calibration.document.cameras[role].noise
        assert noise is not None
        true = 1 / session.electrons_per_dn(role)
        assert noise.gain_dn_per_e == pytest.approx(true, rel=0.03)
        assert abs(noise.gain_dn_per_e - true) < 6 * noise.gain_sigma + 0.002 * true
        advice = calibration.document.cameras[role].rig_advice
        assert (advice is None) == (np.abs(session.offset_ns(role)) < 1000)
