r"""How long the blur of C1 is: the straight way that turns the sharp view into the blurry one.

Measured from the blur itself, not from the way between frames: at 15 frames a second a hand that
shakes at 8 Hz has turned in between. The aligned views are halved to luminance planes and cut into
overlapping windowed blocks with spectra :math:`B` (C1) and :math:`S` (C2). A way of length
:math:`L` at the angle :math:`\varphi`, passed at constant speed, has the transfer function

.. math:: H(f) = \mathrm{sinc}(L\,(f_x \cos\varphi + f_y \sin\varphi))

and C2 has passed the middle share :math:`q = T_2 / T_1` of it. So with :math:`H = H_L / H_{qL}`
each block takes the candidate with the least

.. math:: \sum_f w\,|B - g H S e^{-2\pi i f \cdot s}|^2 , \quad w \propto |f|^2 e^{-(f/f_0)^4}

where g is the ratio of the means, s the shift that the phase tells (the middle of a crooked way
lies beside the middle of the exposure), and the power of noise is taken out of :math:`|S|^2`. The
weight whitens what pictures hold (power like :math:`1/f^2`) and leaves out what is noise. All
candidates of all blocks are two matrix products. The length is refined by a parabola.

A difference in focus between the views would count as blur; it can be given and is taken out.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_BIN_PX: Final = 2
_LONG_PX: Final = 12.0  # beyond, blocks twice as large: a window hides a seventh of 20 px
_BLOCK: Final = 48  # bins
BLOCK_PX: Final = _BLOCK * _BIN_PX
_STEP: Final = 24
_ANGLES: Final = 16
_CUT: Final = 0.22  # cycles per bin: f0
_LUMA: Final = np.array([[0.25, 0.5, 0.25]], dtype=np.float32)
_COARSE: Final = 8.0  # bins
_LEAST_CLEAR: Final = 0.99
_LEAST_DETAIL: Final = 3.0
_TIED: Final = 4.0  # frequencies that the window ties together
_TRUSTED: Final = 12.0  # what a length must explain, in units of what stays unexplained
_LENGTHS: Final = np.concatenate([np.arange(0, 4, 0.5), 4 * 1.12 ** np.arange(0, 18)])


class BlurMap(NamedTuple):
    """The blur of C1 over a view.

    Attributes
    ----------
    length_px, angle_rad
        (n,) float64 of the blocks that show enough detail: length of C1's way in pixels of the
        full-size view, and its direction, 0 to π from x towards y.
    centre_px
        (n, 2) float64, (x, y) of these blocks.
    likeness
        (n,) float64: share of C1's power that the way explains, at most 1.
    """

    length_px: NDArray[np.float64]
    angle_rad: NDArray[np.float64]
    centre_px: NDArray[np.float64]
    likeness: NDArray[np.float64]


class Spectra(NamedTuple):
    """Windowed blocks of both views.

    Attributes
    ----------
    blurry, sharp
        (n, F) complex64, means taken off.
    gain
        (n,) mean of C1 over that of C2.
    noise
        (n,) power of C2's noise.
    centre
        (n, 2), (x, y) in bins.
    """

    blurry: NDArray[np.complex64]
    sharp: NDArray[np.complex64]
    gain: NDArray[np.float64]
    noise: NDArray[np.float64]
    centre: NDArray[np.float64]


class Plan(NamedTuple):
    """Frequencies of a block's half plane, cycles per bin, and the weight of each."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64]
    fine: NDArray[np.bool_]
    low: NDArray[np.bool_]
    window: Plane
    freedom: float


def luminance(picture: NDArray[np.float32]) -> Plane:
    """(h, w, 3) linear → (h / 2, w / 2) means of 2 × 2 pixels, R/4 + G/2 + B/4."""
    return halved(np.asarray(cv2.transform(np.ascontiguousarray(picture), _LUMA)))


