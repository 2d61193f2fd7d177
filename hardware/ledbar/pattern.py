"""The timing target's pattern: what is lit when, and the exposure read back from a picture of it.

All of it stands in ``docs/how-to/timing-target.md`` too, which is enough to write a second reader.
LEDs are numbered as there: 0 to 63 the matrix in the order in which it is lit, 64 to 71 the bits 0
to 7 of the round's number, 72 to 74 the reference LEDs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEP_US = 480.0
"""One LED of the matrix is lit for so long."""
CHASE = 64
BITS = 8
REFERENCES = 3
LEDS = CHASE + BITS + REFERENCES
ROUND_US = CHASE * STEP_US
ROUNDS = 1 << BITS
SPAN_US = ROUNDS * ROUND_US
"""7.86432 s: after this time the pattern begins anew."""
EQUALISE_STEP_US = 31.25
"""With the jumper closed: 64 of them are 2 ms."""
LONGEST_US = 60 * STEP_US
"""The longest exposure that can be read: three LEDs of the matrix stay dark whenever it begins."""
WORST_EXCESS = 5.0
"""Uncertainties by which no LED of the matrix may be lit for longer than a step."""
WORST_RMS = 0.05
"""Of the fit, as a share of a full step; a picture that fits worse is not of this pattern."""


class UnreadablePattern(ValueError):
    """The light of the LEDs is not that of any exposure which can be read."""


@dataclass(frozen=True)
class Reading:
    """An exposure on the target's clock.

    Attributes
    ----------
    begin_us : float
        In [0, `SPAN_US`).
    end_us : float
        ``begin_us`` plus the duration, so it may lie beyond `SPAN_US`.
    sigma_us : float
        Standard uncertainty of each of the two; their errors are independent.
    place_us : float
        Half the range within which both may lie together, not known better: 0, save for exposures
        that are shorter than a step and light one LED only.
    full : float
        Mean light of the LEDs that were lit for a whole step, in steps: 1 where the scale is right,
        NaN where there are none.
    rms : float
        Of the fit, in steps.
    """

    begin_us: float
    end_us: float
    sigma_us: float
    place_us: float
    full: float
    rms: float

    @property
    def duration_us(self) -> float:
        """Length of the exposure."""
        return self.end_us - self.begin_us

    @property
    def middle_us(self) -> float:
        """Mid-exposure; it may lie beyond `SPAN_US`. Uncertainty: ``sigma_us / sqrt(2)``."""
        return (self.begin_us + self.end_us) / 2


def separation_us(first: float, second: float) -> float:
    """Second time minus first on the target's clock, in [-`SPAN_US` / 2, `SPAN_US` / 2)."""
    return (second - first + SPAN_US / 2) % SPAN_US - SPAN_US / 2


