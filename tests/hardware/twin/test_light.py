"""The light's integral against quadrature and the sinc law."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from hardware.twin.light import light_seconds
from hardware.twin.world_config import LightComponent, LightConfig

pytestmark = pytest.mark.unit
MIXED = LightConfig(
    components=(
        LightComponent(share=0.5),
        LightComponent(share=0.3, frequency_hz=100, modulation=0.4, phase_deg=35),
        LightComponent(share=0.2, frequency_hz=120, modulation=0.9, phase_deg=-80),
    )
)


def instant(light: LightConfig, time_s: float) -> float:
    return sum(
        lamp.share
        * (
            1
            + lamp.modulation
            * math.cos(math.tau * lamp.frequency_hz * time_s + math.radians(lamp.phase_deg))
        )
        for lamp in light.components
    )


@pytest.mark.parametrize(("begin_ns", "length_ns"), [(0, 16_000_000), (3_333_333, 1_999_999)])
def test_integral_agrees_with_quadrature(begin_ns: int, length_ns: int) -> None:
    a, b = begin_ns * 1e-9, (begin_ns + length_ns) * 1e-9
    expected = quad(lambda t: instant(MIXED, t), a, b, epsabs=1e-14)[0]
    assert light_seconds(MIXED, begin_ns, begin_ns + length_ns) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("frequency_hz", [100.0, 120.0])
@pytest.mark.parametrize("length_ms", [2, 16])
def test_flicker_amplitude_follows_sinc(frequency_hz: float, length_ms: int) -> None:
    light = LightConfig.preset("100hz" if frequency_hz == 100 else "120hz", modulation=0.3)
    length_ns = length_ms * 1_000_000
    begins = np.linspace(0, 1e9 / frequency_hz, 4001).astype(np.int64)
    level = [light_seconds(light, int(b), int(b) + length_ns) / (length_ns * 1e-9) for b in begins]
    x = math.pi * frequency_hz * length_ns * 1e-9
    assert (max(level) - min(level)) / 2 == pytest.approx(0.3 * abs(math.sin(x) / x), rel=1e-4)


def test_parts_add_up_to_the_whole_far_from_the_epoch() -> None:
    begin = 1_700_000_000_123_456_789
    cuts = [begin + step for step in (0, 1_000_001, 7_654_321, 16_000_000)]
    parts = sum(light_seconds(MIXED, a, b) for a, b in pairwise(cuts))
    assert parts == pytest.approx(light_seconds(MIXED, cuts[0], cuts[-1]), rel=1e-9)


def test_no_time_no_light() -> None:
    assert light_seconds(MIXED, 5, 5) == 0.0
    assert light_seconds(MIXED, 6, 5) == 0.0


def test_120_hz_light_stands_still_at_15_frames_a_second() -> None:
    light = LightConfig.preset("120hz")
    frames = [round(k * 1e9 / 15) for k in range(30)]
    levels = [light_seconds(light, begin, begin + 2_000_000) for begin in frames]
    assert max(levels) - min(levels) < 1e-9