def halved(plane: Plane) -> Plane:
    """Means of 2 × 2; an odd last row or column is left out."""
    height, width = (side // 2 for side in plane.shape)
    even = plane[: height * 2, : width * 2]
    small = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def measure_blur(
    blurry: Plane,
    sharp: Plane,
    clear: NDArray[np.bool_],
    share: float,
    softer_px2: float = 0.0,
) -> BlurMap:
    """C1's blur over the view.

    Parameters
    ----------
    blurry, sharp
        `luminance` of both aligned views, float32 in one unit.
    clear
        Of the same shape: False where anything is clipped.
    share
        C2's exposure over C1's, 1/8.
    softer_px2
        Variance of the Gaussian by which C1 is out of focus against C2, negative where C2 is, in
        square pixels of the full-size view.
    """
    fine = _measured(blurry, sharp, clear, share, softer_px2, _BIN_PX)
    if not len(fine.length_px) or np.median(fine.length_px) < _LONG_PX:
        return fine
    known = halved(clear.astype(np.float32)) > 0.99
    coarse = _measured(halved(blurry), halved(sharp), known, share, softer_px2, 2 * _BIN_PX)
    return coarse if len(coarse.length_px) else fine


def _measured(
    blurry: Plane,
    sharp: Plane,
    clear: NDArray[np.bool_],
    share: float,
    softer_px2: float,
    bin_px: int,
) -> BlurMap:
    """`measure_blur` with planes of bins of `bin_px` pixels."""
    spectra = block_spectra(blurry, sharp, clear)
    plan = block_plan()
    bank, lengths, angles = _bank(share, round(softer_px2 / bin_px**2, 3))
    cross = _unshifted(spectra, plan)
    power = np.abs(spectra.sharp) ** 2 - spectra.noise[:, None]
    gain = spectra.gain[:, None]
    own = ((np.abs(spectra.blurry) ** 2) @ plan.weight)[:, None]
    weighted = (plan.weight * bank).T
    squared = (plan.weight * bank**2).T
    cost = own - 2 * gain * (cross @ weighted) + gain**2 * (power @ squared)
    best = cost.argmin(axis=1)
    least = cost.min(axis=1)
    told = _refined(cost, best, lengths)
    doubt = np.maximum(least, own[:, 0] * 1e-4) * _TRUSTED / plan.freedom
    told = np.where(cost[:, 0] - least > doubt, told, 0.0)
    likeness = 1 - least / own[:, 0]
    enough = power @ plan.weight > _LEAST_DETAIL * spectra.noise * plan.weight.sum()
    return BlurMap(
        told[enough] * bin_px,
        angles[best][enough],
        (spectra.centre[enough] + 0.5) * bin_px - 0.5,
        likeness[enough],
    )


def block_spectra(blurry: Plane, sharp: Plane, clear: NDArray[np.bool_]) -> Spectra:
    """Of all blocks in which at most a hundredth is clipped and that are lit."""
    plan = block_plan()
    side = min(_BLOCK, *blurry.shape)
    empty = np.zeros((0, len(plan.x)), dtype=np.complex64)
    none = Spectra(empty, empty, np.zeros(0), np.zeros(0), np.zeros((0, 2)))
    if side < _BLOCK:
        return none
    corners = [(top, left) for top in _places(blurry.shape[0]) for left in _places(blurry.shape[1])]
    parts = [(slice(y, y + side), slice(x, x + side)) for y, x in corners]
    means = [np.array([float(each[part].mean()) for part in parts]) for each in (blurry, sharp)]
    unclipped = np.array([clear[part].mean() > _LEAST_CLEAR for part in parts])
    good = np.flatnonzero(unclipped & (means[0] > 0) & (means[1] > 0))
    if not len(good):
        return none
    found = []
    for each in (blurry, sharp):
        # without coarse structure, whose leakage through the window would hide a short blur
        fine = cv2.subtract(each, cv2.GaussianBlur(each, (0, 0), _COARSE))
        cut = np.stack([fine[parts[at]] for at in good]) * plan.window
        found.append(np.fft.rfft2(cut).reshape(len(good), -1).astype(np.complex64))
    noise = np.median(np.abs(found[1][:, plan.fine]) ** 2, axis=1) / math.log(2)
    centre = np.array(corners, dtype=np.float64)[good, ::-1] + (side - 1) / 2
    gain = means[0][good] / means[1][good]
    return Spectra(found[0], found[1], gain, noise.astype(np.float64), centre)


def _places(length: int) -> list[int]:
    """Where blocks begin: evenly, to the very end."""
    count = max(1, math.ceil((length - _BLOCK) / _STEP) + 1)
    return [round(at) for at in np.linspace(0, length - _BLOCK, count)]


def _unshifted(spectra: Spectra, plan: Plan) -> NDArray[np.float64]:
    """Real part of B S* after the shift between the views is taken out of its phase."""
    cross = spectra.blurry * spectra.sharp.conj()
    phase = np.angle(cross[:, plan.low])
    weight = np.abs(cross[:, plan.low])
    x, y = plan.x[plan.low] * math.tau, plan.y[plan.low] * math.tau
    xx, xy, yy = weight @ (x * x), weight @ (x * y), weight @ (y * y)
    bx, by = (weight * phase) @ x, (weight * phase) @ y
    determinant = np.maximum(xx * yy - xy * xy, 1e-30)
    shift_x, shift_y = (yy * bx - xy * by) / determinant, (xx * by - xy * bx) / determinant
    turn = math.tau * (shift_x[:, None] * plan.x + shift_y[:, None] * plan.y)
    return np.asarray((cross * np.exp(-1j * turn)).real, dtype=np.float64)


def _refined(
    cost: NDArray[np.float64], best: NDArray[np.int64], lengths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Vertex of the parabola in the length's square, in which short ones are even."""
    count = len(_LENGTHS)
    rows = np.arange(len(best))
    inner = np.clip(best % count, 1, count - 2) + best // count * count
    x = [lengths[inner + step] ** 2 for step in (-1, 0, 1)]
    y = [cost[rows, inner + step] for step in (-1, 0, 1)]
    top = (x[1] - x[0]) ** 2 * (y[1] - y[2]) - (x[1] - x[2]) ** 2 * (y[1] - y[0])
    low = (x[1] - x[0]) * (y[1] - y[2]) - (x[1] - x[2]) * (y[1] - y[0])
    vertex = x[1] - top / np.where(np.abs(low) > 1e-30, 2 * low, np.inf)
    return np.asarray(np.sqrt(np.clip(vertex, x[0], x[2])), dtype=np.float64)


@lru_cache(maxsize=1)
def block_plan() -> Plan:
    """Frequencies and weights that all measures on spectra of blocks share."""
    y, x = np.meshgrid(np.fft.fftfreq(_BLOCK), np.fft.rfftfreq(_BLOCK), indexing="ij")
    x, y = x.ravel(), y.ravel()
    square = x * x + y * y
    weight = square * np.exp(-((np.sqrt(square) / _CUT) ** 4))
    weight[(x > 0) & (x < 0.5)] *= 2  # stands for its mirror image too
    weight[square < (1.2 / _BLOCK) ** 2] = 0.0  # mean and window
    side = np.hanning(_BLOCK + 2)[1:-1]
    window = np.outer(side, side).astype(np.float32)
    fine = (np.abs(x) > 0.4) & (np.abs(y) > 0.4)
    low = (square < 0.12**2) & (square > 0)
    freedom = float(weight.sum() ** 2 / (weight**2).sum()) / _TIED
    return Plan(x, y, weight, fine, low, window, freedom)


@lru_cache(maxsize=8)
def _bank(
    share: float, variance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Transfer functions (K, F) of all candidates, their lengths in bins and angles."""
    plan = block_plan()
    angles = np.arange(_ANGLES) * math.pi / _ANGLES
    along = np.cos(angles)[:, None] * plan.x + np.sin(angles)[:, None] * plan.y
    phase = _LENGTHS[None, :, None] * along[:, None, :]
    own = np.sinc(share * phase)
    bank = np.sinc(phase) / np.maximum(own, 0.2)
    square = plan.x**2 + plan.y**2
    bank = bank * np.exp(-2 * math.pi**2 * variance * square)
    return (
        bank.reshape(-1, len(plan.x)),
        np.tile(_LENGTHS, _ANGLES),
        np.repeat(angles, len(_LENGTHS)),
    )
