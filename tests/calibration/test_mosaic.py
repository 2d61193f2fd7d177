"""Demosaicing against the package and known colours; repair of defects."""

import warnings

import numpy as np
import pytest

from calibration.bands import Bands
from calibration.mosaic import (
    SUPPORT_PX,
    DefectRepair,
    channel_index,
    demosaic,
    demosaic_planes,
    repair,
)

pytestmark = pytest.mark.unit

CFAS = ("RGGB", "GRBG", "GBRG", "BGGR")


def sampled(colours, cfa):
    """(H, W) what a mosaic sees of colours (H, W, 3)."""
    y, x = np.mgrid[0 : colours.shape[0], 0 : colours.shape[1]]
    chosen = channel_index(cfa)[y % 2, x % 2]
    return np.take_along_axis(colours, chosen[..., None], axis=2)[..., 0].astype(np.float32)


def package():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import colour_demosaicing
    return colour_demosaicing


@pytest.mark.parametrize("cfa", CFAS)
def test_malvar_is_the_packages(cfa):
    mosaic = np.random.default_rng(1).normal(500, 400, (38, 45)).astype(np.float32)
    theirs = package().demosaicing_CFA_Bayer_Malvar2004(mosaic, cfa)
    ours = demosaic(mosaic, cfa)
    assert ours.dtype == np.float32
    assert ours.flags.c_contiguous
    np.testing.assert_allclose(ours[2:-2, 2:-2], theirs[2:-2, 2:-2], atol=1e-3)


@pytest.mark.parametrize("cfa", CFAS)
@pytest.mark.parametrize("method", ["malvar", "menon"])
def test_borders_keep_the_phase(cfa, method):
    colours = np.broadcast_to([100.0, -20.0, 900.0], (24, 26, 3))
    np.testing.assert_allclose(demosaic(sampled(colours, cfa), cfa, method), colours, atol=1e-3)


@pytest.mark.parametrize("cfa", CFAS)
def test_menon_inside_is_the_packages(cfa):
    mosaic = np.random.default_rng(2).normal(500, 100, (40, 48)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = package().demosaicing_CFA_Bayer_Menon2007(mosaic, cfa)
    inside = (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(demosaic(mosaic, cfa, "menon")[inside], theirs[inside], atol=1e-3)


@pytest.mark.parametrize("method", ["malvar", "menon"])
def test_no_sample_beyond_the_support_matters(method):
    generator = np.random.default_rng(3)
    mosaic = generator.normal(500, 100, (56, 56)).astype(np.float32)
    changed = mosaic.copy()
    changed[28, 28] += 1000
    touched = (demosaic(mosaic, "RGGB", method) != demosaic(changed, "RGGB", method)).any(axis=2)
    rows, columns = np.nonzero(touched)
    reach = max(np.abs(rows - 28).max(), np.abs(columns - 28).max())
    assert 2 <= reach <= SUPPORT_PX[method]


def test_threads_change_nothing():
    mosaic = np.random.default_rng(4).normal(500, 100, (100, 64)).astype(np.float32)
    bands = Bands(3)
    shared = demosaic_planes(mosaic, "GBRG", bands=bands)
    bands.close()
    assert np.array_equal(shared, demosaic_planes(mosaic, "GBRG"))


def test_what_is_no_mosaic_is_refused():
    with pytest.raises(ValueError, match="float32"):
        demosaic(np.zeros((20, 20), dtype=np.float64), "RGGB")
    with pytest.raises(ValueError, match="too small"):
        demosaic(np.zeros((3, 20), dtype=np.float32), "RGGB")


def test_defects_are_replaced_by_their_own_colour():
    colours = np.broadcast_to([100.0, 200.0, 300.0], (20, 20, 3))
    mosaic = sampled(colours, "RGGB")
    defects = np.zeros(mosaic.shape, dtype=bool)
    places = [(0, 0), (0, 19), (10, 10), (10, 12), (11, 10), (19, 19), (7, 0)]
    for place in places:
        defects[place] = True
    spoilt = np.where(defects, 4000, mosaic).astype(np.float32)
    mended = repair(spoilt, defects)
    np.testing.assert_array_equal(mended, mosaic)
    assert (spoilt[defects] == 4000).all()


def test_a_repair_follows_an_edge():
    mosaic = np.where(np.arange(20)[None, :] < 11, 100.0, 900.0) * np.ones((20, 1))
    defects = np.zeros((20, 20), dtype=bool)
    defects[8, 10] = True  # left of the edge; the mean of all around would be 500 or so
    spoilt = mosaic.astype(np.float32)
    spoilt[8, 10] = 4000
    assert repair(spoilt, defects)[8, 10] == 100


def test_colours_are_repaired_whole_and_a_lost_region_stays():
    picture = np.full((9, 9, 3), 50.0, dtype=np.float32)
    picture[4, 4] = 999
    defects = np.zeros((9, 9), dtype=bool)
    defects[4, 4] = True
    DefectRepair(defects, step=1).apply(picture)
    assert (picture == 50).all()
    all_bad = np.ones((6, 6), dtype=bool)
    mosaic = np.full((6, 6), 7.0, dtype=np.float32)
    assert np.array_equal(repair(mosaic, all_bad), mosaic)
    with pytest.raises(ValueError, match="map of defects"):
        DefectRepair(defects).apply(mosaic)
