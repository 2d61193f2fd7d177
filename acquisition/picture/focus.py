r"""Focus score: how much fine detail a raw frame holds, for its light.

With :math:`g, g'` the two green planes of a mosaic less the black level (their pixels lie a
diagonal step apart), :math:`\Delta` differences of neighbours in a plane (two pixels apart) along
x and along y:

.. math:: F = 100 \sqrt{\langle \Delta_x g \Delta_x g' + \Delta_y g \Delta_y g' \rangle /
          \langle g g' \rangle}

so F is the detail's root mean square in per cent of the level, 0 where the mean is negative. The
product of *different* pixels keeps what both see, the picture, and drops what they do not share:
photon noise, read noise, fixed patterns and quantisation. The quotient drops gain, exposure and ND
filter. So two views of one scene have the same score when they are equally sharp, whatever their
noise, up to some per cent (the greens of a mirrored mosaic lie on the other diagonal); scores of
different scenes cannot be compared. Gaussian defocus lowers it.

Blocks in which anything is clipped are left out: their detail is cut off. A camera that delivers
interpolated colour has spread its noise over neighbours, which then counts as detail.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.blocks import Blocks, Map, block_means, part_sums

LEAST_LEVEL_SHARE: Final = 0.002
"""Of full scale: below, a quotient of noise would be a score."""


class Focus(NamedTuple):
    """Scores of a frame, in per cent of its level.

    Attributes
    ----------
    score
        Of the whole frame; None where it is dark or clipped all over.
    floor
        What chance could make of a picture without detail: two standard errors of the mean under
        the root, as the differences scatter. A score that is not well above it tells nothing.
    grid
        Scores of its parts, rows of columns; None where there is none.
    """

    score: float | None
    floor: float
    grid: list[list[float | None]]


def focus(seen: Blocks) -> Focus:
    """Score a frame, and its parts."""
    detail, light, spread = _products(seen)
    usable = ~seen.any_clipped
    least = (LEAST_LEVEL_SHARE * seen.full_scale) ** 2
    detailed, lit = part_sums(detail * usable), part_sums(light * usable)
    grid = _scores(detailed, lit, part_sums(usable) * least)
    sums = [float((each * usable).sum()) for each in (detail, light, spread)]
    count = int(usable.sum())
    whole = (np.array([[each]]) for each in (sums[0], sums[1], count * least))
    score = _scores(*whole)[0][0]
    if score is None:
        return Focus(None, 0.0, grid)
    samples = count * seen.green.size / usable.size
    error = 2.0 * math.sqrt(sums[2] / count / samples)
    return Focus(score, 100.0 * math.sqrt(error / (sums[1] / count)), grid)


def _products(seen: Blocks) -> tuple[Map, Map, Map]:
    """By blocks: the detail that both planes share, their light, the detail's variance."""
    first, second = seen.greens
    detail = np.zeros_like(first)
    across, along = ((each[:, 1:] - each[:, :-1], each[1:] - each[:-1]) for each in (first, second))
    detail[:, :-1] = across[0] * along[0]
    detail[:-1] += across[1] * along[1]
    maps = (detail, cv2.multiply(first, second), cv2.multiply(detail, detail))
    means = [block_means(np.asarray(each), seen.shape) for each in maps]
    return means[0], means[1], means[2]


def _scores(
    detail: NDArray[np.float64], light: NDArray[np.float64], least: NDArray[np.float64]
) -> list[list[float | None]]:
    """Of sums over parts of the view; None where the light is not above the least."""
    told = (light > least) & (light > 0)
    share = np.maximum(detail, 0.0) / np.where(told, light, 1.0)
    scores = 100.0 * np.sqrt(share)
    return [
        [float(score) if good else None for score, good in zip(*row, strict=True)]
        for row in zip(scores, told, strict=True)
    ]
