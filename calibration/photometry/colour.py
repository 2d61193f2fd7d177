"""From C2's colours to C1's: a 3 × 3 matrix from patches, else a diagonal, with the reason.

C1 = M · C2 for aligned C2 behind the ratio flat. White is that of the flat field, and M keeps it:
``M · w2 = w1``. Each row of M so has two free numbers, which weighted least squares find. A chart
of greys, or none, leaves them free: then M is the diagonal of the flat's gains.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from calibration.photometry.gain import ChannelGains, Three, three
from calibration.photometry.patches import Patches

Matrix = tuple[Three, Three, Three]

LEAST_PATCHES: Final = 24
CONDITION_MOST: Final = 20.0
_FLOOR: Final = 0.02
_STABILITY: Final = 0.003


class ColourMatrix(Part):
    """C1 = matrix · (C2 / ratio).

    Attributes
    ----------
    matrix
        Rows: C1's red, green, blue.
    kind
        ``full`` or ``diagonal``.
    reason
        Why it is a diagonal; empty for a full one.
    sigma
        Of each element; of a diagonal the gains'.
    patches
        Distinct ones that both views show.
    condition
        Of the patches' colours about white: 1 is best, large for greys; None without patches.
    residual_percent
        RMS over patches and channels of what the matrix leaves, relative to the patch (dark
        channels: to 2 % of the brightest); None without patches.
    held_out_percent
        The same where each patch is left out in turn.
    diagonal_percent
        The same of the diagonal.
    sources
        Clips.
    """

    matrix: Matrix
    kind: Literal["full", "diagonal"]
    reason: str
    sigma: Matrix
    patches: int
    condition: float | None = None
    residual_percent: float | None = None
    held_out_percent: float | None = None
    diagonal_percent: float | None = None
    sources: tuple[str, ...]

    def array(self) -> NDArray[np.float64]:
        """(3, 3) float64."""
        return np.array(self.matrix)


def colour_matrix(
    gains: ChannelGains, white_sharp: Three, patches: Patches | None, sources: tuple[str, ...] = ()
) -> ColourMatrix:
    """The matrix from C2's colours to C1's.

    Parameters
    ----------
    gains
        From the flat field: white is kept.
    white_sharp
        (3,) C2's level of the flat field by channel; only its proportions matter.
    patches
        None: no clip of a chart.
    sources
        Clips.
    """
    if patches is None:
        return _diagonal(gains, "there is no clip of a colour chart", None, sources)
    if len(patches) < LEAST_PATCHES:
        return _diagonal(
            gains,
            f"both views show {len(patches)} distinct even patches, {LEAST_PATCHES} are needed",
            patches,
            sources,
        )
    white = np.array(white_sharp) / np.linalg.norm(white_sharp)
    condition = _condition(patches.sharp, white)
    if condition > CONDITION_MOST:
        return _diagonal(
            gains,
            f"the patches' colours are too alike (condition {condition:.0f}, at most"
            f" {CONDITION_MOST:.0f})",
            patches,
            sources,
            condition,
        )
    matrix, sigma = _solved(patches, white, gains)
    alone = _diagonal(gains, "", patches, sources, condition)
    held_out = _rms(np.array([_left_out(patches, white, gains, n) for n in range(len(patches))]))
    if held_out > float(alone.held_out_percent or 0.0):
        reason = (
            f"a full matrix leaves {held_out:.2f} % of patches held out, the diagonal"
            f" {alone.held_out_percent:.2f} %"
        )
        return alone.model_copy(update={"reason": reason})
    return ColourMatrix(
        matrix=_rows(matrix),
        kind="full",
        reason="",
        sigma=_rows(sigma),
        patches=len(patches),
        condition=condition,
        residual_percent=_rms(_misfit(matrix, patches)),
        held_out_percent=held_out,
        diagonal_percent=alone.residual_percent,
        sources=sources,
    )


def _diagonal(
    gains: ChannelGains,
    reason: str,
    patches: Patches | None,
    sources: tuple[str, ...],
    condition: float | None = None,
) -> ColourMatrix:
    matrix = np.diag(gains.gain)
    left = _rms(_misfit(matrix, patches)) if patches is not None and len(patches) else None
    return ColourMatrix(
        matrix=_rows(matrix),
        kind="diagonal",
        reason=reason,
        sigma=_rows(np.diag(gains.sigma)),
        patches=0 if patches is None else len(patches),
        condition=condition,
        residual_percent=left,
        held_out_percent=left,
        diagonal_percent=left,
        sources=sources,
    )


def _solved(
    patches: Patches, white: NDArray[np.float64], gains: ChannelGains
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """M and the sigmas of its elements, (3, 3) each."""
    free = _across(white)
    matrix, sigma = np.diag(gains.gain), np.zeros((3, 3))
    weights = 1 / np.hypot(patches.sigma, _STABILITY * _scale(patches))
    misfit = patches.blurry - patches.sharp @ matrix.T
    for row in range(3):
        basis = (patches.sharp @ free) * weights[:, row, None]
        target = misfit[:, row] * weights[:, row]
        solved, *_ = np.linalg.lstsq(basis, target, rcond=None)
        left = target - basis @ solved
        spread = max(1.0, float((left**2).sum()) / max(1, len(patches) - 2))
        covariance = np.linalg.inv(basis.T @ basis) * spread
        matrix[row] += free @ solved
        sigma[row] = np.sqrt(np.diag(free @ covariance @ free.T))
    return matrix, np.hypot(sigma, np.diag(gains.sigma))


def _left_out(
    patches: Patches, white: NDArray[np.float64], gains: ChannelGains, number: int
) -> NDArray[np.float64]:
    """Relative misfit (3,) of a patch that the matrix was not solved from."""
    others = np.arange(len(patches)) != number
    matrix, _ = _solved(_picked(patches, others), white, gains)
    return np.asarray(_misfit(matrix, patches)[number])


def _misfit(matrix: NDArray[np.float64], patches: Patches) -> NDArray[np.float64]:
    return np.asarray((patches.sharp @ matrix.T - patches.blurry) / _scale(patches))


def _scale(patches: Patches) -> NDArray[np.float64]:
    """What a deviation is relative to, (N, 3)."""
    return np.maximum(patches.blurry, _FLOOR * float(patches.blurry.max()))


def _condition(colours: NDArray[np.float64], white: NDArray[np.float64]) -> float:
    """How much worse the two directions across white are told than white itself.

    Each patch counts as its chromaticity: dark ones are not left out by the bright ones.
    """
    unit = colours / np.maximum(np.linalg.norm(colours, axis=1, keepdims=True), 1e-9)
    along = np.sqrt(np.mean((unit @ white) ** 2))
    across = np.linalg.svd(unit @ _across(white), compute_uv=False)[-1] / np.sqrt(len(unit))
    return float(along / max(float(across), 1e-9))


def _across(white: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two unit vectors (3, 2) at right angles to white."""
    _, _, directions = np.linalg.svd(white[None])
    return np.asarray(directions[1:].T)


def _picked(patches: Patches, keep: NDArray[np.bool_]) -> Patches:
    return Patches(
        patches.blurry[keep], patches.sharp[keep], patches.sigma[keep], patches.places[keep]
    )


def _rms(values: NDArray[np.float64]) -> float:
    """In percent."""
    return 100 * float(np.sqrt(np.mean(values**2)))


def _rows(matrix: NDArray[np.float64]) -> Matrix:
    first, second, third = (three(row) for row in matrix)
    return first, second, third
