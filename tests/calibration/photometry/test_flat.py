"""Flat fields, the ratio flat and gains against the virtual optics."""

from functools import lru_cache

import numpy as np
import pytest

from acquisition.picture.view import unflip
from calibration.photometry.black_level import measure_black
from calibration.photometry.defects import find_defects
from calibration.photometry.faults import DarkFlat, FlickeringLight, SaturatedFlat, UnlikeClips
from calibration.photometry.flat import Flat, flat_of, ratio_flat
from calibration.photometry.gain import channel_gains
from tests.calibration.photometry.bench import EXPOSURES_US, Bench, bench, carried, true_grid

pytestmark = pytest.mark.unit

SHARED = ("optics.view_2.edge_loss=0.3",)
TWO = ("optics.kind=two_lenses", "optics.view_1.edge_loss=0.2", "optics.view_2.focal_scale=1.01")
TINTED = (
    "optics.view_1.spectral=[[0.9,0.08,0.02],[0.05,0.9,0.05],[0.02,0.1,0.88]]",
    "optics.view_2.mirror=vertical",
)
DUSTY = ("optics.splitter.dust_spots=6", "optics.view_2.edge_loss=0.3")


@lru_cache(maxsize=4)
def _flats(made: Bench, frames: int = 16) -> tuple[Flat, Flat]:
    found = []
    for camera, exposure_us in zip((1, 2), EXPOSURES_US, strict=True):
        dark = made.clip(camera, exposure_us, frames)
        lit = made.clip(camera, exposure_us, frames, light=made.light(camera))
        black = measure_black(dark, exposure_us)
        defects = find_defects(dark, lit).mask
        found.append(flat_of(lit, black, made.form(camera).clip_dn, defects))
    return found[0], found[1]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("sets", "most"), [(SHARED, 0.01), (TWO, 0.01), (TINTED, 0.01), (DUSTY, 0.05)]
)
def test_ratio_and_gains_against_truth(sets: tuple[str, ...], most: float, seed: int) -> None:
    made = bench(*sets, seed=seed)
    grid = true_grid(made.world)
    ratio = ratio_flat(*_flats(made), grid)
    light = [
        made.expected(camera, made.light(camera), us)
        for camera, us in zip((1, 2), EXPOSURES_US, strict=True)
    ]
    truth = carried(light[1], grid) / light[0]
    level = truth[ratio.covered].mean(axis=0)
    error = (ratio.ratio / (truth / level) - 1)[ratio.covered]
    assert np.sqrt((error**2).mean(axis=0)).max() < (0.0025 if sets is DUSTY else 0.001)
    assert np.abs(error).max() < most
    means = ratio.ratio[ratio.covered].mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(means, 1, atol=1e-6)
    gains = channel_gains(ratio, EXPOSURES_US, 0.125, (0.0, 0.0))
    np.testing.assert_allclose(np.array(gains.gain) * level, 1, atol=0.001)
    np.testing.assert_allclose(gains.relative, gains.gain)  # 16 ms / 8 against 2 ms


@pytest.mark.parametrize("sets", [SHARED, DUSTY])
def test_the_stated_error_holds_over_the_view_and_at_the_edges_of_dust(
    sets: tuple[str, ...],
) -> None:
    made = bench(*sets)
    for camera, flat in enumerate(_flats(made), start=1):
        light = made.expected(camera, made.light(camera), EXPOSURES_US[camera - 1])
        error = flat.shading.level_dn / light
        error = (error / error.mean(axis=(0, 1)) - 1).astype(np.float64)
        rms = np.sqrt((error**2).mean())
        assert 0.7 < rms / flat.quality.sigma < 1.5
        # Where the least is claimed to be known: dust, whose RMS was told as the view's.
        unsure = flat.spread > np.quantile(flat.spread, 0.99)
        there = np.sqrt((error[unsure] ** 2).mean())
        assert 0.5 < there / flat.spread[unsure].mean() < 2.0
        if sets is DUSTY:
            assert rms > 2 * flat.shading.sigma
            assert there > 8 * flat.shading.sigma
    ratio = ratio_flat(*_flats(made), true_grid(made.world))
    told = ratio.quality
    assert told.sigma_most is not None
    assert told.sigma_most > 4 * told.sigma


def test_8_bit_is_hardly_worse() -> None:
    made = bench(*SHARED, bits=8)
    grid = true_grid(made.world)
    ratio = ratio_flat(*_flats(made), grid)
    light = [
        made.expected(camera, made.light(camera), us)
        for camera, us in zip((1, 2), EXPOSURES_US, strict=True)
    ]
    truth = carried(light[1], grid) / light[0]
    error = (ratio.ratio * ratio.level_ratio / truth - 1)[ratio.covered]
    assert np.sqrt((error**2).mean()) < 0.002


def test_pixel_gains_take_out_what_the_pixels_differ_by() -> None:
    made = bench(*DUSTY)
    sharp = _flats(made, 32)[1]
    assert sharp.pixel_gain is not None
    own = unflip(made.sensors[2].pattern.response, made.form(2))
    left = sharp.pixel_gain / own
    assert own.std() == pytest.approx(0.008, rel=0.02)
    assert left.std() < 0.5 * own.std()
    assert sharp.quality.prnu == pytest.approx(0.008, rel=0.08)


def test_pixel_gains_are_left_alone_where_noise_hides_them() -> None:
    made = bench("sensor_2.prnu=0.0003")
    assert _flats(made, 4)[1].pixel_gain is None


def test_unfit_flats_are_refused() -> None:
    made = bench()
    light = made.light(2)
    dark = made.clip(2, 2000.0, 8)
    black, none = measure_black(dark, 2000.0), np.zeros(dark.mean.shape, dtype=bool)

    def of(scale: float | np.ndarray, wobble: tuple[float, ...] = ()) -> Flat:
        shone = (light * scale).astype(np.float32)
        clip = made.clip(2, 2000.0, 4, light=shone, wobble=wobble, name="clip-001")
        return flat_of(clip, black, 4050, none)

    with pytest.raises(SaturatedFlat, match=r"^clip-001 \(2\): .* clipped .*; less light"):
        of(1.8)
    with pytest.raises(DarkFlat, match=r"brightest channel stands at 5.*more light"):
        of(0.1)
    with pytest.raises(DarkFlat, match=r"darkest channel stands at 0.*all colours"):
        of(np.array([1.0, 1.0, 0.01]))
    with pytest.raises(FlickeringLight):
        of(1.0, (1.0, 0.95))
    whole = of(1.0)
    with pytest.raises(UnlikeClips, match="is 320x240, the map between the views 10x8"):
        ratio_flat(whole, whole, np.zeros((8, 10, 2), dtype=np.float32))


def test_gains_tell_filter_and_exposures_apart() -> None:
    made = bench("optics.view_1.nd_error=0.1")
    ratio = ratio_flat(*_flats(made), true_grid(made.world))
    gains = channel_gains(ratio, EXPOSURES_US, 0.125, (0.0, 0.0))
    assert gains.nominal == 1.0
    share = 0.5 / 0.485 * 1.1
    np.testing.assert_allclose(gains.relative, share, rtol=0.002)
    assert not gains.is_within
