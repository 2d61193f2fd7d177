"""Numbers behind the charts: scales, cover, drift, and where curves lie."""

import re

import numpy as np
import pytest

from calibration.geometry.parallax import made
from calibration.geometry.uncertainty import over_view
from calibration.geometry.view_map import ViewMap
from calibration.photometry.linearity import Linearity, fit
from calibration.photometry.noise import NoiseModel
from calibration.report.curves import (
    linearity_chart,
    parallax_chart,
    photon_transfer_chart,
    response_chart,
    used_levels,
)
from calibration.report.view_maps import (
    arrow_map,
    coverage_map,
    covered,
    drift_shifts,
    ratio_map,
    ratio_reach,
    round_scale,
    uncertainty_map,
)

pytestmark = pytest.mark.unit

SHAPE = (60, 80)


def _shifted(x: float, y: float) -> ViewMap:
    return ViewMap(
        c2_to_c1=((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0)), shape_1=SHAPE, shape_2=SHAPE
    )


@pytest.mark.parametrize(
    ("length_px", "width_px", "scale"), [(0.05, 640, 500.0), (0.1, 1000, 500.0), (7.0, 200, 2.0)]
)
def test_the_long_arrow_fills_seven_per_cent_at_most(
    length_px: float, width_px: float, scale: float
) -> None:
    assert round_scale(length_px, width_px) == pytest.approx(scale)
    assert scale * length_px <= 0.07 * width_px + 1e-9
    assert 2.5 * scale * length_px > 0.07 * width_px - 1e-9


def test_cover_of_a_shifted_view() -> None:
    view_map = _shifted(8.0, -6.0)
    # C1's pixel (x, y) is C2's (x − 8, y + 6): 72 columns and 54 rows have one.
    truth = np.zeros(SHAPE, dtype=bool)
    truth[:54, 8:] = True
    np.testing.assert_array_equal(covered(view_map), truth)
    svg, share = coverage_map(view_map)
    assert share == pytest.approx(72 * 54 / (60 * 80))
    assert "C2's border" in svg


def test_drift_is_where_the_end_puts_what_the_start_put_elsewhere() -> None:
    at, shift = drift_shifts(_shifted(3.0, 1.0), _shifted(3.25, 0.5))
    assert at.min() == 0.0
    assert at.max() == 79.0
    np.testing.assert_allclose(shift, np.tile([0.25, -0.5], (len(at), 1)), atol=1e-9)


def test_arrows_tell_their_scale_and_key() -> None:
    rng = np.random.default_rng(3)
    at = rng.uniform(0, 60, (40, 2))
    svg, scale = arrow_map(at, np.tile([0.03, 0.0], (40, 1)), SHAPE)
    assert scale == round_scale(0.03, 80)
    assert ">0.02 px<" in svg
    assert svg.count("<path") > 40


def test_arrows_of_nothing_are_drawn() -> None:
    svg, _ = arrow_map(np.array([[5.0, 5.0]]), np.zeros((1, 2)), SHAPE)
    assert svg.startswith("<?xml")


@pytest.mark.parametrize(("spread", "reach"), [(0.004, 0.005), (0.011, 0.02), (0.5, 0.5)])
def test_the_ratio_scale_is_round_and_holds_all(spread: float, reach: float) -> None:
    ratio = np.ones(SHAPE, dtype=np.float32)
    ratio[:, :40] += np.float32(spread)
    assert ratio_reach([ratio, np.ones(SHAPE, dtype=np.float32)]) == pytest.approx(reach)
    ratio[:, :5] = np.nan  # what C2 does not see
    svg = ratio_map(ratio, reach)
    assert "C2/C1 off its mean, %" in svg
    assert "<image" not in svg


def test_even_maps_are_drawn_without_a_warning() -> None:
    assert ratio_map(np.ones(SHAPE, dtype=np.float32), ratio_reach([np.ones(SHAPE, np.float32)]))
    even = over_view(np.full(63, 0.01), SHAPE)
    assert "standard error" in uncertainty_map(even, SHAPE)


def _series() -> Linearity:
    times = np.geomspace(100.0, 2000.0, 9)
    signals = np.tile(times[:, None], (1, 4)) * 1.0
    signals[-1] *= 0.8
    used = np.array([True] * 8 + [False])
    names = tuple(f"clip-{number:03d}" for number in range(9))
    return fit(times, signals, np.full((9, 4), 0.1), used=used, sources=names)


def test_clipped_levels_are_apart() -> None:
    series = _series()
    np.testing.assert_array_equal(used_levels(series), [True] * 8 + [False])
    bare = series.model_copy(update={"sources": (), "left_out": ()})
    assert used_levels(bare).all()
    svg = linearity_chart({"sharp": series}, 1.0)
    assert "limit ± 1 %" in svg
    assert svg == linearity_chart({"sharp": series}, 1.0)


def test_charts_follow_the_theme_and_hold_no_picture() -> None:
    noise = NoiseModel(
        gain_dn_per_e=0.025,
        gain_sigma=0.001,
        dark_noise_dn=0.3,
        is_bound=False,
        levels=9,
        deviation_percent=1.0,
    )
    far = made(np.array([9600.0, 4.0]), np.array([10.0, 10.0]), 4000.0, 0.1)
    curve = np.tile(np.linspace(0, 1, 256, dtype=np.float32)[:, None] ** 2, (1, 3))
    for svg in (
        photon_transfer_chart({"sharp": noise}, {"sharp": 246.0}),
        parallax_chart(far),
        response_chart(curve),
    ):
        assert "currentColor" in svg
        assert "#010203" not in svg
        assert "<image" not in svg
        assert not re.search(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", svg)
