"""Signal against predicted exposure: whether it is a line, and where the line begins.

``signal = slope (exposure + offset)``: one slope for each place of the cell, one offset for the
sensor. The exposures are what the plan predicts of the light, so that the offset is what
rig.yaml's delays still lack.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from acquisition.camera_timing import CameraTiming
from acquisition.rig import Role
from bsd.document import Part
from calibration.photometry.black_level import Four, four
from calibration.photometry.curvature import curvature
from calibration.photometry.faults import DarkFlat, LightChanged, NonLinear, ShortSeries
from calibration.photometry.level import Level
from calibration.photometry.position import POSITIONS

LEAST_LEVELS: Final = 8
LEAST_USED: Final = 6
"""Levels that must be left once the clipped ones are taken out."""

NONLINEARITY_MOST: Final = 0.01
LIGHT_MOST: Final = 0.02
OFFSET_MOST_US: Final = 50.0
"""Beyond it no camera's timing is the reason."""

_CLIPPED_MOST: Final = 0.001
_STABILITY: Final = 2e-4
"""Relative sigma that no lamp goes below."""

_LEAST_SIGMAS: Final = 20.0
_LEAST_DN: Final = 1.0
"""What the brightest level of a series must stand above black, for there to be a line."""

_LEAST_SIGMA_DN: Final = 1e-6
_STEPS: Final = 12


class Linearity(Part):
    """The line through a series.

    Attributes
    ----------
    slope_dn_per_us
        By place of the upright cell.
    offset_us, offset_sigma_us
        Real minus predicted exposure; the sigma holds the black level's, and where the series
        bends what the bend makes of the offset.
    nonlinearity_percent
        Largest deviation of a used level from the line, relative to the line there.
    deviation_percent
        The same of each level, mean of the places, in the order of `exposures_us`; of levels that
        were left out too.
    exposures_us
        Predicted, of all levels.
    levels_used
        Levels that are not clipped.
    left_out
        Sources of those that are.
    sources
        Clips, by level.
    curvature_percent
        By how much the brightest used level lies off the line that the faintest begin; None where
        it is not told from none.
    """

    slope_dn_per_us: Four
    offset_us: float
    offset_sigma_us: float
    nonlinearity_percent: float
    deviation_percent: tuple[float, ...]
    exposures_us: tuple[float, ...]
    levels_used: int
    left_out: tuple[str, ...]
    sources: tuple[str, ...]
    curvature_percent: float | None = None

    def predicted_dn(self, exposure_us: float) -> NDArray[np.float64]:
        """Signal (4,) above black of the series' light at a predicted exposure."""
        return np.array(self.slope_dn_per_us) * (exposure_us + self.offset_us)


def fit_series(
    levels: Sequence[Level], black_sigma_dn: NDArray[np.float64], what: str
) -> Linearity:
    """The line through a series, clipped levels left out.

    Parameters
    ----------
    levels
        At least 8, of at least two frames each.
    black_sigma_dn
        (4,) sigma of the black level, common to all levels.
    what
        Camera, for messages.

    Raises
    ------
    ShortSeries
        Too few levels, or too few that are not clipped.
    NonLinear
        A level deviates by more than 1 % and by more than noise.
    DarkFlat
        The brightest level that is not clipped hardly stands out of the black level.
    """
    exposures = {round(level.exposure_us) for level in levels}
    if len(exposures) < LEAST_LEVELS:
        raise ShortSeries(
            f"{what}: the exposure series has {len(exposures)} levels, {LEAST_LEVELS} are needed;"
            " record it with 'python -m acquisition.capture --purpose series'"
        )
    used = [level.clipped_share <= _CLIPPED_MOST for level in levels]
    if sum(used) < LEAST_USED:
        raise ShortSeries(
            f"{what}: only {sum(used)} of {len(levels)} levels of the exposure series are not"
            f" clipped, {LEAST_USED} are needed; less light, and take the series again"
        )
    _check_lit([level for level, keep in zip(levels, used, strict=True) if keep], black_sigma_dn)
    made = fit(
        np.array([level.exposure_us for level in levels]),
        np.stack([level.signal_dn for level in levels]),
        np.stack([level.sigma_dn for level in levels]),
        black_sigma_dn=black_sigma_dn,
        used=np.array(used),
        sources=tuple(level.source for level in levels),
    )
    _check_line(made, levels, black_sigma_dn, used, what)
    return made


