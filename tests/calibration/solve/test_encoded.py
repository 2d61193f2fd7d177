"""Cameras that deliver only sRGB: the response is recovered, and pairs are linear light again."""

import numpy as np
import pytest

from acquisition.clip.reader import Clip
from acquisition.rig import ROLES
from calibration.solve.solution import solve
from dataset.pair.development import DevelopOptions, PairDeveloper
from tests.calibration.solve.encoded import encode_session, linear
from tests.calibration.worlds import LEAN_OPTIONS

pytestmark = pytest.mark.unit


def test_a_session_of_encoded_colour_is_solved(lean_session, tmp_path):
    session = lean_session.copy(tmp_path / "session")
    encode_session(session)
    calibration = solve(session.folder, tmp_path / "cal", LEAN_OPTIONS)
    document = calibration.document
    codes = np.arange(68, 216)  # of what the series shows
    for role in ROLES:
        found = document.cameras[role].response
        assert found is not None
        assert found.deviation_percent < 0.5
        assert found.known is not None
        assert 40 < found.known[0] < 68
        assert 216 <= found.known[1] < 230
        assert document.cameras[role].rig_advice is None
        (offset,) = [each for each in document.items if each.name == f"exposure offset, {role}"]
        assert (offset.passed, offset.text[:8]) == (None, "not told")
        curve = calibration.array(f"response-{role}").astype(np.float64)
        assert np.all(np.diff(curve, axis=0) >= 0)
        relative = curve[codes] / linear(codes.astype(np.float64))[:, None]
        np.testing.assert_allclose(relative / relative.mean(axis=0), 1.0, atol=0.05)
    points = np.array([[60.0, 60.0], [250.0, 60.0], [60.0, 180.0], [250.0, 180.0]])
    view_map = document.geometry.start.view_map
    np.testing.assert_allclose(view_map.to_c1(points), session.to_c1(points), atol=0.02)
    assert document.verdict == "good"
    model = calibration.pair_model("2ms16ms", document.settings["2ms16ms"].start.utc)
    assert model.pixel_gain_2 is None
    with_light = PairDeveloper(model, (240, 320), DevelopOptions(size_px=(256, 192)))
    levels = []
    for step in ("flat", "series-3", "series-5", "series-9"):
        with Clip(session.clip(step)) as clip:
            pair = with_light.develop(clip.frames("blurry")[0], clip.frames("sharp")[0])
        levels.append([each.mean(axis=(0, 1)) for each in (pair.blurry, pair.sharp)])
    first, half, quarter, last = np.array(levels)
    np.testing.assert_allclose(first[1], first[0], rtol=0.005)
    np.testing.assert_allclose(half / first, 1 / 2, rtol=0.01)
    np.testing.assert_allclose(quarter / first, 1 / 4, rtol=0.01)
    np.testing.assert_allclose(last / first, 1 / 16, rtol=0.02)
    with_light.close()
