"""Flicker between the frames of a clip."""

import numpy as np
import pytest

from calibration.photometry.faults import FlickeringLight
from calibration.photometry.steadiness import check_steady
from tests.calibration.photometry.bench import bench

pytestmark = pytest.mark.unit
BLACK = np.full(4, 64.0)


def test_noise_is_no_flicker_and_flicker_is() -> None:
    made = bench()
    light = made.light(2)
    assert check_steady(made.clip(2, 2000.0, 16, light=light), BLACK) < 1e-3
    assert check_steady(made.clip(2, 125.0, 4, light=light * 0.02), BLACK) < 0.05
    wobble = 1 + 0.2 * np.cos(2 * np.pi * 100 / 15 * np.arange(16))
    with pytest.raises(FlickeringLight, match=r"hall \(2\): .* vary by 14.*light with DC"):
        check_steady(made.clip(2, 2000.0, 16, light=light, wobble=wobble, name="hall"), BLACK)
    drift = np.linspace(0.98, 1.02, 16)
    with pytest.raises(FlickeringLight, match="flickers or drifts"):
        check_steady(made.clip(2, 2000.0, 16, light=light, wobble=drift), BLACK)