def fit(
    exposures_us: NDArray[np.float64],
    signals_dn: NDArray[np.float64],
    sigmas_dn: NDArray[np.float64],
    *,
    black_sigma_dn: NDArray[np.float64] | None = None,
    used: NDArray[np.bool_] | None = None,
    sources: tuple[str, ...] = (),
) -> Linearity:
    """Least squares of ``signal = slope (exposure + offset)``, by Gauss-Newton.

    Parameters
    ----------
    exposures_us
        (L,) predicted.
    signals_dn, sigmas_dn
        (L, 4) above black, and statistical sigmas.
    black_sigma_dn
        (4,) of the level that was taken off all of them.
    used
        (L,) bool: others only get a deviation.
    sources
        Names of the levels.
    """
    used = np.ones(len(exposures_us), dtype=bool) if used is None else used
    times, signals = exposures_us[used], signals_dn[used]
    sigmas = np.maximum(np.hypot(sigmas_dn[used], _STABILITY * np.abs(signals)), _LEAST_SIGMA_DN)
    slopes, offset_us, offset_sigma_us = _line(times, signals, sigmas)
    black = 0.0 if black_sigma_dn is None else float(np.mean(black_sigma_dn / slopes))
    bent = curvature(times, signals, sigmas, slopes, offset_us)
    if bent.is_told:
        # How it bends is not known to be a parabola: all that this one changes stays unknown.
        offset_sigma_us = math.hypot(bent.offset_sigma_us, bent.offset_us - offset_us)
        offset_us = bent.offset_us
        slopes = _through(times + offset_us, signals, sigmas)
    line = slopes * (exposures_us[:, None] + offset_us)
    deviation = ((signals_dn - line) / line).mean(axis=1)
    return Linearity(
        slope_dn_per_us=four(slopes),
        offset_us=offset_us,
        offset_sigma_us=math.hypot(offset_sigma_us, black),
        nonlinearity_percent=100 * float(np.abs(deviation[used]).max()),
        deviation_percent=tuple(100 * float(value) for value in deviation),
        exposures_us=tuple(float(value) for value in exposures_us),
        levels_used=int(used.sum()),
        left_out=tuple(name for name, keep in zip(sources, used, strict=False) if not keep),
        sources=sources,
        curvature_percent=100 * bent.share if bent.is_told else None,
    )


def _line(
    times: NDArray[np.float64], signals: NDArray[np.float64], sigmas: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, float]:
    """Slopes (4,), offset and its statistical sigma, by Gauss-Newton."""
    slopes = (signals / times[:, None]).mean(axis=0)
    offset_us = 0.0
    normal = np.eye(POSITIONS + 1)
    for _ in range(_STEPS):
        misfit = (signals - slopes * (times[:, None] + offset_us)) / sigmas
        jacobian = np.zeros((*signals.shape, POSITIONS + 1))
        for place in range(POSITIONS):
            jacobian[:, place, place] = (times + offset_us) / sigmas[:, place]
            jacobian[:, place, POSITIONS] = slopes[place] / sigmas[:, place]
        rows = jacobian.reshape(-1, POSITIONS + 1)
        scale = np.sqrt((rows**2).sum(axis=0))
        step, *_ = np.linalg.lstsq(rows / scale, misfit.ravel(), rcond=None)
        normal = np.linalg.inv((rows / scale).T @ (rows / scale)) / np.outer(scale, scale)
        slopes, offset_us = slopes + (step / scale)[:POSITIONS], offset_us + step[-1] / scale[-1]
    misfit = (signals - slopes * (times[:, None] + offset_us)) / sigmas
    excess = max(1.0, math.sqrt(float((misfit**2).sum()) / max(1, misfit.size - POSITIONS - 1)))
    return slopes, float(offset_us), excess * math.sqrt(normal[-1, -1])


