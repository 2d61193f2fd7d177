import math

import numpy as np
import pytest

from dataset.rendering.shake import (
    HandPath,
    ShakeSpectrum,
    Waveform,
    arc_lengths,
    hand_path,
    random_waveform,
)

pytestmark = pytest.mark.unit


def draw(seed: int, circling: float = 0.0) -> HandPath:
    return hand_path(np.random.default_rng(seed), 10.0, 0.5, circling)


def speed(wave: Waveform, t: np.ndarray) -> np.ndarray:
    """First derivative, by central differences: within 1e-6 of the true one at 12 Hz."""
    step = 1e-5
    return np.asarray((wave.at(t + step) - wave.at(t - step)) / (2 * step))


def mean_squared_speed(path: HandPath) -> float:
    t = np.arange(0, 200, 1 / 240)
    return float(np.mean(speed(path.x_px, t) ** 2 + speed(path.y_px, t) ** 2))


def test_waveform_has_the_rms_that_was_asked_for() -> None:
    wave = random_waveform(ShakeSpectrum(), 7.0, np.random.default_rng(1))
    t = np.arange(0, 400, 1 / 120)
    assert math.isclose(float(np.sum(wave.amplitude**2) / 2), 49.0, rel_tol=1e-12)
    assert math.isclose(float(np.std(wave.at(t))), 7.0, rel_tol=5e-3)


def test_power_lies_in_the_band_and_falls_as_stated() -> None:
    spectrum = ShakeSpectrum(low_hz=1, high_hz=12, corner_hz=4, lines=512)
    wave = random_waveform(spectrum, 1.0, np.random.default_rng(2))
    rate = 64
    t = np.arange(0, 256, 1 / rate)
    power = np.abs(np.fft.rfft(wave.at(t) * np.hanning(len(t)))) ** 2
    frequency = np.fft.rfftfreq(len(t), 1 / rate)

    def share(low: float, high: float) -> float:
        return float(power[(frequency >= low) & (frequency < high)].sum() / power.sum())

    assert share(0.95, 12.05) > 1 - 1e-6
    grid = np.linspace(1, 12, 100_001)
    expected = spectrum.power(grid)
    for low, high in ((1, 3), (3, 6), (6, 12)):
        part = expected[(grid >= low) & (grid < high)].sum() / expected.sum()
        assert share(low, high) == pytest.approx(part, rel=0.1)


def test_a_path_is_a_function_of_time_and_seed_only() -> None:
    t = np.arange(0, 1, 1 / 960)
    whole = draw(4).pose(t)
    np.testing.assert_array_equal(whole[37:40], draw(4).pose(t[37:40]))
    assert np.abs(whole - draw(5).pose(t)).max() > 1


def test_scaling_scales_shift_and_rotation() -> None:
    t = np.linspace(0, 1, 20)
    np.testing.assert_allclose(draw(6, 0.4).scaled(2.5).pose(t), 2.5 * draw(6, 0.4).pose(t))


@pytest.mark.parametrize("circling", [0.3, 0.9, 1.0])
def test_circling_keeps_the_mean_squared_speed(circling: float) -> None:
    ratio = mean_squared_speed(draw(7, circling)) / mean_squared_speed(draw(7, 0.0))
    assert ratio == pytest.approx(1.0, rel=0.02)


def test_full_circling_has_constant_speed() -> None:
    t = np.linspace(0, 3, 200)
    path = draw(8, 1.0)
    speeds = np.hypot(speed(path.x_px, t), speed(path.y_px, t))
    np.testing.assert_allclose(speeds, speeds[0], rtol=1e-6)


@pytest.mark.parametrize("window_s", [0.016, 0.0123, 0.5])
def test_arc_length_of_a_circle(window_s: float) -> None:
    radius, rate = 20.0, 2 * math.pi * 1.5
    t = np.arange(0, 1, 1 / 960)
    circle = radius * np.stack([np.cos(rate * t), np.sin(rate * t)], axis=-1)[:, None]
    lengths = arc_lengths(circle, t, window_s)
    np.testing.assert_allclose(lengths, radius * rate * window_s, rtol=1e-5)
    assert len(lengths) == int(np.sum(t + window_s <= t[-1]))


def test_what_makes_no_sense_is_refused() -> None:
    random = np.random.default_rng(0)
    with pytest.raises(ValueError, match="negative"):
        hand_path(random, -1.0, 0.0)
    with pytest.raises(ValueError, match="circling"):
        hand_path(random, 1.0, 0.0, 1.5)
    with pytest.raises(ValueError, match="below high_hz"):
        ShakeSpectrum(low_hz=5, high_hz=4)
    with pytest.raises(ValueError, match="no window"):
        arc_lengths(np.zeros((3, 1, 2)), np.arange(3) / 960, 0.016)
