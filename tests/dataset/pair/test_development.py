"""Development of pairs: each step of the model, and the whole against the virtual rig's truth."""

import dataclasses
import itertools

import numpy as np
import pytest
from pydantic import ValidationError

from acquisition.picture.view import FrameFormat
from bsd.errors import UserMistake
from calibration.fidelity import psnr
from calibration.mosaic import demosaic
from calibration.resampling import Resampler
from dataset.pair.development import DevelopOptions, PairDeveloper
from dataset.pair.encoding import Encoding
from dataset.pair.raw import RawPair
from dataset.pair.region import Crop
from tests.dataset.pair.synthetic import CFAS, FLIPS, delivered, model
from tests.dataset.pair.twin_pair import twin_pair

pytestmark = pytest.mark.unit

SHAPE_1, SHAPE_2 = (64, 88), (72, 96)
SIZE = DevelopOptions(size_px=(48, 32))
SHIFT = (4.25, 3.75)  # with the slopes below, all codes are whole


def slopes(shape, offset=(0.0, 0.0)):
    """(H, W, 3) ramps in C1's pixels; `offset` from C1's pixels to those of the view."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float64)
    x, y = x - offset[0], y - offset[1]
    return ramps(x, y)


def ramps(x, y):
    return np.stack([600 + 8 * x + 8 * y, 1000 - 8 * x + 16 * y, 900 + 16 * x - 8 * y], axis=-1)


def black_cell(form):
    return (np.arange(4) * 4 + form.black_dn).astype(np.float32)


@pytest.mark.parametrize(("cfa", "flip"), list(itertools.product(CFAS, FLIPS)))
def test_ramps_arrive_where_they_belong(cfa, flip):
    """Any phase, any flip, black per position, a matrix, shading and pixel gains at once."""
    form_1 = FrameFormat("BGGR", 12, 60.0, "vertical")
    form_2 = FrameFormat(cfa, 12, 64.0, flip)
    pixel_gain = np.random.default_rng(1).choice([0.5, 1.0, 1.5], SHAPE_2).astype(np.float32)
    ratio = np.ones((*SHAPE_1, 3), dtype=np.float32)
    ratio *= np.linspace(0.8, 1.2, SHAPE_1[1], dtype=np.float32)[:, None]
    matrix = np.array([[1.1, -0.1, 0.0], [0.05, 0.9, 0.05], [0.0, 0.2, 0.8]])
    black = {"blurry": black_cell(form_1), "sharp": black_cell(form_2)}
    sharp = slopes(SHAPE_2, SHIFT) * pixel_gain[..., None]
    cells = np.tile(black["sharp"].reshape(2, 2), (SHAPE_2[0] // 2, SHAPE_2[1] // 2))
    cells_1 = np.tile(black["blurry"].reshape(2, 2), (SHAPE_1[0] // 2, SHAPE_1[1] // 2))
    made = model(
        SHAPE_1, form_1, form_2, SHIFT,
        black_dn=black, pixel_gain_2=pixel_gain, ratio=ratio, matrix=matrix,
    )  # fmt: skip
    developer = PairDeveloper(made, SHAPE_2, SIZE)
    pair = developer.develop(
        delivered(np.round(slopes(SHAPE_1)) + cells_1[..., None], form_1),
        delivered(np.round(sharp) + cells[..., None], form_2),
    )
    crop = developer.crop
    truth = crop.of(slopes(SHAPE_1))
    np.testing.assert_allclose(pair.blurry, truth, atol=2e-3)
    expected = (truth / crop.of(ratio)) @ matrix.T
    np.testing.assert_allclose(pair.sharp, expected, atol=1e-2)
    assert not pair.blurry_saturated.any()
    assert not pair.sharp_saturated.any()


def test_the_crop_is_what_the_whole_frame_would_give():
    """What lies around the crop is used, so nothing shows where it was cut."""
    generator = np.random.default_rng(2)
    form = FrameFormat("RGGB", 12, 0.0)
    frames = [generator.integers(0, 3000, shape).astype(np.uint16) for shape in (SHAPE_1, SHAPE_2)]
    made = model(SHAPE_1, form, form, SHIFT)
    for kernel in ("keys", "spline"):
        options = DevelopOptions(size_px=(48, 32), kernel=kernel)
        developer = PairDeveloper(made, SHAPE_2, options, threads=2)
        pair = developer.develop(*frames)
        developer.close()
        whole = Resampler(made.map_xy["G"], SHAPE_2, kernel).resample(
            demosaic(frames[1].astype(np.float32), "RGGB")
        )
        atol = 1.0 if kernel == "spline" else 2e-3  # the spline's reach has no end
        np.testing.assert_allclose(pair.sharp, developer.crop.of(whole), atol=atol)
        mosaic = frames[0].astype(np.float32)
        assert np.array_equal(pair.blurry, developer.crop.of(demosaic(mosaic, "RGGB")))


def test_a_raw_pair_can_be_developed_again():
    generator = np.random.default_rng(3)
    form_1, form_2 = FrameFormat("GBRG", 12, 0.0), FrameFormat("RGGB", 12, 0.0, "horizontal")
    frames = [generator.integers(0, 3000, shape).astype(np.uint16) for shape in (SHAPE_1, SHAPE_2)]
    made = model(SHAPE_1, form_1, form_2, SHIFT)
    developer = PairDeveloper(made, SHAPE_2, SIZE)
    pair = developer.develop(*frames)
    raw = RawPair(made, SHAPE_2, developer.crop)
    _, second = raw.cut(*frames)
    colours = demosaic(second.astype(np.float32), raw.cfa_2)
    again = Resampler(raw.map_xy, second.shape).resample(colours)
    np.testing.assert_allclose(again, pair.sharp, atol=5e-3)


def test_masks_hold_all_that_a_clipped_sample_reaches():
    form = FrameFormat("RGGB", 12, 0.0, saturation_dn=3900)
    frames = [np.full(shape, 1000, dtype=np.uint16) for shape in (SHAPE_1, SHAPE_2)]
    made = model(SHAPE_1, form, form, SHIFT)
    developer = PairDeveloper(made, SHAPE_2, SIZE)
    base = developer.develop(*frames)
    assert not base.blurry_saturated.any()
    y, x = developer.crop.y + 15, developer.crop.x + 20
    frames[0][y, x] = 3900
    frames[1][y + 4, x + 6] = 3900
    pair = developer.develop(*frames)
    for name in ("blurry", "sharp"):
        changed = (np.abs(getattr(pair, name) - getattr(base, name)) > 1e-3).any(axis=-1)
        mask = getattr(pair, f"{name}_saturated")
        assert changed.any()
        assert not (changed & ~mask).any()
    assert pair.blurry_saturated.sum() == 25
    assert pair.sharp_saturated.sum() == 64  # 5 + 4 - 1 a side
    frames[0][y, x] = 3899
    assert not developer.develop(*frames).blurry_saturated.any()


def test_a_defect_is_neither_seen_nor_called_clipped():
    form = FrameFormat("RGGB", 12, 0.0)
    frames = [np.full(shape, 1000, dtype=np.uint16) for shape in (SHAPE_1, SHAPE_2)]
    defects = {}
    for role, frame in zip(("blurry", "sharp"), frames, strict=True):
        defects[role] = np.zeros(frame.shape, dtype=bool)
        defects[role][30, 40] = True
        frame[30, 40] = 4095
    pair = PairDeveloper(model(SHAPE_1, form, form, defects=defects), SHAPE_2, SIZE).develop(
        *frames
    )
    assert np.ptp(pair.blurry) == 0
    assert np.ptp(pair.sharp) < 1e-3
    assert not pair.blurry_saturated.any()
    assert not pair.sharp_saturated.any()


def test_plain_and_encoded_cameras():
    curve = np.stack([np.linspace(0, c, 256, dtype=np.float32) ** 2 for c in (10, 20, 30)], axis=1)
    codes = np.random.default_rng(4).integers(0, 240, (*SHAPE_1, 3)).astype(np.uint8)
    form = FrameFormat(None, 8, 0.0, "horizontal")
    curves = {"blurry": curve, "sharp": curve}
    developer = PairDeveloper(model(SHAPE_1, form, form, response=curves), SHAPE_1, SIZE)
    pair = developer.develop(codes, codes)
    truth = developer.crop.of(np.take_along_axis(curve, codes[:, ::-1].reshape(-1, 3), axis=0)
                              .reshape(codes.shape))  # fmt: skip
    np.testing.assert_array_equal(pair.blurry, truth)
    np.testing.assert_allclose(pair.sharp, truth, rtol=1e-6, atol=1e-4)
    grey = PairDeveloper(model(SHAPE_1, form, form), SHAPE_1, SIZE).develop(
        codes[..., 0], codes[..., 0]
    )
    assert np.array_equal(grey.blurry[..., 0], grey.blurry[..., 2])
    np.testing.assert_allclose(grey.sharp, grey.blurry, atol=1e-3)


@pytest.mark.parametrize("scale", [0.5, 0.4, 0.75])
def test_smaller_frames_of_both_views_lie_at_one_place(scale):
    form = FrameFormat("RGGB", 12, 0.0)
    made = model(SHAPE_1, form, form, SHIFT)
    options = DevelopOptions(size_px=(20, 14), scale=scale)
    developer = PairDeveloper(made, SHAPE_2, options)
    pair = developer.develop(
        delivered(np.round(slopes(SHAPE_1)), form),
        delivered(np.round(slopes(SHAPE_2, SHIFT)), form),
    )
    crop = developer.crop
    assert (crop.width, crop.height) == options.footprint_px
    x = (np.arange(20) + 0.5) / scale - 0.5 + crop.x + (crop.width - 20 / scale) / 2
    y = (np.arange(14) + 0.5) / scale - 0.5 + crop.y + (crop.height - 14 / scale) / 2
    X, Y = np.meshgrid(x, y)
    truth = ramps(X, Y)
    np.testing.assert_allclose(pair.blurry, truth, atol=2e-3)
    np.testing.assert_allclose(pair.sharp, truth, atol=1e-2)


def test_lateral_colour_is_taken_out():
    form = FrameFormat(None, 12, 0.0)
    made = model(SHAPE_1, form, form, SHIFT)
    maps = {
        c: made.map_xy["G"] + np.float32(d) for c, d in zip("RGB", (0.4, 0.0, -0.3), strict=True)
    }
    made = dataclasses.replace(made, map_xy=maps)
    _, x = np.mgrid[0 : SHAPE_2[0], 0 : SHAPE_2[1]]
    frame = np.round(np.stack([10 * (x - d) + 600 for d in (0.4, 0.0, -0.3)], axis=-1))
    developer = PairDeveloper(made, SHAPE_2, SIZE)
    first = np.zeros((*SHAPE_1, 3), dtype=np.uint16)
    sharp = developer.develop(first, frame.astype(np.uint16)).sharp
    np.testing.assert_allclose(np.ptp(sharp, axis=-1), 0, atol=1e-2)


def test_what_cannot_be_developed_is_refused():
    form = FrameFormat("RGGB", 12, 0.0)
    made = model(SHAPE_1, form, form, SHIFT)
    with pytest.raises(UserMistake, match="no common area of 88 × 64"):
        PairDeveloper(made, SHAPE_2, DevelopOptions(size_px=(88, 64)))
    with pytest.raises(UserMistake, match="48 × 32 px are to be cut"):
        PairDeveloper(made, SHAPE_2, SIZE, crop=Crop(0, 0, 40, 32))
    with pytest.raises(UserMistake, match="does not see all"):
        PairDeveloper(
            model(SHAPE_1, form, form, (-9.0, 0.0)), SHAPE_2, SIZE, crop=Crop(0, 0, 48, 32)
        )
    developer = PairDeveloper(made, SHAPE_2, SIZE)
    with pytest.raises(UserMistake, match="another size"):
        developer.develop(np.zeros((30, 30), np.uint16), np.zeros(SHAPE_2, np.uint16))
    with pytest.raises(ValidationError, match="even"):
        DevelopOptions(size_px=(47, 32))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.0, -1.0])
@pytest.mark.parametrize("name", ["ratio", "pixel_gain_2", "white_dn"])
def test_a_factor_that_is_no_number_above_zero_is_refused(name, wrong):
    form = FrameFormat("RGGB", 12, 0.0)
    values = {
        "ratio": np.ones((*SHAPE_1, 3), np.float32),
        "pixel_gain_2": np.ones(SHAPE_2, np.float32),
        "white_dn": np.full(3, 3900.0),
    }[name]
    values[tuple(side // 2 for side in values.shape)] = wrong
    with pytest.raises(UserMistake, match="no number above 0; solve it again"):
        PairDeveloper(model(SHAPE_1, form, form, SHIFT, **{name: values}), SHAPE_2, SIZE)


def test_what_lies_under_a_defect_or_outside_the_crop_does_not_matter():
    form = FrameFormat("RGGB", 12, 0.0)
    gain, defects = np.ones(SHAPE_2, np.float32), np.zeros(SHAPE_2, bool)
    gain[SHAPE_2[0] // 2, SHAPE_2[1] // 2] = 0.0
    defects[SHAPE_2[0] // 2, SHAPE_2[1] // 2] = True
    ratio = np.ones((*SHAPE_1, 3), np.float32)
    ratio[0, 0] = np.nan
    fields = {"pixel_gain_2": gain, "ratio": ratio, "defects": {"blurry": None, "sharp": defects}}
    developer = PairDeveloper(model(SHAPE_1, form, form, SHIFT, **fields), SHAPE_2, SIZE)
    frame = np.full(SHAPE_2, 100, np.uint16)
    pair = developer.develop(np.full(SHAPE_1, 100, np.uint16), frame)
    np.testing.assert_allclose(pair.sharp, 100.0, atol=0.01)


@pytest.mark.parametrize("name", ["response", "black_dn", "matrix"])
def test_a_constant_that_is_no_number_is_refused(name):
    form = FrameFormat("RGGB", 12, 0.0)
    curve = np.linspace(0, 1000, 4096, dtype=np.float32)[:, None].repeat(3, axis=1)
    curve[7] = np.nan
    fields = {
        "response": {"blurry": curve, "sharp": None},
        "black_dn": {"blurry": np.zeros(4, np.float32), "sharp": np.full(4, np.nan, np.float32)},
        "matrix": np.diag([1.0, np.nan, 1.0]),
    }
    with pytest.raises(UserMistake, match="no number; solve it again"):
        PairDeveloper(model(SHAPE_1, form, form, SHIFT, **{name: fields[name]}), SHAPE_2, SIZE)


@pytest.mark.parametrize("mirror", ["horizontal", "vertical"])
def test_the_aligned_frame_is_the_virtual_rigs_truth(mirror):
    """True homography, true shading, no noise: what is left is demosaicing and resampling.

    Measured at 640 × 480: Malvar 35.6 dB, Menon 36.1; C1's own Malvar frame has 35.2.
    """
    twin = twin_pair((400, 320), mirror)
    options = DevelopOptions(size_px=(320, 240))
    developer = PairDeveloper(twin.model, (320, 400), options)
    pair = developer.develop(twin.blurry, twin.sharp)
    truth = developer.crop.of(twin.truth)
    encoding = Encoding.of((1, 1, 1), np.full(3, float(twin.truth.max())))
    score = psnr(encoding.srgb(pair.sharp), encoding.srgb(truth))
    own = psnr(encoding.srgb(pair.blurry), encoding.srgb(truth))
    assert score > 33.0
    assert score > own - 1.0
    assert pair.sharp.mean() == pytest.approx(truth.mean(), rel=1e-3)
    # Half a pixel off, the score would be far lower: the measure sees what it should.
    off = np.roll(encoding.srgb(pair.sharp), 1, axis=1)
    assert psnr(off, encoding.srgb(truth)) < score - 5


def test_a_repaired_pixel_hands_on_that_its_neighbour_was_clipped():
    """The pair that is averaged: left just below, right clipped; all others differ by more."""
    form = FrameFormat("RGGB", 12, 0.0, saturation_dn=4000)
    y = np.mgrid[0 : SHAPE_1[0], 0 : SHAPE_1[1]][0]
    frame = (2000 + 40.0 * (y - 30)).clip(0, 3990).astype(np.uint16)
    frame[30, 42], frame[30, 38] = 4000, 3999
    frame[28, 42], frame[32, 38] = 100, 3000  # neither diagonal is even
    frame[28, 38], frame[32, 42] = 100, 3000
    defects = np.zeros(SHAPE_1, dtype=bool)
    defects[30, 40] = True
    made = model(SHAPE_1, form, form, defects={"blurry": defects, "sharp": None})
    developer = PairDeveloper(made, SHAPE_2, SIZE)
    sharp = np.full(SHAPE_2, 900, np.uint16)
    found = np.zeros(SHAPE_1, dtype=bool)
    found[developer.crop.rows, developer.crop.columns] = developer.develop(
        frame, sharp
    ).blurry_saturated
    plain = frame.copy()
    plain[30, 42] = 3998  # its light may have been anything above
    changed = np.zeros(SHAPE_1, dtype=bool)
    one, other = (developer.develop(each, sharp).blurry for each in (frame, plain))
    changed[developer.crop.rows, developer.crop.columns] = (one != other).any(axis=-1)
    assert changed[30, 38]  # reached through the defect
    assert not (changed & ~found).any()
    assert found.sum() < 81  # and no farther than the defect's reach