def _through(
    real_us: NDArray[np.float64], signals: NDArray[np.float64], sigmas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Slopes (4,) of the lines that begin at no exposure."""
    weights = real_us[:, None] / sigmas
    return np.asarray((weights * signals / sigmas).sum(axis=0) / (weights**2).sum(axis=0))


def _check_lit(used: Sequence[Level], black_sigma_dn: NDArray[np.float64]) -> None:
    brightest = max(used, key=lambda level: level.exposure_us)
    sigma = np.hypot(brightest.sigma_dn, black_sigma_dn)
    if (brightest.signal_dn < np.maximum(_LEAST_SIGMAS * sigma, _LEAST_DN)).any():
        raise DarkFlat(
            f"{brightest.source}: the exposure series is dark, its brightest level that is not"
            f" clipped stands {brightest.signal_dn.min():.2g} DN above black; light the surface"
            " and take the series again"
        )


def check_same_light(
    linearity: Linearity,
    flat: Level,
    limit: float = LIGHT_MOST,
) -> float:
    """The flat's level relative to what the series predicts, less 1.

    Raises
    ------
    LightChanged
        It is off by more than `limit`: something was touched between flat and series.
    """
    change = float((flat.signal_dn / linearity.predicted_dn(flat.exposure_us)).mean()) - 1
    if abs(change) > limit:
        raise LightChanged(
            f"{flat.source}: stands {change:+.1%} off the level that the exposure series predicts"
            f" (limit {limit:.0%}): the light or the surface changed in between; take flat field"
            " and series again without touching anything"
        )
    return change


def rig_advice(linearity: Linearity, role: Role, timing: CameraTiming) -> str | None:
    """What to write into rig.yaml so that the offset is predicted; None where it is within noise.

    None too beyond 50 µs: light in the dark clip, or a lamp that drifts, and no timing.

    The plan then makes the exposure as long as the setting says.
    """
    if abs(linearity.offset_us) <= 2 * linearity.offset_sigma_us:
        return None
    if abs(linearity.offset_us) > OFFSET_MOST_US:
        return None
    missing_ns = round(1000 * linearity.offset_us)
    if timing.exposure == "timed":
        field, value = "exposure_offset_ns", timing.exposure_offset_ns + missing_ns
    elif timing.end_latency_ns + missing_ns >= 0:
        field, value = "end_latency_ns", timing.end_latency_ns + missing_ns
    else:
        field, value = "start_latency_ns", timing.start_latency_ns - missing_ns
    return f"cameras.{role}.timing.{field}: {value}"


def _check_line(
    made: Linearity,
    levels: Sequence[Level],
    black_sigma_dn: NDArray[np.float64],
    used: Sequence[bool],
    what: str,
) -> None:
    if made.nonlinearity_percent <= 100 * NONLINEARITY_MOST:
        return
    worst = -1.0, levels[0]
    for level, deviation, keep in zip(levels, made.deviation_percent, used, strict=True):
        noise = np.hypot(level.sigma_dn, black_sigma_dn) / np.maximum(level.signal_dn, 1e-6)
        if keep and abs(deviation) > 500 * float(noise.mean()):
            worst = max(worst, (abs(deviation), level), key=lambda pair: pair[0])
    if worst[0] > 100 * NONLINEARITY_MOST:
        raise NonLinear(
            f"{worst[1].source}: {what} is {worst[0]:.1f} % off a line at"
            f" {worst[1].exposure_us / 1000:g} ms (limit {NONLINEARITY_MOST:.0%}): gamma or"
            " processing in the camera, a light that changed or that flickers in step with the"
            " frames; set gamma 1, light with DC, and take the series again"
        )
