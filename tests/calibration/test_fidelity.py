"""PSNR and SSIM against scikit-image, closed forms and an own float64 reference."""

import doctest
import math
import subprocess
import sys
import warnings

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from calibration import fidelity
from calibration.fidelity import mse, psnr, ssim, ssim_map

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _keep_threads():
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


def _noisy_pair(seed, shape, sigma, dtype=np.uint8):
    generator = np.random.default_rng(np.random.SeedSequence([20, seed]))
    peak = np.iinfo(dtype).max
    first = generator.integers(0, peak, shape, dtype=dtype, endpoint=True)
    second = np.clip(first + generator.normal(0, sigma * peak / 255, shape), 0, peak)
    return first, second.astype(dtype)


def _skimage_ssim(a, b, data_range=255, **options):
    return structural_similarity(
        a,
        b,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=data_range,
        channel_axis=-1 if a.ndim == 3 else None,
        **options,
    )


shapes = st.one_of(
    st.tuples(st.integers(11, 70), st.integers(11, 70)),
    st.tuples(st.integers(11, 70), st.integers(11, 70), st.integers(1, 4)),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(shape=shapes, sigma=st.floats(0.5, 120), seed=st.integers(0, 10**6))
def test_both_equal_scikit_image_on_any_size(shape, sigma, seed):
    a, b = _noisy_pair(seed, shape, sigma)
    assert ssim(a, b) == pytest.approx(_skimage_ssim(a, b), abs=1e-12, rel=0)
    if not np.array_equal(a, b):
        expected = peak_signal_noise_ratio(a, b, data_range=255)
        assert psnr(a, b) == pytest.approx(expected, abs=0, rel=1e-12)


@pytest.mark.parametrize("shape", [(480, 640, 3), (540, 960, 3), (481, 639, 3), (720, 1280)])
def test_both_equal_scikit_image_on_video_sizes(shape):
    a, b = _noisy_pair(1, shape, 12)
    assert ssim(a, b) == pytest.approx(_skimage_ssim(a, b), abs=1e-12, rel=0)
    expected = peak_signal_noise_ratio(a, b, data_range=255)
    assert psnr(a, b) == pytest.approx(expected, abs=0, rel=1e-12)


def test_both_equal_scikit_image_on_a_blurred_photograph():
    # Flat regions: the variance is a small difference of large numbers.
    sharp = data.astronaut()
    blurred = np.round(ndimage.gaussian_filter(sharp.astype(float), (2, 2, 0))).astype(np.uint8)
    assert ssim(sharp, blurred) == pytest.approx(_skimage_ssim(sharp, blurred), abs=1e-12, rel=0)
    expected = peak_signal_noise_ratio(sharp, blurred, data_range=255)
    assert psnr(sharp, blurred) == pytest.approx(expected, abs=0, rel=1e-12)


@pytest.mark.parametrize("data_range", [1023, 4095, 65535])
def test_sixteen_bit_equals_scikit_image(data_range):
    generator = np.random.default_rng(3)
    a, b = generator.integers(0, data_range, (2, 60, 50, 3), dtype=np.uint16, endpoint=True)
    expected = _skimage_ssim(a, b, data_range)
    assert ssim(a, b, data_range=data_range) == pytest.approx(expected, abs=1e-12, rel=0)
    expected = peak_signal_noise_ratio(a, b, data_range=data_range)
    assert psnr(a, b, data_range=data_range) == pytest.approx(expected, abs=0, rel=1e-12)


@pytest.mark.parametrize("shape", [(31, 45), (31, 45, 3)])
def test_map_equals_scikit_image_inside_the_border(shape):
    a, b = _noisy_pair(4, shape, 30)
    _, full = _skimage_ssim(a, b, full=True)
    scores = ssim_map(a, b)
    np.testing.assert_allclose(scores, full[5:-5, 5:-5], rtol=0, atol=1e-12)
    assert scores.mean() == pytest.approx(ssim(a, b), abs=1e-14)


def test_one_window_by_hand():
    # On 11 x 11 px the mean is a single window: equation 13 written out.
    a, b = (image.astype(float) for image in _noisy_pair(5, (11, 11), 40))
    distance = np.arange(-5, 6)
    line = np.exp(-(distance**2) / (2 * 1.5**2))
    weight = np.outer(line, line) / np.outer(line, line).sum()
    mean_a, mean_b = (weight * a).sum(), (weight * b).sum()
    var_a, var_b = (weight * (a - mean_a) ** 2).sum(), (weight * (b - mean_b) ** 2).sum()
    covariance = (weight * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 2.55**2, 7.65**2
    expected = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    assert ssim(a.astype(np.uint8), b.astype(np.uint8)) == pytest.approx(expected, abs=1e-12)


def test_flat_images_have_the_closed_form():
    a, b = np.full((40, 30, 3), 200, np.uint8), np.full((40, 30, 3), 50, np.uint8)
    c1 = 2.55**2
    assert ssim(a, b) == pytest.approx((2 * 200 * 50 + c1) / (200**2 + 50**2 + c1), abs=1e-12)
    assert mse(a, b) == 150**2
    assert psnr(a, b) == pytest.approx(20 * math.log10(255 / 150), rel=1e-14)


def test_identical_images_are_exactly_one_and_infinite():
    a, _ = _noisy_pair(6, (97, 83, 3), 1)
    assert ssim(a, a.copy()) == 1.0
    assert mse(a, a.copy()) == 0.0
    assert psnr(a, a.copy()) == math.inf
    assert psnr(a, a.copy(), cap_db=100) == 100.0


def test_the_cap_leaves_lower_figures_alone():
    a, b = _noisy_pair(7, (40, 40), 10)
    assert psnr(a, b, cap_db=100) == psnr(a, b) < 100


def test_one_changed_sample_has_no_epsilon():
    a = np.zeros((720, 1280, 3), np.uint8)
    b = a.copy()
    b[7, 9, 1] = 1
    assert mse(a, b) == 1 / a.size
    assert psnr(a, b) == pytest.approx(10 * math.log10(255**2 * a.size), rel=1e-14)


@pytest.mark.parametrize(("dtype", "peak"), [(np.uint8, 255), (np.uint16, 65535)])
def test_the_largest_difference_does_not_overflow(dtype, peak):
    a, b = np.zeros((1080, 1920, 3), dtype), np.full((1080, 1920, 3), peak, dtype)
    assert mse(a, b) == pytest.approx(peak**2, rel=1e-15)
    assert psnr(a, b, data_range=peak) == pytest.approx(0, abs=1e-12)


def test_both_are_symmetric():
    a, b = _noisy_pair(8, (50, 61, 3), 25)
    assert ssim(a, b) == ssim(b, a)
    assert psnr(a, b) == psnr(b, a)


def test_views_give_the_bits_of_their_copies():
    a, b = _noisy_pair(9, (64, 80, 3), 25)
    views = a[::-1, 3:70, ::-1], b[::-1, 3:70, ::-1]
    copies = tuple(np.ascontiguousarray(view) for view in views)
    assert ssim(*views) == ssim(*copies)
    assert psnr(*views) == psnr(*copies)
    assert np.array_equal(ssim_map(*views), ssim_map(*copies))


def test_inputs_stay_as_they_were():
    a, b = _noisy_pair(10, (30, 30), 25)
    kept = a.copy(), b.copy()
    for measure in (ssim, psnr, ssim_map):
        measure(a, b)
    assert np.array_equal(a, kept[0])
    assert np.array_equal(b, kept[1])
    assert a.flags.writeable
    assert b.flags.writeable


def test_memory_mapped_frames_need_no_kernel_of_their_own(tmp_path):
    a, b = _noisy_pair(10, (30, 30, 3), 25)
    np.save(tmp_path / "a.npy", a)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    expected = ssim(a, b), psnr(a, b)
    compiled = len(fidelity._mean_parallel.signatures), len(fidelity._mean_serial.signatures)
    assert (ssim(mapped, b), psnr(mapped, b)) == expected
    assert compiled == (
        len(fidelity._mean_parallel.signatures),
        len(fidelity._mean_serial.signatures),
    )


THREADS_SCRIPT = """
import numba, numpy as np
from calibration.fidelity import ssim
generator = np.random.default_rng(11)
for shape in ((11, 12), (27, 40, 3), (123, 77, 3), (480, 640, 3)):
    a, b = generator.integers(0, 256, (2, *shape), dtype=np.uint8)
    bits = set()
    for threads in (1, 2, 3, 5):
        numba.set_num_threads(threads)
        bits |= {ssim(a, b).hex() for _ in range(3)}
    print(len(bits), *bits)
"""


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "5")
    done = subprocess.run(  # a fresh process, because numba fixes its limit when it starts
        [sys.executable, "-c", THREADS_SCRIPT], capture_output=True, text=True, check=True
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["1"] * 4, done.stdout
    generator = np.random.default_rng(11)
    a, b = generator.integers(0, 256, (2, 11, 12), dtype=np.uint8)
    assert done.stdout.split()[1] == ssim(a, b).hex()


def test_weights_are_the_sampled_gaussian():
    impulse = np.zeros(11)
    impulse[5] = 1
    expected = ndimage.gaussian_filter1d(impulse, 1.5, truncate=3.5)
    np.testing.assert_allclose(fidelity._gaussian_weights(), expected[5:], rtol=1e-14, atol=0)


@pytest.mark.parametrize("measure", [mse, psnr, ssim, ssim_map])
@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (np.zeros((20, 20), np.uint8), np.zeros((20, 21), np.uint8), r"\(20, 20\) and \(20, 21\)"),
        (np.zeros((20, 20), np.uint8), np.zeros((20, 20), np.uint16), "uint8 and uint16"),
        (np.zeros((20, 20)), np.zeros((20, 20)), "uint8 or uint16, got float64"),
        (np.zeros(20, np.uint8), np.zeros(20, np.uint8), r"\(H, W\) or \(H, W, C\)"),
        (np.zeros((0, 20), np.uint8), np.zeros((0, 20), np.uint8), "not empty"),
        ([[1]], [[1]], "must be arrays, got list and list"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(measure, a, b, words):
    with pytest.raises(ValueError, match=words):
        measure(a, b)


@pytest.mark.parametrize("measure", [ssim, ssim_map])
@pytest.mark.parametrize("shape", [(10, 40, 3), (40, 10, 3)])
def test_images_smaller_than_the_window_are_refused(measure, shape):
    image = np.zeros(shape, np.uint8)
    with pytest.raises(ValueError, match="at least 11 x 11 px") as caught:
        measure(image, image)
    assert f"{shape[1]} x {shape[0]} (width x height)" in str(caught.value)


@pytest.mark.parametrize("measure", [psnr, ssim, ssim_map])
def test_ranges_that_make_no_sense_are_refused(measure):
    image = np.zeros((20, 20), np.uint16)
    with pytest.raises(ValueError, match="need a data_range"):
        measure(image, image)
    for wrong in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive number"):
            measure(image, image, data_range=wrong)


def test_examples_in_docstrings_run():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = doctest.testmod(fidelity)
    assert result.attempted >= 8
    assert result.failed == 0
