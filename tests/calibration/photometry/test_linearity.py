"""The line through a series, against known offsets and `numpy.polyfit`."""

import numpy as np
import pytest

from acquisition.camera_timing import CameraTiming
from calibration.photometry.faults import (
    DarkFlat,
    FlickeringLight,
    LightChanged,
    NonLinear,
    ShortSeries,
)
from calibration.photometry.level import Level, level_of
from calibration.photometry.linearity import (
    Linearity,
    check_same_light,
    fit,
    fit_series,
    rig_advice,
)
from tests.calibration.photometry.bench import SERIES_US, Bench, bench

pytestmark = pytest.mark.unit
NO_SIGMA = np.full(4, 0.01)


def _series(made: Bench, camera: int, scale: float = 1.0, clip_dn: float = 4050.0) -> list[Level]:
    black = np.full(4, 64.0 if made.bits == 12 else 4.0)
    light = scale * made.light(camera)
    exposures = [us * (8.0 if camera == 1 else 1.0) for us in SERIES_US]
    clips = [made.clip(camera, us, 4, light=light, name=f"s{us:g}") for us in exposures]
    return [level_of(c, us, black, clip_dn) for c, us in zip(clips, exposures, strict=True)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("camera", "offset_us"), [(1, 14.0), (1, -20.0), (2, 14.0), (2, -9.0)])
def test_offset_within_5_us_at_12_bit(seed: int, camera: int, offset_us: float) -> None:
    made = bench(seed=seed, offset_us=(offset_us, offset_us))
    line = fit_series(_series(made, camera), NO_SIGMA, "C")
    assert line.offset_us == pytest.approx(offset_us, abs=1.5 if camera == 1 else 0.15)
    assert line.offset_sigma_us < 1
    assert line.nonlinearity_percent < 0.1
    assert line.levels_used == 9


def test_agrees_with_polyfit_where_all_weigh_alike() -> None:
    rng = np.random.default_rng(5)
    times = np.array([us * 1.0 for us in SERIES_US])
    truth = np.array([1.0, 1.2, 1.1, 0.8])
    signals = truth * (times[:, None] + 12.0) + rng.normal(0, 5.0, (9, 4))
    line = fit(times, signals, np.full((9, 4), 50.0))
    summed = np.polyfit(times, signals.mean(axis=1), 1)
    assert line.offset_us == pytest.approx(12.0, abs=15.0)
    assert np.mean(line.slope_dn_per_us) == pytest.approx(summed[0], rel=0.003)
    single = np.repeat(signals[:, :1], 4, axis=1)
    slope, origin = np.polyfit(times, single[:, 0], 1)
    line = fit(times, single, np.full((9, 4), 50.0))
    assert line.offset_us == pytest.approx(origin / slope, abs=0.05)
    assert line.slope_dn_per_us[2] == pytest.approx(slope, rel=1e-4)


def test_clipped_levels_are_left_out() -> None:
    made = bench(offset_us=(14.0, 14.0))
    levels = _series(made, 2, scale=2.2)
    assert levels[0].clipped_share > 0.5
    line = fit_series(levels, NO_SIGMA, "C2")
    assert line.left_out == ("s2000 (2)",)
    assert line.offset_us == pytest.approx(14.0, abs=0.3)
    assert line.deviation_percent[0] < -5
    with pytest.raises(ShortSeries, match=r"only 5 of 9 levels .* not clipped"):
        fit_series(_series(made, 2, scale=6.0), NO_SIGMA, "C2")


def test_too_few_levels_or_frames() -> None:
    levels = _series(bench(), 2)
    with pytest.raises(ShortSeries, match=r"C2: the exposure series has 7 levels, 8 are needed"):
        fit_series(levels[:7], NO_SIGMA, "C2")
    with pytest.raises(ShortSeries, match="has 1 frame"):
        level_of(bench().clip(2, 500.0, 1, light=bench().light(2)), 500.0, np.zeros(4), 4000.0)
    wobble = (1.0, 0.9)
    with pytest.raises(FlickeringLight):
        level_of(
            bench().clip(2, 500.0, 4, light=bench().light(2), wobble=wobble),
            500.0,
            np.full(4, 64.0),
            4000.0,
        )


def test_a_camera_with_gamma_is_refused() -> None:
    levels = [
        Level(us, 2000 * (np.full(4, us) / 2000) ** 0.9, np.full(4, 0.2), 0.0, 4, f"clip-{us:g}")
        for us in map(float, SERIES_US)
    ]
    with pytest.raises(NonLinear, match=r"^clip-\d+: C2 is .* % off a line at .* set gamma 1"):
        fit_series(levels, NO_SIGMA, "C2")


