"""Light over time: the exact integral of a lamp's flicker over any window.

Pure functions of integer nanoseconds. A lamp shines with share · (1 + m cos(2πft + φ)); over a
window of length T about its middle t₀ that integrates to share · T · (1 + m sinc(fT) cos(2πft₀+φ)),
sinc(x) = sin(πx)/(πx).
"""

from __future__ import annotations

import math

import numpy as np

from hardware.twin.world_config import LightConfig

_NS_PER_S = 1_000_000_000


def light_seconds(light: LightConfig, begin_ns: int, end_ns: int) -> float:
    """Integral of the light over ``[begin_ns, end_ns)``, in seconds of a lamp of level 1.

    Parameters
    ----------
    light
        The lamps.
    begin_ns, end_ns
        World time in nanoseconds; nothing is collected where the end is not after the beginning.
    """
    if end_ns <= begin_ns:
        return 0.0
    length_s = (end_ns - begin_ns) / _NS_PER_S
    total = 0.0
    for lamp in light.components:
        ripple = 0.0
        if lamp.frequency_hz > 0:
            phase = _cycles(lamp.frequency_hz, begin_ns + end_ns) * math.tau
            envelope = float(np.sinc(lamp.frequency_hz * length_s))
            ripple = envelope * math.cos(phase + math.radians(lamp.phase_deg))
        total += lamp.share * length_s * (1.0 + lamp.modulation * ripple)
    return total


def _cycles(frequency_hz: float, twice_ns: int) -> float:
    """Fraction of a cycle at ``twice_ns / 2``; whole seconds are taken out before rounding does."""
    seconds, rest_ns = divmod(twice_ns, 2 * _NS_PER_S)
    return (frequency_hz * seconds) % 1.0 + frequency_hz * rest_ns / (2 * _NS_PER_S)
