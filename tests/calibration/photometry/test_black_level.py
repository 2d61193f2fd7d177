"""Black level against the virtual sensor's own."""

import numpy as np
import pytest

from acquisition.picture.view import FrameFormat
from calibration.photometry.black_level import (
    black_at,
    black_of,
    measure_black,
    rounding_bias_dn,
    series_sigma,
)
from calibration.photometry.faults import MissingDark, NotDark
from calibration.photometry.statistics import PixelStatistics, gather
from tests.calibration.photometry.bench import EXPOSURES_US, bench, world

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("seed", range(5))
def test_within_a_tenth_of_a_dn_at_12_bit(seed: int) -> None:
    made = bench(seed=seed)
    for camera, exposure_us in zip((1, 2), EXPOSURES_US, strict=True):
        level = measure_black(made.clip(camera, exposure_us, 16), exposure_us)
        dark_dn = 5.0 * exposure_us * 1e-6 / 2.5  # dark current belongs to it
        assert np.abs(level.values - 64 - dark_dn).max() < 4 * max(level.sigma_dn)
        assert np.abs(level.values - 64).max() < 0.1
        assert max(level.sigma_dn) < 0.01
        assert not level.is_bound
        assert level.dark_noise_dn == pytest.approx(1.0, rel=0.03)
        assert level.fixed_pattern_dn == pytest.approx(0.4, rel=0.05)


def test_hot_pixels_do_not_lift_it() -> None:
    made = bench("sensor_1.hot_share=0.01", "sensor_1.hot_current_e_s=50000")
    clip = made.clip(1, 16000.0, 8)
    level = measure_black(clip, 16000.0)
    assert clip.mean.mean() > 66
    assert np.abs(level.values - 64).max() < 0.1


def test_is_a_bound_where_noise_does_not_dither() -> None:
    level = measure_black(bench(bits=8).clip(2, 2000.0, 8), 2000.0)
    assert level.is_bound
    assert level.bound_dn == 0.5
    assert np.abs(level.values - 4).max() < 0.5
    cut = bench("sensor_1.black_level_dn12=0").clip(1, 16000.0, 8)
    assert measure_black(cut, 16000.0).is_bound


@pytest.mark.parametrize("spread", [0.15, 0.24, 0.4])
def test_rounding_bias_bounds_what_rounding_does(spread: float) -> None:
    rng = np.random.default_rng(1)
    noise = spread * rng.standard_normal(200_000)
    worst = max(
        abs(np.floor(place + noise + 0.5).mean() - place) for place in np.linspace(0, 1, 21)
    )
    assert worst == pytest.approx(rounding_bias_dn(spread), rel=0.05, abs=0.003)


def test_light_in_a_dark_clip_is_refused() -> None:
    made = bench()
    light = made.light(1)
    with pytest.raises(NotDark, match=r"^leak \(1\): the dark clip stands at .* cap on"):
        measure_black(made.clip(1, 16000.0, 2, light=light, name="leak"), 16000.0)
    ramp = light * np.linspace(0, 0.02, light.shape[1], dtype=np.float32)[None, :, None]
    with pytest.raises(NotDark, match=r"uneven by .* light comes in; cover the rig"):
        measure_black(made.clip(1, 16000.0, 4, light=ramp), 16000.0)


def test_a_setting_needs_a_dark_clip_of_its_own() -> None:
    levels = [measure_black(_even(64), 16000.0), measure_black(_even(66), 8000.0)]
    assert black_of(levels, 8001.0, "1ms8ms").value_dn == (66, 66, 66, 66)
    with pytest.raises(MissingDark, match="3ms24ms: no dark clip at its exposure of 24 ms"):
        black_of(levels, 24000.0, "3ms24ms")
    np.testing.assert_allclose(black_at(levels, 4000.0), 67)
    np.testing.assert_allclose(black_at(levels[:1], 4000.0), 64)
    own = max(levels[0].sigma_dn)
    np.testing.assert_allclose(series_sigma(levels, 12), own)
    np.testing.assert_allclose(series_sigma(levels[:1], 8), np.hypot(own, 0.05 / 16))


def _even(level: int) -> PixelStatistics:
    frame = np.full((16, 16), level, dtype=np.uint16)
    return gather([frame, frame], FrameFormat("RGGB", 12), "dark")


def test_mirrored_view_tells_places_upright() -> None:
    frame = np.full((16, 16), 64, dtype=np.uint16)
    frame[0::2, 0::2] = 70
    form = FrameFormat("RGGB", 12, 0.0, world().view(2).mirror)
    assert measure_black(gather([frame, frame], form, "dark"), 1.0).value_dn == (64, 70, 64, 64)