def _bent(curve, seed: int, offset_us: float = 0.0) -> list[Level]:
    """12 bit, nine levels from 1 to 16 ms of four unlike colours, of a camera that bends."""
    rng = np.random.default_rng(seed)
    levels = []
    for us in np.geomspace(1000.0, 16000.0, 9):
        share = np.array([0.7, 1.0, 1.0, 0.6]) * (us + offset_us) / 16000.0
        signal = 3300.0 * curve(share) * (1 + rng.normal(0, 1e-4)) + rng.normal(0, 0.02, 4)
        levels.append(Level(float(us), signal, np.full(4, 0.02), 0.0, 2, f"clip-{us:.0f}"))
    return levels


_BENDS = {
    "parabola of 1 %": lambda x: x * (1 - 0.01 * x),
    "parabola of 2 %": lambda x: x * (1 - 0.019 * x),
    "cubic of 1 %": lambda x: x * (1 - 0.01 * x**2),
    "gamma 0.99": lambda x: x**0.99,
    "knee": lambda x: np.where(x > 0.7, x - (x - 0.7) ** 2 / 9, x),
}


@pytest.mark.parametrize("bend", _BENDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_series_that_bends_is_no_exposure_offset(bend: str, seed: int) -> None:
    made = fit_series(_bent(_BENDS[bend], seed), NO_SIGMA, "C1")
    assert abs(made.offset_us) < 2 * made.offset_sigma_us
    assert made.curvature_percent is not None
    assert made.curvature_percent < 0
    timing = CameraTiming(exposure="trigger_width", readout_us=0, end_latency_ns=0)
    assert rig_advice(made, "blurry", timing) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_line_is_not_called_bent(seed: int) -> None:
    made = fit_series(_bent(lambda x: x, seed, -14.0), NO_SIGMA, "C1")
    assert made.curvature_percent is None
    assert made.offset_us == pytest.approx(-14.0, abs=1.0)
    assert made.offset_sigma_us < 0.5


def test_three_per_cent_at_the_brightest_level_are_refused() -> None:
    with pytest.raises(NonLinear, match=r"^clip-\d+: C1 is 1\.\d % off a line"):
        fit_series(_bent(lambda x: x * (1 - 0.03 * x), 0), NO_SIGMA, "C1")


@pytest.mark.parametrize("level_dn", [0.0, 0.3])
def test_a_dark_series_is_refused(level_dn: float) -> None:
    levels = [
        Level(us, np.full(4, level_dn), np.full(4, level_dn / 10), 0.0, 2, f"clip-{us:g}")
        for us in map(float, SERIES_US)
    ]
    with pytest.raises(DarkFlat, match=r"^clip-2000: the exposure series is dark.*again$"):
        fit_series(levels, NO_SIGMA, "C2")


def test_levels_of_one_exposure_count_once() -> None:
    levels = [*_bent(lambda x: x, 0)[:7]] * 2
    with pytest.raises(ShortSeries, match="has 7 levels, 8 are needed"):
        fit_series(levels, NO_SIGMA, "C1")


def test_light_that_changed_between_flat_and_series() -> None:
    made = bench()
    line = fit_series(_series(made, 2), NO_SIGMA, "C2")
    black = np.full(4, 64.0)
    same = level_of(made.clip(2, 2000.0, 8, light=made.light(2)), 2000.0, black, 4000.0)
    assert abs(check_same_light(line, same)) < 2e-3
    other = level_of(
        made.clip(2, 2000.0, 8, light=0.95 * made.light(2), name="flat"), 2000.0, black, 4000.0
    )
    with pytest.raises(LightChanged, match=r"flat \(2\): stands -5.0% off"):
        check_same_light(line, other)


def _line(offset_us: float) -> Linearity:
    times = np.array([us * 1.0 for us in SERIES_US])
    signals = np.repeat((times + offset_us)[:, None], 4, axis=1)
    return fit(times, signals, np.full((9, 4), 1e-3))


@pytest.mark.parametrize(
    ("offset_us", "fields", "advice"),
    [
        (14.0, {"end_latency_ns": 5000}, "end_latency_ns: 19000"),
        (-3.0, {"end_latency_ns": 5000}, "end_latency_ns: 2000"),
        (-9.0, {"end_latency_ns": 5000, "start_latency_ns": 1000}, "start_latency_ns: 10000"),
    ],
)
def test_says_what_to_write_into_the_rig_file(
    offset_us: float, fields: dict[str, int], advice: str
) -> None:
    timing = CameraTiming(exposure="trigger_width", readout_us=0, **fields)
    assert rig_advice(_line(offset_us), "sharp", timing) == f"cameras.sharp.timing.{advice}"
    assert rig_advice(_line(0.0), "sharp", timing) is None
    timed = CameraTiming(exposure="timed", readout_us=0, exposure_offset_ns=1000)
    said = rig_advice(_line(offset_us), "blurry", timed)
    assert said == f"cameras.blurry.timing.exposure_offset_ns: {1000 + round(1000 * offset_us)}"
