r"""Photon transfer: what a camera's noise is at each level, from clips of an even surface.

Photons come one by one, so that the variance in time of a pixel grows with its mean (EMVA 1288,
release 4.0, section 2.3):

.. math:: \sigma^2 = \sigma_d^2 + K \mu

with :math:`\mu` the signal above black, :math:`K` the system gain in DN per electron and
:math:`\sigma_d` the noise in the dark, in DN. Fixed patterns are no part of it: every variance here
is one in time.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from bsd.errors import FoundBad

_LEAST_LEVELS: Final = 3
_QUANTISATION_DN2: Final = 1.0 / 12.0


class NoNoiseModel(FoundBad):
    """The levels do not tell a camera's noise."""


class NoiseModel(Part):
    """Noise of one camera's raw samples.

    Attributes
    ----------
    gain_dn_per_e, gain_sigma
        System gain K and its standard error.
    dark_noise_dn
        Standard deviation in time without light; it holds the rounding to whole DN.
    is_bound
        At so little noise in the dark rounding hides it: `dark_noise_dn` is then a bound from
        above.
    levels
        How many signal levels were used.
    deviation_percent
        Largest deviation of a level's variance from the line.
    """

    gain_dn_per_e: float
    gain_sigma: float
    dark_noise_dn: float
    is_bound: bool
    levels: int
    deviation_percent: float

    def variance_dn2(self, signal_dn: NDArray[np.float32]) -> NDArray[np.float32]:
        """Variance in time of samples with that signal above black, DN²."""
        dark = np.float32(self.dark_noise_dn**2)
        grown = np.float32(self.gain_dn_per_e) * np.maximum(signal_dn, np.float32(0))
        return np.asarray(dark + grown, dtype=np.float32)


def photon_transfer(
    signals_dn: NDArray[np.float64],
    variances_dn2: NDArray[np.float64],
    dark_variance_dn2: float,
    where: str,
    least_dark_noise_dn: float = 0.24,
) -> NoiseModel:
    """Fit the line through the dark variance and those of several levels.

    Parameters
    ----------
    signals_dn, variances_dn2
        (L,) means above black and variances in time, of levels that are not clipped.
    dark_variance_dn2
        Variance in time of a dark clip.
    where
        Camera, for messages.
    least_dark_noise_dn
        Noise before the rounding to whole DN below which the rounding hides it.

    Raises
    ------
    NoNoiseModel
        Fewer than 3 levels, or a variance that does not grow with the signal.
    """
    signals = np.asarray(signals_dn, dtype=np.float64)
    variances = np.asarray(variances_dn2, dtype=np.float64)
    if len(signals) < _LEAST_LEVELS:
        raise NoNoiseModel(
            f"{where}: {len(signals)} unclipped levels, needs {_LEAST_LEVELS} for photon transfer;"
            " record the exposure series again with less light"
        )
    grown = variances - dark_variance_dn2
    # A variance's own error is proportional to it, so each level weighs 1 / variance².
    weights = 1.0 / np.maximum(variances, _QUANTISATION_DN2) ** 2
    gain = float((weights * signals * grown).sum() / (weights * signals**2).sum())
    if gain <= 0:
        raise NoNoiseModel(
            f"{where}: noise does not grow with the light; switch the camera's denoising off and"
            " record the series again"
        )
    fitted = dark_variance_dn2 + gain * signals
    spread = (weights * (variances - fitted) ** 2).sum() / max(1, len(signals) - 1)
    sigma = float(np.sqrt(spread / (weights * signals**2).sum()))
    dark_noise = math.sqrt(max(dark_variance_dn2, 0.0))
    bound = math.sqrt(least_dark_noise_dn**2 + _QUANTISATION_DN2)
    return NoiseModel(
        gain_dn_per_e=gain,
        gain_sigma=sigma,
        dark_noise_dn=max(dark_noise, bound),
        is_bound=dark_noise < bound,
        levels=len(signals),
        deviation_percent=float(100.0 * np.abs(variances / fitted - 1.0).max()),
    )
