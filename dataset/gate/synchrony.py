r"""Whether C1 and C2 show one moment: the blurry frame fits its own sharp frame best.

Two cameras that are a frame apart look alike on still bookends, and what lies about a blur is close
to it in the next frame too; so the scene itself is compared, as delivered, of every frame. Both
views become coarse planes in C1's geometry with mean 1, less what changes slowly over the view.
With :math:`b_i, s_i` those of a pair and r the number of frames to a rival, up to 16,

.. math:: g_{i,r} = \frac{\overline{(b_i - s_{i+r})^2} - \overline{(b_i - s_i)^2}}
                         {\overline{(s_i - s_{i+r})^2}}

is what the rival costs, as a share of what changes: towards 1 where the pair is right, -1 where
the rival is. What stands still, lies a little beside its place, or is noise drops out of the
numerator. Near 0 (hardly any motion) nothing is said.

A camera that is late throughout is told by one rival over all frames (numerator and denominator
summed), a pulse that was lost on the way, or frames in a wrong order, by single frames. A rival
counts where its sharp frames differ as much as neighbours do (a hand that shakes comes back to
where it was), and its cost only where it stands out of its standard error over the bins.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import Frame, FrameFormat, planes

Plane = NDArray[np.float32]

FARTHEST: Final = 16
"""Frames to the farthest rival, before and after."""

_WIDTH: Final = 160  # bins
_LEAST_BIN_PX: Final = 4
_SLOW: Final = 12.0  # bins
_LEAST_FRAMES: Final = 4
_CLEAR: Final = 0.1
_AGREEMENT: Final = 0.9
_STILL: Final = 1e-9
_ALIKE: Final = 0.5  # of the change between neighbours: a rival that is more alike is none
_SIGMAS: Final = 6.0
_ODD_GAIN: Final = 0.5  # of a single frame; those of good pairs stay below -0.4
_LEAST_MEAN_DN: Final = 0.5


class Synchrony(NamedTuple):
    """What the frames of a clip say.

    Attributes
    ----------
    rival
        Frames from a blurry frame to the sharp one that stands best against its own.
    gain
        By how much the rival fits better, as a share of what changes in between; negative: worse.
    agreement
        Share of all differences that speak so.
    frames
        That were compared.
    certain
        Whether the gain is more than six standard errors.
    odd
        Number of each frame that by itself fits another sharp frame clearly better → frames to it.
    """

    rival: int
    gain: float
    agreement: float
    frames: int
    certain: bool
    odd: dict[int, int]

    def verdict(self, limit: float) -> bool | None:
        """Whether C1 fits C2; None where the neighbours are too much alike to tell."""
        if self.odd:
            return False
        if self.frames < _LEAST_FRAMES:
            return None
        if self.is_late(limit):
            return False
        return True if self.gain < -_CLEAR else None

    def is_late(self, limit: float) -> bool:
        """Whether one rival is better throughout."""
        enough = self.frames >= _LEAST_FRAMES and self.certain
        return enough and self.gain > limit and self.agreement >= _AGREEMENT


class SynchronyWatch:
    """Compares each pair with the sixteen before it; holds as many pairs of coarse planes.

    Parameters
    ----------
    forms
        Of C1 and of C2.
    map_xy
        (H1, W1, 2) float32: where in C2's upright view each pixel of C1's lies.
    """

    def __init__(self, forms: tuple[FrameFormat, FrameFormat], map_xy: NDArray[np.float32]) -> None:
        self._forms = forms
        height, width = map_xy.shape[:2]
        self._bin_px = max(_LEAST_BIN_PX, width // _WIDTH // 2 * 2)
        rows, columns = height // self._bin_px, width // self._bin_px
        used = map_xy[: rows * self._bin_px, : columns * self._bin_px]
        coarse = cv2.resize(used, (columns, rows), interpolation=cv2.INTER_AREA)
        at = (np.asarray(coarse) + np.float32(0.5)) / np.float32(self._bin_px) - np.float32(0.5)
        self._map = np.nan_to_num(at.astype(np.float32), nan=-9.0)
        x, y = (np.ascontiguousarray(self._map[..., axis]) for axis in (0, 1))
        self._xy = x, y
        self._shape = rows, columns
        self._seen: NDArray[np.bool_] | None = None
        self._before: list[_Before] = []
        self._told: list[NDArray[np.float64]] = []
        self._count = 0

    def add(self, number: int, blurry: Frame, sharp: Frame) -> None:
        """The next pair of the scene, raw as delivered; `number` names it."""
        here = self._count
        self._count += 1
        first = _coarse(blurry, self._forms[0], self._bin_px)[: self._shape[0], : self._shape[1]]
        second = _coarse(sharp, self._forms[1], self._bin_px)
        if self._seen is None:
            most = np.array([second.shape[1] - 1, second.shape[0] - 1], dtype=np.float32)
            self._seen = np.asarray(((self._map >= 0) & (self._map <= most)).all(axis=-1))
        placed = cv2.remap(second, *self._xy, cv2.INTER_LINEAR)
        seen = self._seen
        if first.shape != seen.shape or not seen.any():
            return
        one, other = (_detail(np.asarray(each), seen) for each in (first, placed))
        if one is None or other is None:
            return
        now = _Before(here, number, one, other)
        self._before = [each for each in self._before if here - each.place <= FARTHEST]
        for each in self._before:
            self._told.extend(_compared(each, now))
        self._before.append(now)

    def skip(self) -> None:
        """A pair that is no witness: one of its frames repeats another."""
        self._count += 1

    def result(self) -> Synchrony | None:
        """None where no two pairs could be compared, or nothing changes at all."""
        if not self._told:
            return None
        told = np.array(self._told)
        numbers, rivals, costs, changes, errors = told.T
        near = np.abs(rivals) == np.abs(rivals).min()
        typical = float(changes[near].mean())
        if not typical > _STILL:
            return None
        duels: list[tuple[float, Synchrony]] = []
        for rival in np.unique(rivals):
            of = rivals == rival
            is_unlike = changes[of].mean() >= _ALIKE * typical
            if is_unlike and (of.sum() >= _LEAST_FRAMES or abs(rival) <= 2):
                duel = _duel(int(rival), costs[of], changes[of], errors[of])
                duels.append((float(costs[of].mean()), duel))
        best = min(duels, key=lambda each: each[0])[1]
        gains = -costs / np.maximum(changes, _STILL)
        is_odd = (gains > _ODD_GAIN) & (-costs > _SIGMAS * errors) & (changes >= _ALIKE * typical)
        odd: dict[int, int] = {}
        for at in np.flatnonzero(is_odd)[np.argsort(costs[is_odd])]:
            odd.setdefault(int(numbers[at]), int(rivals[at]))
        return best._replace(odd=dict(sorted(odd.items())))


class _Before(NamedTuple):
    """A pair: its place among all, its number, and what of it is compared."""

    place: int
    number: int
    blurry: Plane
    sharp: Plane


def _compared(before: _Before, now: _Before) -> list[NDArray[np.float64]]:
    """Number, rival, cost, change and the cost's standard error, for each blurry frame of two."""
    lag = now.place - before.place
    change = now.sharp - before.sharp
    changed = float(np.mean(np.square(change), dtype=np.float64))
    found = []
    for own, rival, sign in ((now, -lag, 1.0), (before, lag, -1.0)):
        # (b - s')² - (b - s)² as one product, of which the bins' spread tells the error
        terms = change * (2 * own.blurry - now.sharp - before.sharp)
        cost = sign * float(terms.mean(dtype=np.float64))
        error = float(terms.std()) / math.sqrt(terms.size)
        found.append(np.array([own.number, rival, cost, changed, error]))
    return found


