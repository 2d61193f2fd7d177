"""Which terms the points ask for: distortion and parallax only where held-out errors fall.

A richer model is fitted with every pose left out in turn and judged by that pose's errors. It is
taken only where these fall by more than their scatter over the poses. Which lens model is tried is
another question, for held-out poses at the edge ask a model to extrapolate, the map does not: there
the smallest Akaike criterion over all points decides (H. Akaike, IEEE Trans. Automatic Control 19,
1974).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.fit import Fit, Problem, Terms, Values, fitted
from calibration.geometry.view_map import Points

_SIGNIFICANT = 2.0
_CLEAR = 0.8
_LEAST_FALL = 0.99
_LENSES = ((0, 1), (1, 0), (0, 2), (1, 1), (2, 2))


@dataclass(frozen=True)
class HeldOut:
    """A fit of all points, and the errors of each pose under the fit of the others.

    Attributes
    ----------
    fit
        Of all points.
    errors
        (n, 2) px of C1, each point under the fit without its pose.
    others
        The fits without pose 0, 1, …
    """

    fit: Fit
    errors: Points
    others: tuple[Fit, ...]

    def rms_px(self) -> float:
        """Length of the held-out errors."""
        return float(np.sqrt((self.errors**2).sum(axis=1).mean()))


def held_out(of: Problem, terms: Terms, start: Values) -> HeldOut:
    """Fit all points, and all poses but one, for each."""
    fit = fitted(of, terms, start)
    errors, others = np.empty_like(of.c1), []
    for pose in np.unique(of.owner):
        inside = of.owner == pose
        other = fitted(of.part(~inside), terms, fit.values)
        errors[inside] = other.errors(of.part(inside))
        others.append(other)
    return HeldOut(fit, errors, tuple(others))


def chosen_model(of: Problem, start: Values) -> HeldOut:
    """The model that the points ask for, from a bare homography upwards.

    Parameters
    ----------
    start
        (8,) values of the first homography.
    """
    apart = len(np.unique(of.inverse_m)) > 1
    best = held_out(of, Terms(), start)
    if apart:
        best = _better(best, held_out(of, Terms(parallax=True), best.fit.values[:8]), of.owner)
    if of.known is not None:
        return best
    candidates = [
        fitted(of, Terms(*lenses, parallax), best.fit.values[:8])
        for lenses in _LENSES
        for parallax in dict.fromkeys((best.fit.terms.parallax, apart))
    ]
    chosen = min(candidates, key=_akaike)
    return _better(best, held_out(of, chosen.terms, chosen.values), of.owner)


def _akaike(fit: Fit) -> float:
    """Akaike's criterion of a fit to its own points."""
    errors = fit.errors(fit.problem)
    return float(errors.size * np.log((errors**2).mean())) + 2.0 * fit.terms.parameters


def _better(best: HeldOut, richer: HeldOut, owner: NDArray[np.int64]) -> HeldOut:
    """The richer model where the poses' held-out errors fall significantly, else the other."""
    before, after = (np.bincount(owner, (each.errors**2).sum(axis=1)) for each in (best, richer))
    fall = (before - after)[np.bincount(owner) > 0]
    if not np.isfinite(after).all() or after.sum() > _LEAST_FALL * before.sum():
        return best
    scatter = fall.std(ddof=1) / len(fall) ** 0.5
    clear = after.sum() < _CLEAR**2 * before.sum()
    return richer if clear or fall.mean() > _SIGNIFICANT * scatter else best
