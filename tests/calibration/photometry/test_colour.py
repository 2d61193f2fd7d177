"""The colour matrix against the virtual views' own colours."""

from functools import lru_cache

import numpy as np
import pytest

from calibration.photometry.black_level import measure_black
from calibration.photometry.colour import ColourMatrix, colour_matrix
from calibration.photometry.defects import find_defects
from calibration.photometry.flat import flat_of, ratio_flat
from calibration.photometry.gain import ChannelGains, channel_gains
from calibration.photometry.patches import ColourView, Patches, find_patches
from tests.calibration.photometry.bench import EXPOSURES_US, Bench, bench, true_grid

pytestmark = pytest.mark.unit

FIRST = [[0.9, 0.08, 0.02], [0.05, 0.9, 0.05], [0.02, 0.1, 0.88]]
SECOND = [[1.0, 0.0, 0.0], [0.1, 0.85, 0.05], [0.0, 0.05, 0.95]]
TINTED = (
    f"optics.view_1.spectral={FIRST}",
    f"optics.view_2.spectral={SECOND}",
    "optics.view_2.edge_loss=0.3",
    "optics.focal_mm=4",
)


def _found(
    made: Bench, scene: str = "chart", scale: float = 0.8
) -> tuple[ChannelGains, tuple[float, float, float], Patches]:
    views, flats = [], []
    for camera, exposure_us in zip((1, 2), EXPOSURES_US, strict=True):
        dark = made.clip(camera, exposure_us, 8)
        lit = made.clip(camera, exposure_us, 16, light=made.light(camera))
        black, defects = measure_black(dark, exposure_us), find_defects(dark, lit).mask
        clip_dn = 4050 / 4095 * made.form(camera).white_dn
        flats.append(flat_of(lit, black, clip_dn, defects))
        shown = np.float32(scale) * made.light(camera, scene)
        chart = made.clip(camera, exposure_us, 8, light=shown)
        views.append(ColourView(chart, black, defects, clip_dn))
    grid = true_grid(made.world)
    ratio = ratio_flat(flats[0], flats[1], grid)
    gains = channel_gains(ratio, EXPOSURES_US, 0.125, (0.0, 0.0))
    return gains, flats[1].quality.level_dn, find_patches(views[0], views[1], grid, ratio)


@lru_cache(maxsize=2)
def _tinted(seed: int) -> tuple[ChannelGains, tuple[float, float, float], Patches]:
    return _found(bench(*TINTED, seed=seed))


def _truth(gains: ChannelGains) -> np.ndarray:
    first, second = np.array(FIRST), np.array(SECOND)
    scale = np.array(gains.gain) * second.sum(axis=1) / first.sum(axis=1)
    return np.asarray(scale.mean() * first @ np.linalg.inv(second))


@pytest.mark.parametrize("seed", range(5))
def test_full_matrix_against_truth(seed: int) -> None:
    gains, white, patches = _tinted(seed)
    solved = colour_matrix(gains, white, patches)
    assert solved.kind == "full", solved.reason
    assert solved.patches >= 24
    assert np.abs(solved.array() - _truth(gains)).max() < 0.006
    kept = solved.array() @ np.array(white)
    np.testing.assert_allclose(kept, np.array(gains.gain) * np.array(white), rtol=1e-9)
    assert solved.held_out_percent is not None
    assert solved.diagonal_percent is not None
    assert solved.held_out_percent < 0.5 < 5 < solved.diagonal_percent


def test_patches_are_the_charts_own() -> None:
    _, _, patches = _tinted(0)
    assert 24 <= len(patches) <= 27  # the ground and the wall are even too
    assert np.ptp(patches.places[:, 0]) > 200
    left = patches.sharp @ np.linalg.lstsq(patches.sharp, patches.blurry, rcond=None)[0]
    assert np.abs(left - patches.blurry).max() < 0.01 * patches.blurry.max()


def test_too_few_patches_make_a_diagonal() -> None:
    gains, white, patches = _tinted(0)
    few = Patches(patches.blurry[:9], patches.sharp[:9], patches.sigma[:9], patches.places[:9])
    solved = colour_matrix(gains, white, few)
    _is_diagonal(solved, gains, "both views show 9 distinct even patches, 24 are needed")
    none = colour_matrix(gains, white, None)
    _is_diagonal(none, gains, "there is no clip of a colour chart")
    assert none.held_out_percent is None


def test_greys_make_a_diagonal() -> None:
    gains, white, _ = _tinted(0)
    levels = np.linspace(0.02, 1, 30)[:, None]
    sharp = levels * np.array(white) * (1 + np.random.default_rng(1).normal(0, 1e-3, (30, 3)))
    blurry = sharp * np.array(gains.gain)
    grey = Patches(blurry, sharp, np.full((30, 3), 0.5), np.zeros((30, 2)))
    solved = colour_matrix(gains, white, grey)
    _is_diagonal(solved, gains, "the patches' colours are too alike")


def test_clipped_patches_do_not_count() -> None:
    made = bench(*TINTED, seed=0)
    patches = _found(made, scale=2.0)[2]
    assert 10 < len(patches) < 24
    assert patches.blurry.max() < 4000


def test_a_photograph_is_no_chart() -> None:
    gains, white, patches = _found(bench(), "photographs")
    assert colour_matrix(gains, white, patches).kind == "diagonal"


def _is_diagonal(solved: ColourMatrix, gains: ChannelGains, reason: str) -> None:
    assert solved.kind == "diagonal"
    assert solved.reason.startswith(reason)
    np.testing.assert_array_equal(solved.array(), np.diag(gains.gain))