def _duel(
    rival: int,
    costs: NDArray[np.float64],
    changes: NDArray[np.float64],
    errors: NDArray[np.float64],
) -> Synchrony:
    whole = float(np.abs(costs).sum())
    agreement = float(np.abs(costs[costs < 0]).sum()) / whole if whole > 0 else 0.5
    gain = float(-costs.sum() / changes.sum())
    certain = float(-costs.sum()) > _SIGMAS * math.sqrt(float(np.square(errors).sum()))
    return Synchrony(rival, gain, agreement, len(costs), certain, {})


def _coarse(frame: Frame, form: FrameFormat, bin_px: int) -> Plane:
    """(H / bin, W / bin) float32 upright, black taken off: green, or grey of a plain picture."""
    one, other = planes(frame, form).greens
    green = cv2.add(np.ascontiguousarray(one), np.ascontiguousarray(other), dtype=cv2.CV_32F)
    half_px = bin_px // 2
    rows, columns = green.shape[0] // half_px, green.shape[1] // half_px
    used = np.asarray(green)[: rows * half_px, : columns * half_px]
    small = cv2.resize(used, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32) / np.float32(2) - np.float32(form.black_dn)


def _detail(plane: Plane, seen: NDArray[np.bool_]) -> Plane | None:
    """(n,): the bins that both cameras see, over their mean, less what changes slowly; or None."""
    mean = float(plane[seen].mean(dtype=np.float64))
    if not mean > _LEAST_MEAN_DN:  # a lens cap: a quotient of noise is none
        return None
    even = np.where(seen, plane / np.float32(mean), np.float32(1)).astype(np.float32)
    return np.asarray((even - cv2.GaussianBlur(even, (0, 0), _SLOW))[seen], dtype=np.float32)