def gray(number: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """Bits 0 to 7 of the Gray code of a round's number.

    Returns
    -------
    ndarray
        (..., 8), 0.0 or 1.0.
    """
    value = np.asarray(number, dtype=np.int64) % ROUNDS
    code = value ^ (value >> 1)
    bits: NDArray[np.float64] = ((code[..., np.newaxis] >> np.arange(BITS)) & 1).astype(np.float64)
    return bits


def _matrix_until(time_us: float, step_us: float) -> NDArray[np.float64]:
    """On-time of each LED of the matrix since 0, (64,)."""
    rounds, phase = divmod(time_us, CHASE * step_us)
    begun = phase - step_us * np.arange(CHASE)
    lit: NDArray[np.float64] = rounds * step_us + np.clip(begun, 0.0, step_us)
    return lit


def _counter_until(time_us: float) -> NDArray[np.float64]:
    """On-time of each bit since 0, (8,)."""
    spans, phase = divmod(time_us, SPAN_US)
    number = int(phase // ROUND_US)
    bits = gray(np.arange(ROUNDS))
    done = ROUND_US * (spans * bits.sum(axis=0) + bits[:number].sum(axis=0))
    lit: NDArray[np.float64] = done + gray(number) * (phase - number * ROUND_US)
    return lit


def light_integral(
    begin_us: float, end_us: float, *, equalise: bool = False
) -> NDArray[np.float64]:
    """How long each LED is lit within an exposure.

    Parameters
    ----------
    begin_us, end_us : float
        On the target's clock: 0 is the edge at which LED 0 of round 0 is lit. Any real numbers.
    equalise : bool
        The jumper is closed: short steps, and all bits lit.

    Returns
    -------
    ndarray
        (75,), float64, microseconds.
    """
    step_us = EQUALISE_STEP_US if equalise else STEP_US
    whole = end_us - begin_us
    if not whole >= 0:
        raise ValueError(f"an exposure from {begin_us} to {end_us} us ends before it begins")
    matrix = _matrix_until(end_us, step_us) - _matrix_until(begin_us, step_us)
    counter = (
        np.full(BITS, whole) if equalise else _counter_until(end_us) - _counter_until(begin_us)
    )
    return np.concatenate([matrix, counter, np.full(REFERENCES, whole)])


def fractions(light: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Light of the 75 LEDs, each in microseconds → what `read_exposure` takes."""
    value = np.asarray(light, dtype=np.float64)
    return value[:CHASE] / STEP_US, value[CHASE : CHASE + BITS] / value[CHASE + BITS :].mean()


def step_fraction(
    signal: ArrayLike, equalised: ArrayLike, equalised_ms: int
) -> NDArray[np.float64]:
    """Light of the matrix in steps from a picture and one with the jumper closed.

    With the jumper closed every LED is lit for `EQUALISE_STEP_US` in every 2 ms of exposure.

    Parameters
    ----------
    signal, equalised : array_like
        (64,), the LEDs' mean above dark, linear, in the same unit.
    equalised_ms : int
        Commanded exposure of the equalised picture, an even number of milliseconds.
    """
    if equalised_ms < 2 or equalised_ms % 2:
        raise ValueError(
            f"{equalised_ms} ms do not light every LED alike: take an even number of ms"
        )
    each_us = equalised_ms / 2 * EQUALISE_STEP_US
    share: NDArray[np.float64] = np.asarray(signal, float) / np.asarray(equalised, float)
    return share * (each_us / STEP_US)


@dataclass(frozen=True)
class _Arc:
    """The LED in which an exposure begins, how many after it are lit in full, and the misfit."""

    first: int
    full: int
    cost: float


def _fit(light: NDArray[np.float64]) -> _Arc:
    """Least squares over all begins and ends.

    Begin and end each touch one LED only, so for a given pair of LEDs the best times follow from
    those two in closed form, and what is left are 64 × 62 sums.
    """
    turned = light[(np.arange(CHASE)[:, np.newaxis] + np.arange(CHASE)) % CHASE]
    outside = (turned - np.clip(turned, 0.0, 1.0)) ** 2
    lit = np.cumsum((turned - 1.0) ** 2, axis=1)
    dark = np.cumsum(turned**2, axis=1)
    full = np.arange(CHASE - 2)
    last = full + 1
    cost = outside[:, :1] + lit[:, full] - lit[:, :1]
    cost += outside[:, last] + dark[:, -1:] - dark[:, last]
    first, count = np.unravel_index(int(np.argmin(cost)), cost.shape)
    return _Arc(int(first), int(count), float(cost[first, count]))


def _number_of_round(counter: NDArray[np.float64], before: float) -> int:
    """Round in which the exposure began, when a share `before` of it lay in that round."""
    numbers = np.arange(ROUNDS)
    wanted = before * gray(numbers) + (1.0 - before) * gray(numbers + 1)
    miss = ((wanted - np.clip(counter, 0.0, 1.0)) ** 2).sum(axis=1)
    best = int(np.argmin(miss))
    if miss[best] > 0.25:
        raise UnreadablePattern(
            f"the counter's LEDs {np.round(counter, 2).tolist()} are no Gray code: check that they "
            "are dark-subtracted, divided by the reference LEDs and in the order of bits 0 to 7"
        )
    return best


def _checked(values: ArrayLike, size: int, what: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise ValueError(f"{what}: {size} finite numbers are wanted, not shape {array.shape}")
    return array


def read_exposure(on_fraction: ArrayLike, counter: ArrayLike, *, noise: float = 0.01) -> Reading:
    """Begin and end of an exposure from the light of the LEDs.

    Parameters
    ----------
    on_fraction : array_like
        (64,), light of the matrix above dark, 1 for an LED that was lit for a whole step.
    counter : array_like
        (8,), light of bits 0 to 7 above dark, 1 for the reference LEDs.
    noise : float
        Known uncertainty of ``on_fraction``; the scatter about the fit is taken where it is larger.

    Raises
    ------
    UnreadablePattern
        No light, light of no single exposure, longer than `LONGEST_US`, or an LED that was lit for
        longer than a step.
    """
    light = _checked(on_fraction, CHASE, "on_fraction")
    bits = _checked(counter, BITS, "counter")
    if light.max() < 5 * noise:
        raise UnreadablePattern("no LED of the matrix stands out from the noise")
    arc = _fit(light)
    rms = float(np.sqrt(arc.cost / (CHASE - 2)))
    if arc.full > CHASE - 4:
        raise UnreadablePattern(
            f"too few LEDs of the matrix are dark: over {LONGEST_US / 1000:g} ms cannot be read"
        )
    if rms > WORST_RMS:
        raise UnreadablePattern(
            f"the matrix fits no exposure (rms {rms:.3f} of a step): check the order of the LEDs, "
            "saturation, and the picture with the jumper closed"
        )
    sigma = max(noise, rms)
    longest = int(light.argmax())
    if light[longest] > 1.0 + WORST_EXCESS * sigma:
        raise UnreadablePattern(
            f"LED {longest} was lit for {light[longest]:.2f} of a step: the target hung, or the "
            "scale is wrong; check the picture with the jumper closed, or take another picture"
        )
    return _reading(light, bits, arc, sigma, rms)


def _reading(
    light: NDArray[np.float64],
    bits: NDArray[np.float64],
    arc: _Arc,
    sigma: float,
    rms: float,
) -> Reading:
    whole = (arc.first + 1 + np.arange(arc.full)) % CHASE
    before, after = np.clip(light[[arc.first, (arc.first + arc.full + 1) % CHASE]], 0.0, 1.0)
    begin, end = arc.first + 1 - before, arc.first + 1 + arc.full + after
    place = 0.0
    if arc.full == 0 and min(before, after) < 3 * sigma:
        begin, end, place = _within_one((arc.first + (after > before)) % CHASE, before + after)
    in_first_round = min(1.0, (CHASE - begin) / (end - begin))
    number = _number_of_round(bits, in_first_round)
    begin_us = (number * ROUND_US + begin * STEP_US) % SPAN_US
    return Reading(
        begin_us=float(begin_us),
        end_us=float(begin_us + (end - begin) * STEP_US),
        sigma_us=sigma * STEP_US,
        place_us=float(place * STEP_US),
        full=float(light[whole].mean()) if arc.full else float("nan"),
        rms=rms,
    )


def _within_one(led: int, duration: float) -> tuple[float, float, float]:
    """(begin, end, half the range) in steps of an exposure somewhere in the step of one LED."""
    slack = max(0.0, 1.0 - duration) / 2
    return led + slack, led + slack + duration, slack
