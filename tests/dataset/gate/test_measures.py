"""Measures against pictures whose shift, focus, light and noise are known."""

from functools import lru_cache

import cv2
import numpy as np
import pytest
from skimage import data

from acquisition.picture.view import FrameFormat
from dataset.gate.alignment import shift_grid
from dataset.gate.blur import luminance
from dataset.gate.clipping import clipped_percent
from dataset.gate.duplicates import digest, repeats
from dataset.gate.flicker import raw_ratio, variation_percent
from dataset.gate.focus import edge_width, relative_defocus
from dataset.gate.ratio import block_ratio, level, local_ratio
from dataset.gate.static import way_px

pytestmark = pytest.mark.unit


@lru_cache(maxsize=1)
def spectrum(sigma):
    """Of a linear photograph (512, 512, 3)."""
    linear = cv2.GaussianBlur((data.astronaut() / 255.0) ** 2.2, (0, 0), sigma)
    return np.fft.fft2(linear, axes=(0, 1))


def picture(shift_px=(0.0, 0.0), sigma=0.8, noise=0.005, seed=1):
    """(448, 448, 3) float32 linear, shifted exactly (by phase), with noise of its own."""
    y, x = np.meshgrid(np.fft.fftfreq(512), np.fft.fftfreq(512), indexing="ij")
    turn = np.exp(-2j * np.pi * (x * shift_px[0] + y * shift_px[1]))
    moved = np.fft.ifft2(spectrum(sigma) * turn[..., None], axes=(0, 1)).real
    generator = np.random.default_rng(np.random.SeedSequence([seed, 7]))
    view = moved[32:480, 32:480]
    return (view + generator.normal(0, noise, view.shape)).astype(np.float32)


def clear(view):
    return np.ones(view.shape[:2], dtype=bool)


@pytest.mark.parametrize(
    "shift_px", [(0.0, 0.0), (0.1, -0.05), (0.4, 0.3), (-1.2, 0.8), (9.0, 4.0)]
)
def test_shift_of_c1_against_c2(shift_px):
    blurry, sharp = luminance(picture(shift_px, seed=1)), luminance(picture(seed=2))
    grid = shift_grid(blurry, sharp, clear(sharp))
    assert grid.mean_px == pytest.approx(shift_px, abs=0.02, rel=0.15)
    excess = grid.excess_px()
    assert excess <= np.hypot(*shift_px) * 1.2 + 0.05
    assert excess >= np.hypot(*shift_px) * 0.7 - 0.05


def test_uncertainty_of_the_shift_is_what_noise_makes_of_it():
    """Blocks of 30 seeds: 95 % intervals cover, and are no wider than thrice the spread."""
    grids = [
        shift_grid(
            luminance(picture(noise=0.02, seed=seed)),
            luminance(picture(noise=0.02, seed=seed + 100)),
            np.ones((224, 224), dtype=bool),
        )
        for seed in range(6)
    ]
    ratio = np.concatenate([grid.shift_px / grid.error_px[:, None] for grid in grids])
    assert np.mean(np.abs(ratio) < 1.96) > 0.92
    assert ratio.std() > 1 / 3


def test_clipped_blocks_are_left_out_of_the_shift():
    view = luminance(picture())
    mask = clear(view)
    mask[:, :112] = False
    grid = shift_grid(view, view, mask)
    assert len(grid.error_px) > 3
    assert grid.centre_px[:, 0].min() > 200
    assert shift_grid(view, view, np.zeros_like(mask)).mean_px is None


@pytest.mark.parametrize("extra_px", [-2.5, -1.0, 0.0, 0.6, 1.0, 2.0])
def test_defocus_of_one_view_against_the_other(extra_px):
    views = [picture(seed=1), picture(seed=2)]
    soft = 0 if extra_px > 0 else 1
    if extra_px:
        views[soft] = cv2.GaussianBlur(views[soft], (0, 0), abs(extra_px))
    planes = [luminance(view) for view in views]
    found = relative_defocus(*planes, clear(planes[0]))
    assert found == pytest.approx(extra_px, abs=0.15)


def test_no_focus_is_told_of_a_flat_wall():
    generator = np.random.default_rng(np.random.SeedSequence(9))
    walls = [generator.normal(1.0, 0.02, (224, 224)).astype(np.float32) for _ in range(2)]
    assert relative_defocus(*walls, clear(walls[0])) is None


