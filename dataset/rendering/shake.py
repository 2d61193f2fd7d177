"""The path of a hand-held camera: closed functions of time with a stated spectrum.

A path is a sum of sinusoids, so that it can be evaluated at any time, is smooth at any frame
rate and gives the same numbers for the same seed. Two parts move the image:

*shake*
    a random sum over [`low_hz`, `high_hz`] whose displacement power falls as a second-order
    low-pass, ``S(f) ∝ 1 / (1 + (f / corner_hz)⁴)``: the slow wander of an arm and the tremor of
    a hand above it, in x, y and rotation independently;
*sway*
    a slow circling at `sway_hz` whose speed is constant. It takes over the share `circling` of
    the shake's mean squared speed. Shake alone comes to rest again and again (its speed follows
    a Rayleigh law), so that one clip holds sharp and badly blurred frames side by side.

Both are models of a hand, not measurements of one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from bsd.document import Part

Array = NDArray[np.float64]


class ShakeSpectrum(Part):
    """Which frequencies a hand's path holds, and how their power is shared out."""

    low_hz: float = Field(default=1.0, gt=0)
    high_hz: float = Field(default=12.0, gt=0)
    corner_hz: float = Field(default=4.0, gt=0)
    lines: int = Field(default=48, ge=1, le=4096)
    sway_hz: float = Field(default=2.5, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low_hz >= self.high_hz:
            raise ValueError(f"low_hz {self.low_hz} must lie below high_hz {self.high_hz}")
        return self

    def power(self, frequency_hz: ArrayLike) -> Array:
        """Displacement power density at `frequency_hz`, unnormalised; 0 outside the band."""
        frequency = np.asarray(frequency_hz, np.float64)
        inside = (frequency >= self.low_hz) & (frequency <= self.high_hz)
        return np.where(inside, 1.0 / (1.0 + (frequency / self.corner_hz) ** 4), 0.0)


@dataclass(frozen=True)
class Waveform:
    """A sum of sinusoids, ``Σ amplitude · sin(2π · frequency_hz · t + phase)``."""

    frequency_hz: Array
    amplitude: Array
    phase: Array

    def at(self, time_s: ArrayLike) -> Array:
        """Value at each time, in the unit of the amplitudes; the shape of `time_s`."""
        return self._sum(np.sin(self._angle(time_s)), self.amplitude)

    def scaled(self, factor: float) -> Waveform:
        """The same course with every amplitude multiplied by `factor`."""
        return Waveform(self.frequency_hz, self.amplitude * factor, self.phase)

    @staticmethod
    def _sum(waves: Array, weights: Array) -> Array:
        # Not a matrix product: its last bits depend on the number of times and threads.
        total: Array = np.sum(waves * weights, axis=-1)
        return total

    def _angle(self, time_s: ArrayLike) -> Array:
        time = np.asarray(time_s, np.float64)[..., None]
        angle: Array = 2 * math.pi * self.frequency_hz * time + self.phase
        return angle


def random_waveform(spectrum: ShakeSpectrum, rms: float, random: np.random.Generator) -> Waveform:
    """Draw one waveform of the spectrum's shape and exactly the given rms.

    The band is cut into `lines` equal bins with one sinusoid at a random place in each, so that
    the sum does not repeat within a clip; phases are uniform.

    Parameters
    ----------
    spectrum
        Band and shape.
    rms
        Root mean square over all time, ``sqrt(Σ amplitude² / 2)``, in any unit; not negative.
    random
        Source of the places and phases.
    """
    edges = np.linspace(spectrum.low_hz, spectrum.high_hz, spectrum.lines + 1)
    frequency = edges[:-1] + random.random(spectrum.lines) * np.diff(edges)
    phase = random.random(spectrum.lines) * 2 * math.pi
    amplitude = np.sqrt(spectrum.power(frequency))
    amplitude *= rms * math.sqrt(2.0 / float(np.sum(amplitude**2)))
    return Waveform(frequency, amplitude, phase)


@dataclass(frozen=True)
class HandPath:
    """Where a hand holds something at any time: image shift in px and rotation in degrees."""

    x_px: Waveform
    y_px: Waveform
    rotation_deg: Waveform

    def pose(self, time_s: ArrayLike) -> Array:
        """Shift and rotation at each time.

        Parameters
        ----------
        time_s
            Times in seconds, shape (N,).

        Returns
        -------
        Array
            (N, 3) float64: x in px, y in px, rotation in degrees.
        """
        waves = (self.x_px, self.y_px, self.rotation_deg)
        return np.stack([wave.at(time_s) for wave in waves], axis=-1)

    def scaled(self, factor: float) -> HandPath:
        """The same course with shifts and rotations multiplied by `factor`."""
        return HandPath(
            self.x_px.scaled(factor), self.y_px.scaled(factor), self.rotation_deg.scaled(factor)
        )


def hand_path(
    random: np.random.Generator,
    translation_px: float,
    rotation_deg: float,
    circling: float = 0.0,
    spectrum: ShakeSpectrum | None = None,
) -> HandPath:
    """Draw a hand's path.

    Parameters
    ----------
    random
        Seeded source of frequencies, phases and the sense of the circling.
    translation_px, rotation_deg
        Root mean square of each axis of the shake, before `circling` takes its share.
    circling
        Share (0 to 1) of the mean squared speed of the shift that circles at `sway_hz`.
        The mean squared speed itself does not depend on it.
    spectrum
        Band and shape; default `ShakeSpectrum()`.

    Raises
    ------
    ValueError
        An amplitude is negative or the share outside [0, 1].
    """
    if translation_px < 0 or rotation_deg < 0:
        raise ValueError("shake amplitudes must not be negative")
    if not 0.0 <= circling <= 1.0:
        raise ValueError(f"circling {circling} must lie within 0 to 1")
    spectrum = spectrum or ShakeSpectrum()
    x, y = (random_waveform(spectrum, translation_px, random) for _ in range(2))
    rotation = random_waveform(spectrum, rotation_deg, random)
    phase, sense = random.random() * 2 * math.pi, 1.0 if random.random() < 0.5 else -1.0
    # A circle of radius r at angular rate w has the squared speed (r w)².
    speed = math.sqrt(circling * (_mean_square_speed(x) + _mean_square_speed(y)))
    radius = speed / (2 * math.pi * spectrum.sway_hz)
    rest = math.sqrt(1.0 - circling)
    return HandPath(
        _with_line(x.scaled(rest), spectrum.sway_hz, radius, phase),
        _with_line(y.scaled(rest), spectrum.sway_hz, sense * radius, phase + math.pi / 2),
        rotation,
    )


def _mean_square_speed(wave: Waveform) -> float:
    return float(np.sum((2 * math.pi * wave.frequency_hz * wave.amplitude) ** 2) / 2)


def _with_line(wave: Waveform, frequency_hz: float, amplitude: float, phase: float) -> Waveform:
    return Waveform(
        np.append(wave.frequency_hz, frequency_hz),
        np.append(wave.amplitude, amplitude),
        np.append(wave.phase, phase),
    )


def arc_lengths(points_px: Array, times_s: Array, window_s: float) -> Array:
    """Length of the path that points travel within each window of time.

    Parameters
    ----------
    points_px
        (N, P, 2) positions of P points at N times.
    times_s
        (N,) ascending times.
    window_s
        Length of a window; one starts at each time and must end within the times.

    Returns
    -------
    Array
        (M,) px, the mean over the points, for the M windows that fit.

    Raises
    ------
    ValueError
        The times are shorter than one window.
    """
    if times_s[-1] - times_s[0] < window_s:
        raise ValueError(f"{times_s[-1] - times_s[0]:.4f} s of path hold no window of {window_s} s")
    steps = np.linalg.norm(np.diff(points_px, axis=0), axis=-1).mean(axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    ends = times_s + window_s
    fits = ends <= times_s[-1]
    lengths: Array = np.interp(ends[fits], times_s, travelled) - travelled[fits]
    return lengths
