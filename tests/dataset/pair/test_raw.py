"""RAW pairs: every sample is the one that was there, and says its colour rightly."""

import itertools

import numpy as np
import pytest

from acquisition.picture.view import FrameFormat
from calibration.mosaic import channel_index
from dataset.pair.raw import RawPair
from dataset.pair.region import RAW_MARGIN_PX, Crop
from tests.dataset.pair.synthetic import CFAS, FLIPS, delivered, model

pytestmark = pytest.mark.unit

SHAPE_1, SHAPE_2 = (48, 64), (56, 80)


def coloured(shape):
    """Upright (H, W, 3) whose value tells channel and place: 10000 · (c + 1) + 100 · y + x."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    return np.stack([10000 * (c + 1) + 100 * y + x for c in range(3)], axis=-1)


def check(mosaic, cfa, crop):
    """Every sample of a cut-out is that of the channel and the place that are stated."""
    y, x = np.mgrid[0 : crop.height, 0 : crop.width]
    channel = channel_index(cfa)[y % 2, x % 2]
    assert np.array_equal(mosaic, 10000 * (channel + 1) + 100 * (y + crop.y) + x + crop.x)


@pytest.mark.parametrize(("cfa", "flip"), list(itertools.product(CFAS, FLIPS)))
def test_the_phase_survives_flip_and_crop(cfa, flip):
    form_1 = FrameFormat("GRBG", 16, 0.0, "vertical")
    form_2 = FrameFormat(cfa, 16, 0.0, flip)
    crop = Crop(6, 10, 32, 24)
    raw = RawPair(model(SHAPE_1, form_1, form_2, (7.3, 3.6)), SHAPE_2, crop)
    first, second = raw.cut(
        delivered(coloured(SHAPE_1), form_1), delivered(coloured(SHAPE_2), form_2)
    )
    assert (raw.cfa, raw.cfa_2) == (form_1.upright_cfa, form_2.upright_cfa)
    check(first, raw.cfa, crop)
    check(second, raw.cfa_2, raw.crop_2)
    assert second.flags.c_contiguous
    # 13.3 to 44.3 and 13.6 to 36.6, with a margin, at even places
    assert raw.crop_2 == Crop(4, 4, 50, 42)
    y, x = np.mgrid[0:24, 0:32]
    np.testing.assert_allclose(raw.map_xy[..., 0], x + 6 + 7.3 - raw.crop_2.x, atol=1e-4)
    np.testing.assert_allclose(raw.map_xy[..., 1], y + 10 + 3.6 - raw.crop_2.y, atol=1e-4)
    assert raw.map_xy.min() >= RAW_MARGIN_PX


def test_odd_frames_lose_what_keeps_no_phase():
    form = FrameFormat("RGGB", 16, 0.0, "horizontal")
    upright = coloured((48, 64))
    odd = np.pad(delivered(upright, form), ((0, 1), (0, 1)))
    raw = RawPair(model((48, 64), form, form), (49, 65), Crop(8, 8, 16, 16))
    first, second = raw.cut(odd, odd)
    check(first, raw.cfa, raw.crop)
    check(second, raw.cfa_2, raw.crop_2)
