"""The base between the pupils from poses near and far."""

import numpy as np
import pytest

from calibration.geometry.drift import drift
from calibration.geometry.parallax import made, parallax
from calibration.geometry.solution import solve_view_map
from tests.calibration.geometry import twin_points

pytestmark = pytest.mark.unit

SHAPE = twin_points.SHAPE


def _parallax(world, seed=0):
    far = solve_view_map(twin_points.poses(world, (4000.0,), seed=seed), SHAPE, SHAPE)
    near = twin_points.poses(world, (1500.0,), seed=seed + 100)
    return parallax(near, far.view_map, 4000.0, 1500.0, far_sigma_px=far.uncertainty)


def test_a_pupil_offset_of_a_millimetre_is_found():
    found = _parallax(twin_points.world(two_lenses=True))
    assert found.resolved
    assert abs(found.bf_px_mm[0] - 1600.0) < 3 * found.sigma_px_mm[0] + 20.0
    assert abs(found.bf_px_mm[1]) < 3 * found.sigma_px_mm[1] + 20.0
    # |1600 (1/z − 1/4000)| ≤ 0.1
    assert found.below_limit_from_mm == pytest.approx(3200.0, rel=0.02)
    assert found.below_limit_to_mm == pytest.approx(5333.0, rel=0.03)
    assert found.shift_px(1500.0)[0] == pytest.approx(0.667, abs=0.03)


def test_one_lens_has_no_base():
    found = [_parallax(twin_points.world(), seed) for seed in range(4)]
    assert sum(each.resolved for each in found) <= 1
    assert all(abs(each.bf_px_mm[0]) < 4 * each.sigma_px_mm[0] for each in found)
    assert all(each.sigma_px_mm[0] < 60.0 for each in found)


def test_a_small_base_is_below_the_limit_up_to_infinity():
    found = made(np.array([0.0, 300.0]), np.array([5.0, 5.0]), 4000.0, 0.1)
    assert found.below_limit_to_mm is None
    assert found.below_limit_from_mm == pytest.approx(1 / (1 / 4000 + 0.1 / 300))
    assert "0.1 px" in found.text()


def test_drift_withholds_above_its_limit():
    world = twin_points.world("optics.drift.shift_px=[0.3, 0.0]")
    start = solve_view_map(twin_points.poses(world), SHAPE, SHAPE).view_map
    moved = twin_points.world("optics.alignment.shift_px=[3.6, -2.1]")
    end = solve_view_map(twin_points.poses(moved, seed=3), SHAPE, SHAPE).view_map
    found = drift(start, end)
    assert found.rms_px == pytest.approx(0.3, abs=0.03)
    assert found.withheld
    assert not drift(start, end, limit_px=0.5).withheld
    assert drift(start, start).max_px == 0.0


def test_a_base_that_is_not_resolved_is_taken_as_large_as_it_may_be():
    loose = made(np.array([10.0, 0.0]), np.array([300.0, 400.0]), 4000.0, 0.1)
    assert not loose.resolved
    # |b·f| + 2 σ = hypot(610, 800) px·mm.
    assert loose.below_limit_from_mm == pytest.approx(1 / (1 / 4000 + 0.1 / np.hypot(610, 800)))
    assert loose.below_limit_to_mm == pytest.approx(1 / (1 / 4000 - 0.1 / np.hypot(610, 800)))
    assert loose.text().startswith("not resolved: ")
    assert "|b·f| + 2 σ" in loose.text()
    sharp = made(np.array([3000.0, 0.0]), np.array([300.0, 400.0]), 4000.0, 0.1)
    assert sharp.below_limit_from_mm == pytest.approx(1 / (1 / 4000 + 0.1 / 3000))
    assert "not resolved" not in sharp.text()
