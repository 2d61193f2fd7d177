"""Motion: where the rig or an object is, as a pure function of time.

A motion has a clock of its own: it stands before `begin_s` and after `end_s`, and may run forth and
back. On that clock the pose is velocity × time plus shake, where shake is a sum of sinusoids of
log-spaced frequencies and seeded random phases under the spectrum S(f) ∝ (f/p)² exp(1 − (f/p)²).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hardware.twin.world_config import MotionConfig, ShakeConfig

Vector = NDArray[np.float64]
_TONES = 24
_OCTAVES_BELOW, _OCTAVES_ABOVE = 3.5, 1.5
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Pose:
    """Displacement from rest.

    Attributes
    ----------
    shift_mm
        (3,) float64.
    turn_rad
        (3,) float64, rotation vector: its direction is the axis, its length the angle.
    """

    shift_mm: Vector
    turn_rad: Vector

    def rotation(self) -> NDArray[np.float64]:
        """Rotation matrix (3, 3) after Rodrigues."""
        return rotation_matrix(self.turn_rad)


@dataclass(frozen=True)
class Shake:
    """Tones of the six coordinates (x, y, z in mm, then turns in rad).

    Attributes
    ----------
    angular_hz
        (T,) 2πf.
    phase_rad, amplitude
        (6, T); the root mean square over all time is √(Σ amplitude²/2).
    """

    angular_hz: Vector
    phase_rad: Vector
    amplitude: Vector

    @classmethod
    def draw(cls, config: ShakeConfig, seed: int) -> Self:
        """Draw the phases from ``SeedSequence([seed, config.seed])``."""
        octaves = np.linspace(-_OCTAVES_BELOW, _OCTAVES_ABOVE, _TONES)
        ratio = 2.0**octaves
        power = ratio**2 * np.exp(1.0 - ratio**2) * ratio  # × f: the width of a log-spaced band
        rms = np.concatenate(
            [config.translation_rms_mm, np.asarray(config.rotation_rms_mrad) / 1000.0]
        )
        generator = np.random.default_rng(np.random.SeedSequence([seed, config.seed]))
        phase = generator.uniform(0.0, math.tau, size=(6, _TONES))
        share = np.sqrt(2.0 * power / power.sum())
        return cls(math.tau * config.peak_hz * ratio, phase, rms[:, None] * share)

    def at(self, time_s: float) -> Vector:
        """The six coordinates at a time, relative to those at time 0."""
        waves = np.sin(self.angular_hz * time_s + self.phase_rad) - np.sin(self.phase_rad)
        return np.asarray((self.amplitude * waves).sum(axis=1), dtype=np.float64)


class Motion:
    """A motion of the configuration, made ready to be asked for its pose."""

    def __init__(self, config: MotionConfig, seed: int) -> None:
        self._config = config
        self._velocity = np.asarray(config.velocity_mm_s, dtype=np.float64)
        self._turn = np.asarray(config.rotation_mrad_s, dtype=np.float64) / 1000.0
        self._shake = Shake.draw(config.shake, seed)

    def clock_s(self, time_ns: int) -> float:
        """The motion's own time: it stands before its beginning and after its end, and may turn."""
        config = self._config
        end_s = math.inf if config.end_s is None else config.end_s
        elapsed_s = min(time_ns / _NS_PER_S, end_s) - config.begin_s
        elapsed_s = max(elapsed_s, 0.0)
        if config.reverse_every_s is None:
            return elapsed_s
        turned: float = elapsed_s % (2.0 * config.reverse_every_s)
        return min(turned, 2.0 * config.reverse_every_s - turned)

    def pose(self, time_ns: int) -> Pose:
        """The pose at a time of the world, in nanoseconds."""
        time_s = self.clock_s(time_ns)
        shake = self._shake.at(time_s)
        return Pose(self._velocity * time_s + shake[:3], self._turn * time_s + shake[3:])


def rotation_matrix(turn_rad: Vector) -> NDArray[np.float64]:
    """Rotation matrix (3, 3) of a rotation vector (Rodrigues' formula)."""
    angle = float(np.linalg.norm(turn_rad))
    x, y, z = turn_rad
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    if angle < 1e-12:
        return np.asarray(np.eye(3) + cross, dtype=np.float64)
    first = math.sin(angle) / angle
    second = (1.0 - math.cos(angle)) / angle**2
    return np.asarray(np.eye(3) + first * cross + second * (cross @ cross), dtype=np.float64)
