"""Views: flips and phases of the mosaic, quick pictures, comparison pictures, histograms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from acquisition.picture import view
from acquisition.picture.view import Cfa, Flip, FrameFormat

pytestmark = pytest.mark.unit

CFAS: tuple[Cfa, ...] = ("RGGB", "GRBG", "GBRG", "BGGR")
FLIPS: tuple[Flip, ...] = ("none", "horizontal", "vertical")


def mosaic_of(rgb: NDArray[np.uint8], cfa: Cfa) -> NDArray[np.uint8]:
    """What a sensor with this filter array sees of a picture."""
    frame = np.empty(rgb.shape[:2], dtype=np.uint8)
    for index, colour in enumerate(cfa):
        row, column = divmod(index, 2)
        frame[row::2, column::2] = rgb[row::2, column::2, "RGB".index(colour)]
    return frame


def flipped(frame: NDArray[np.uint8], flip: Flip) -> NDArray[np.uint8]:
    return {"none": frame, "horizontal": frame[:, ::-1], "vertical": frame[::-1]}[flip]


@pytest.mark.parametrize(("cfa", "flip"), list(itertools.product(CFAS, FLIPS)))
def test_a_mirrored_mosaic_keeps_its_colours(cfa: Cfa, flip: Flip) -> None:
    """The scene has one colour, so whatever is taken for red must be its red."""
    scene = np.full((8, 12, 3), (200, 120, 40), dtype=np.uint8)
    raw = mosaic_of(scene, cfa)  # the filters lie on the sensor, whatever way the view comes
    form = FrameFormat(cfa, 8, 0.0, flip)
    four = view.planes(raw, form)
    assert (four.red == 200).all()
    assert all((green == 120).all() for green in four.greens)
    assert (four.blue == 40).all()
    again = mosaic_of(scene, form.upright_cfa or "RGGB")
    np.testing.assert_array_equal(view.unflip(raw, form), again)


@pytest.mark.parametrize("flip", FLIPS)
def test_views_that_reach_the_sensor_mirrored_look_alike_upright(flip: Flip) -> None:
    scene = skimage.data.astronaut()[:128, :200]
    raw = mosaic_of(np.ascontiguousarray(flipped(scene, flip)), "RGGB")
    shown = view.quick_picture(raw, FrameFormat("RGGB", 8, 0.0, flip)).astype(float)
    expected = scene.reshape(64, 2, 100, 2, 3).mean(axis=(1, 3))
    code = np.where(
        expected / 255 <= 0.0031308,
        12.92 * expected / 255,
        1.055 * (expected / 255) ** (1 / 2.4) - 0.055,
    )
    assert np.median(np.abs(shown - 255 * code)) < 4
    assert np.corrcoef(shown.ravel(), (255 * code).ravel())[0, 1] > 0.97


def test_display_curve_is_that_of_srgb() -> None:
    frame = np.full((4, 4), 64 + 1008, dtype=np.uint16)  # a quarter of 12 bit over the black level
    shown = view.quick_picture(frame, FrameFormat("RGGB", 12, 64.0))
    linear = 1008 / (4095 - 64)
    assert np.unique(shown).tolist() == [round(255 * (1.055 * linear ** (1 / 2.4) - 0.055))]
    dark = view.quick_picture(np.full((4, 4), 10, dtype=np.uint16), FrameFormat("RGGB", 12, 64.0))
    assert dark.max() == 0


@pytest.mark.parametrize(
    ("shape", "dtype", "form"),
    [
        ((121, 161), np.uint8, FrameFormat("RGGB", 8, 4.0, "horizontal")),
        ((120, 160), np.uint16, FrameFormat(None, 12, 64.0, "vertical")),
        ((120, 160, 3), np.uint8, FrameFormat(None, 8, 0.0, "horizontal")),
    ],
)
def test_all_kinds_of_frames_become_pictures_of_half_the_size(
    shape: tuple[int, ...], dtype: type, form: FrameFormat
) -> None:
    rng = np.random.default_rng(1)
    frame = rng.integers(0, form.white_dn + 1, shape).astype(dtype)
    shown = view.quick_picture(frame, form)
    assert (shown.shape, shown.dtype) == ((60, 80, 3), np.uint8)
    assert view.zoomed(frame, form, (0.5, 0.5), (40, 30)).shape == (30, 40, 3)
    counts = view.histogram(frame, form, bins=32)
    even = shape[0] // 2 * 2 * (shape[1] // 2 * 2)
    assert sum(map(sum, counts.counts.values())) == even * (3 if len(shape) == 3 else 1)


def test_a_crop_lies_where_it_is_asked_for_and_keeps_the_phase() -> None:
    frame = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60)
    crop = view.cropped(frame, FrameFormat("RGGB", 12, 0.0), (0.5, 0.25), (21, 10))
    assert crop.shape == (10, 20)
    row, column = divmod(int(crop[0, 0]), 60)
    assert (row % 2, column % 2) == (0, 0)
    assert (abs(row + 5 - 10) <= 1, abs(column + 10 - 30) <= 1) == (True, True)
    corner = view.cropped(frame, FrameFormat("RGGB", 12, 0.0), (1.0, 1.0), (20, 10))
    assert corner[-1, -1] == frame[-1, -1]
    whole = view.cropped(frame, FrameFormat("RGGB", 12, 0.0), (0.0, 0.0), (500, 500))
    assert whole.shape == frame.shape


def test_equal_views_leave_nothing_in_the_difference_and_no_fringe() -> None:
    picture = skimage.data.astronaut()[::4, ::4]
    assert (view.difference(picture, picture, 3.0) == 128).all()
    np.testing.assert_array_equal(view.overlay(picture, picture), picture)
    fringes = view.anaglyph(picture, picture)
    assert (fringes[..., 0] == fringes[..., 1]).all()
    brighter = np.minimum(picture.astype(int) + 10, 255).astype(np.uint8)
    middle = np.median(view.difference(brighter, picture, 2.0))
    assert middle == 148


def test_pictures_of_unlike_sizes_are_compared_where_both_are() -> None:
    small, large = np.zeros((20, 30, 3), np.uint8), np.full((24, 28, 3), 9, np.uint8)
    assert view.overlay(small, large).shape == (20, 28, 3)
    assert [each.shape for each in view.blink(small, large)] == [(20, 28, 3)] * 2
    assert view.side_by_side(small, large, 2).shape == (24, 60, 3)


def test_histogram_tells_clipping_by_channel() -> None:
    frame = np.full((16, 16), 30, dtype=np.uint8)
    frame[0::2, 0::2][:4] = 255  # half of the red
    seen = view.histogram(frame, FrameFormat("RGGB", 8, 4.0), bins=64)
    assert seen.clipped == {"R": 0.5, "G": 0.0, "B": 0.0}
    assert (seen.counts["G"][30 // 4], seen.counts["R"][63]) == (128, 32)
    assert seen.clip_dn == 250  # 98 % of 255: a full well ends below the largest number
    own = FrameFormat("RGGB", 8, 4.0, saturation_dn=30)
    assert view.histogram(frame, own, bins=64).clipped["B"] == 1.0
