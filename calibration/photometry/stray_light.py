"""Even light on a dark clip: it is not uneven, and would be taken for the black level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from calibration.photometry.black_level import BlackLevel
from calibration.photometry.faults import NotDark
from calibration.photometry.linearity import Linearity
from calibration.photometry.noise import NoiseModel

_SAME_EXPOSURE: Final = 0.002
_DARK_RATE_DN12_PER_S: Final = 200.0
"""3 DN of 12 bit in 16 ms; dark current of an industrial sensor at 60 °C is a tenth of it."""

_LIGHT_DN12: Final = 3.0
_LIGHT_LEAST, _LIGHT_MOST = 0.5, 1.25
"""Photon noise of the suspected light over the dark clip's variance, for it to be light."""


def check_no_light(
    levels: Sequence[BlackLevel],
    bits: int,
    what: str,
    line: Linearity | None,
    noise: NoiseModel | None,
) -> None:
    """Raise `NotDark` where an even light fell on dark clips: a cap off in a dim room.

    It is told by dark levels that grow with the exposure faster than any dark current does, or by
    an exposure series whose line meets zero exposure below the dark level (its exposure offset is
    then negative), by as much as the noise of the dark clip says that photons are in it.
    """
    per_dn12 = 2.0 ** (bits - 12)
    times = np.array([level.exposure_us for level in levels]) / 1e6
    means = np.array([level.values.mean() for level in levels])
    longest = levels[int(np.argmax(times))]
    rate = 0.0
    if np.ptp(times) > _SAME_EXPOSURE * times.max():
        rate = float(np.polyfit(times, means, 1)[0]) / per_dn12
    light_dn, sigma_dn = 0.0, 0.0
    if line is not None:
        slope = float(np.mean(line.slope_dn_per_us))
        light_dn, sigma_dn = -slope * line.offset_us, slope * line.offset_sigma_us
    seen = noise is not None and (
        _LIGHT_LEAST
        <= noise.gain_dn_per_e * max(light_dn, 0.0) / max(longest.dark_noise_dn**2, 1e-9)
        <= _LIGHT_MOST
    )
    if rate > _DARK_RATE_DN12_PER_S:
        why = f"its level grows by {rate:.0f} DN12/s with the exposure"
    elif seen and light_dn > max(_LIGHT_DN12 * per_dn12, 3.0 * sigma_dn):
        why = (
            f"the exposure series begins {light_dn:.1f} DN below it, and its noise is that of light"
        )
    else:
        return
    raise NotDark(
        f"{longest.source}: light came into the dark clip of the {what}: {why}; put the caps on,"
        " cover the rig, and take it again"
    )