def test_edges_of_a_step_have_the_width_of_its_blur():
    step = np.zeros((300, 300), dtype=np.float32)
    step[:, 150:] = 1.0
    for sigma in (1.0, 2.0, 3.0):
        view = cv2.GaussianBlur(step, (0, 0), sigma)
        assert edge_width(view) == pytest.approx(sigma, rel=0.05, abs=0.1)


@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
def test_edges_of_photographs_widen_with_defocus(name):
    whole = (getattr(data, name)() / 255.0) ** 2.2
    small = cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32)
    widths = [edge_width(cv2.GaussianBlur(small, (0, 0), s) if s else small) for s in (0, 1, 2, 3)]
    assert widths == sorted(widths)
    assert widths[0] < 1.0
    assert widths[3] > 2.0


def test_ratio_of_blocks_and_of_the_clip():
    rows = []
    for seed in range(8):
        blurry, sharp = picture(seed=seed), picture(seed=seed + 50)
        sharp = sharp * np.float32(1.05)
        sharp[:128, :128] *= np.float32(1.2)
        rows.append(block_ratio(blurry, sharp, clear(sharp)))
    assert rows[0].shape == (14, 14, 3)
    assert level(rows[0]) == pytest.approx(1.05, abs=0.01)
    found = local_ratio(np.stack(rows), np.ones(8))
    assert found.mean_percent == pytest.approx(5.0, abs=0.3)
    assert found.excess_percent == pytest.approx(26.0, abs=1.5)  # 16 of 196 blocks
    steady = local_ratio(np.stack(rows), np.full(8, 1.05))
    assert steady.mean_percent == pytest.approx(0.0, abs=0.3)
    assert local_ratio(np.stack(rows[:2]), np.ones(2)) is None


def test_ratio_leaves_out_what_is_clipped_or_dark():
    view = np.full((128, 128, 3), 0.5, dtype=np.float32)
    view[:32, :32] = 1e-4
    mask = clear(view)
    mask[96:, 96:] = False
    found = block_ratio(view, view, mask)
    assert np.isnan(found[0, 0]).all()
    assert np.isnan(found[3, 3]).all()
    assert np.isfinite(found).sum() == 14 * 3


def test_flicker_is_the_spread_of_the_raw_ratio():
    form = FrameFormat("RGGB", 12, 64.0)
    mirrored = FrameFormat("RGGB", 12, 64.0, "horizontal")
    generator = np.random.default_rng(np.random.SeedSequence(11))
    scene = generator.uniform(200, 1500, (96, 128))
    ratios = []
    for phase in range(12):
        gain = 1 + 0.05 * np.cos(phase * 2 * np.pi / 3)
        sharp = (scene * gain + 64)[:, ::-1].astype(np.uint16)
        ratios.append(raw_ratio((scene + 64).astype(np.uint16), sharp, (form, mirrored)))
    assert variation_percent(np.array(ratios)) == pytest.approx(7.5 / 0.975, abs=0.15)
    assert variation_percent(np.array([*ratios[:4], np.nan])) is None
    bright = np.full((96, 128), 4095, dtype=np.uint16)
    assert np.isnan(raw_ratio(bright, bright, (form, form)))


def test_a_repeated_exposure_is_known_by_its_noise():
    generator = np.random.default_rng(np.random.SeedSequence(12))
    scene = cv2.resize(data.camera(), (320, 240)).astype(np.float64) * 4 + 64
    first, second = (generator.normal(scene, 3).astype(np.uint16) for _ in range(2))
    assert not repeats(first, second)
    assert repeats(first, first + np.uint16(1))
    assert digest(first) == digest(first.copy()) != digest(second)
    quiet = np.full((240, 320), 64, dtype=np.uint16)
    assert not repeats(quiet, quiet)  # nothing to tell by: equality is for the digest
    assert not repeats(first, second[:200])


def test_clipped_share_counts_either_view():
    one, other = np.zeros((10, 10), dtype=bool), np.zeros((10, 10), dtype=bool)
    one[0], other[:, 0] = True, True
    assert clipped_percent(one, other) == pytest.approx(19.0)


def test_way_from_frame_to_frame():
    before = luminance(picture(seed=1))
    assert way_px(before, luminance(picture(seed=2)), clear(before)) < 0.1
    moved = luminance(picture((1.5, 0.0), seed=2))
    assert way_px(before, moved, clear(before)) == pytest.approx(1.5, abs=0.4)
    other = luminance(picture()[::-1])
    assert way_px(before, other, clear(before)) >= 1.0
