r"""Whether C1 and C2 show one moment: the blurry frame fits its own sharp frame best.

Two cameras that are a frame apart look alike on still bookends, and what lies about a blur is close
to it in the next frame too; so the scene itself is compared, as delivered, of every frame. Both
views become coarse planes in C1's geometry with mean 1, less what changes slowly over the view.
With :math:`b_i, s_i` those of a pair and r the number of frames to a rival,

.. math:: g_r = \frac{\sum_i \overline{(b_i - s_{i+r})^2} - \overline{(b_i - s_i)^2}}
                     {\sum_i \overline{(s_i - s_{i+r})^2}}

is what the rival costs, as a share of what changes: towards 1 where the pairs are right, -1 where
the rival is. What stands still, lies a little beside its place, or is noise drops out of the
numerator. Near 0 (hardly any motion) nothing is said.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import Frame, FrameFormat, planes

Plane = NDArray[np.float32]

RIVALS: Final = (-2, -1, 1, 2)
_WIDTH: Final = 160  # bins
_LEAST_BIN_PX: Final = 4
_SLOW: Final = 12.0  # bins
_LEAST_FRAMES: Final = 4
_CLEAR: Final = 0.1
_AGREEMENT: Final = 0.9
_STILL: Final = 1e-9


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
    """

    rival: int
    gain: float
    agreement: float
    frames: int

    def verdict(self, limit: float) -> bool | None:
        """Whether C1 fits C2; None where the neighbours are too much alike to tell."""
        if self.frames < _LEAST_FRAMES:
            return None
        if self.gain > limit and self.agreement >= _AGREEMENT:
            return False
        return True if self.gain < -_CLEAR else None


class SynchronyWatch:
    """Compares each pair with those two before it; holds three pairs of coarse planes.

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
        self._before: deque[tuple[Plane, Plane, float] | None] = deque(maxlen=max(RIVALS))
        self._found: dict[int, list[tuple[float, float]]] = {rival: [] for rival in RIVALS}

    def add(self, blurry: Frame, sharp: Frame) -> None:
        """The next pair of the scene, raw as delivered."""
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
        own = _difference(one, other)
        for lag, before in enumerate(reversed(self._before), 1):
            if before is None:
                continue
            earlier, earlier_sharp, earlier_own = before
            changed = _difference(other, earlier_sharp)
            self._found[-lag].append((_difference(one, earlier_sharp) - own, changed))
            self._found[lag].append((_difference(earlier, other) - earlier_own, changed))
        self._before.append((one, other, own))

    def skip(self) -> None:
        """A pair that is no witness: one of its frames repeats another."""
        self._before.append(None)

    def result(self) -> Synchrony | None:
        """None where no two pairs could be compared, or nothing changes at all."""
        told = {rival: np.array(each) for rival, each in self._found.items() if each}
        if not told:
            return None
        best = min(told, key=lambda rival: float(told[rival][:, 0].mean()))
        return _duel(best, told[best])


def _duel(rival: int, found: NDArray[np.float64]) -> Synchrony | None:
    costs, changes = found.T
    if not changes.sum() > _STILL * len(changes):
        return None
    whole = float(np.abs(costs).sum())
    better = float(np.abs(costs[costs < 0]).sum())
    agreement = better / whole if whole > 0 else 0.5
    return Synchrony(rival, float(-costs.sum() / changes.sum()), agreement, len(costs))


def _coarse(frame: Frame, form: FrameFormat, bin_px: int) -> Plane:
    """(H / bin, W / bin) float32 upright, black taken off: green, or grey of a plain picture."""
    one, other = planes(frame, form).greens
    green = cv2.add(np.ascontiguousarray(one), np.ascontiguousarray(other), dtype=cv2.CV_32F)
    half_px = bin_px // 2
    rows, columns = green.shape[0] // half_px, green.shape[1] // half_px
    used = np.asarray(green)[: rows * half_px, : columns * half_px]
    small = cv2.resize(used, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32) / np.float32(2) - np.float32(form.black_dn)


def _detail(plane: Plane, seen: NDArray[np.bool_]) -> Plane:
    """(n,): the bins that both cameras see, in units of their mean, less what changes slowly."""
    mean = max(float(plane[seen].mean(dtype=np.float64)), 1e-6)
    even = np.where(seen, plane / np.float32(mean), np.float32(1)).astype(np.float32)
    return np.asarray((even - cv2.GaussianBlur(even, (0, 0), _SLOW))[seen], dtype=np.float32)


def _difference(one: Plane, other: Plane) -> float:
    return float(np.mean(np.square(one - other), dtype=np.float64))
