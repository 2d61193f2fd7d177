"""The clip level against the virtual sensor's full well."""

import numpy as np
import pytest

from calibration.photometry.black_level import measure_black
from calibration.photometry.saturation import find_saturation
from tests.calibration.photometry.bench import bench

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("well_e", [10000, 8000])
def test_a_full_well_below_the_largest_sample(well_e: int) -> None:
    made = bench(f"sensor_1.full_well_e={well_e}")
    black = measure_black(made.clip(1, 16000.0, 8), 16000.0)
    light = made.light(1)
    ramp = light * np.linspace(0.2, 2.2, light.shape[1], dtype=np.float32)[None, :, None]
    found = find_saturation([made.clip(1, 16000.0, 4, light=ramp)], black)
    assert found.is_measured
    assert found.level_dn == pytest.approx(64 + well_e / 2.5, abs=1.5)
    assert 64 + well_e / 2.5 - 15 < found.clip_dn < 64 + well_e / 2.5 - 1


def test_the_converter_clips_where_the_well_does_not() -> None:
    made = bench("sensor_1.full_well_e=20000", bits=8)
    black = measure_black(made.clip(1, 16000.0, 8), 16000.0)
    clips = [made.clip(1, 16000.0, 4, light=k * made.light(1)) for k in (0.5, 1.0, 2.2)]
    found = find_saturation(clips, black)
    assert found.is_measured
    assert found.level_dn == 255
    assert found.clip_dn == 254


@pytest.mark.parametrize("bits", [8, 12])
def test_not_reached_is_not_measured(bits: int) -> None:
    made = bench(bits=bits)
    black = measure_black(made.clip(1, 16000.0, 8), 16000.0)
    clips = [made.clip(1, 16000.0, 4, light=k * made.light(1)) for k in (0.3, 1.0, 1.5)]
    found = find_saturation(clips, black)
    assert not found.is_measured
    assert found.level_dn is None
    assert found.clip_dn == made.form(1).clip_dn
