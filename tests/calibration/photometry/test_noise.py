"""Photon transfer against simulated electrons, and its refusals."""

import numpy as np
import pytest

from calibration.photometry.noise import NoNoiseModel, photon_transfer

pytestmark = pytest.mark.unit


def levels(gain_dn_per_e: float, read_e: float, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    rng = np.random.default_rng(seed)

    def frames(electrons: float) -> np.ndarray:
        shape = (16, 120, 160)
        value = rng.poisson(electrons, shape) + rng.normal(0, read_e, shape)
        return np.floor(value * gain_dn_per_e + 64.5)

    signals, variances = [], []
    for electrons in (300.0, 900.0, 2500.0, 6000.0, 9000.0):
        made = frames(electrons)
        signals.append(made.mean() - 64.0)
        variances.append(made.var(axis=0, ddof=1).mean())
    return np.array(signals), np.array(variances), float(frames(0).var(axis=0, ddof=1).mean())


@pytest.mark.parametrize("seed", range(3))
def test_gain_and_dark_noise_are_those_of_the_electrons(seed: int) -> None:
    model = photon_transfer(*levels(0.4, 4.0, seed), "blurry")
    assert model.gain_dn_per_e == pytest.approx(0.4, rel=0.01)
    # Rounding adds 1/12 DN².
    assert model.dark_noise_dn == pytest.approx(np.hypot(4.0 * 0.4, 12**-0.5), rel=0.02)
    assert not model.is_bound
    assert model.variance_dn2(np.array([1000.0], np.float32))[0] == pytest.approx(
        400 + 2.56 + 1 / 12, rel=0.012
    )


def test_dark_noise_below_rounding_is_told_as_a_bound() -> None:
    model = photon_transfer(*levels(0.025, 2.0, 1), "sharp")
    assert model.is_bound
    # 0.24 DN, and the rounding.
    assert model.dark_noise_dn == pytest.approx(np.hypot(0.24, 12**-0.5))


def test_a_dark_clip_that_rounding_freezes_tells_a_bound() -> None:
    signals, variances, _ = levels(0.025, 2.0, 1)
    # All samples of the dark clip alike: what the solve hands on is the rounding's own variance.
    assert photon_transfer(signals, variances, 1 / 12, "sharp").is_bound


def test_too_few_levels_and_denoised_frames_are_refused() -> None:
    signals, variances, dark = levels(0.4, 4.0, 0)
    with pytest.raises(NoNoiseModel, match="blurry: 2 unclipped levels"):
        photon_transfer(signals[:2], variances[:2], dark, "blurry")
    with pytest.raises(NoNoiseModel, match="denoising"):
        photon_transfer(signals, np.full(5, 0.5 * dark), dark, "blurry")
