"""Two ceilings: what PSNR a sharp frame can reach against the truth, with and without noise.

The chain of a pair is walked with a picture that is known everywhere: what C2's camera delivers of
it (at the places that the map tells, with C2's colours, saturation, rounding), made into colours,
resampled by a map that is off by as much as the calibration may be, matched with gains that are off
likewise, encoded. It is compared with the picture at C1's pixels. *Systematic*: all but noise.
*Total*: with C2's photon and read noise. C1's noise is no error, and no part of either.

The pictures are frames of the session (`calibration.ceiling.content`). One that was behind a mosaic
has been demosaiced already, and is softer than the scene was. So the error is scaled by one that
frame and walk both tell without the truth: what a second mosaic, shifted by a pixel, makes of them.
With e the error of the walk, s what the second mosaic changes and n what noise adds to that,

    e(scene) = c · e(walk) / s(walk) · (s(frame) − n(walk)).

c stands for what a demosaiced frame has lost: a demosaic errs less, relative to what the next one
changes, where it is the first. It was measured on views of the virtual rig. A frame without a
mosaic is as sharp as the scene, and only its noise is detail too much: what as much noise again
adds to the walk's error is taken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from calibration.ceiling.content import Content
from calibration.ceiling.sensing import Sensing
from calibration.ceiling.walk import Encode, PairErrors, Walk
from calibration.fidelity import mse
from calibration.mosaic import Demosaic
from calibration.pair_model import PairModel

Picture = NDArray[np.float32]

_PEAK: Final = 255.0
_RIM: Final = 4
_ROUNDING: Final = 1.0 / 12.0
"""Codes²: what rounding to codes alone leaves, so that no ceiling is infinite."""

_LEAST_SHARE: Final = 0.1
"""Of an error that is not noise, at least."""

_FIRST_MOSAIC: Final = 0.78
"""c above: −1.1 dB. Fourteen views, 640 × 480 and 1280 × 720: singly within 0.6 dB with it."""


class Ceilings(Part):
    """Mean PSNR over the pictures, dB, 8-bit sRGB.

    Attributes
    ----------
    systematic_db, total_db
        Without and with C2's noise; the latter None where the noise is not known.
    pictures
        How many were used.
    demosaic
        The method; None of a camera without a mosaic.
    is_bound
        C2's camera makes its colours itself, and what that costs is not known: pairs reach at most
        so much.
    views_db
        Both of each picture.
    """

    systematic_db: float
    total_db: float | None
    pictures: int
    demosaic: Demosaic | None
    is_bound: bool = False
    views_db: tuple[tuple[float, float | None], ...] = ()


@dataclass(frozen=True)
class _Errors:
    """Mean squares, codes²: of the chain without noise, and what noise adds."""

    chain: float
    noise: float


def predict(
    views: Sequence[Picture],
    model: PairModel,
    errors: PairErrors,
    encode: Encode,
    sensing: Sensing,
    seed: int = 0,
) -> Ceilings:
    """Predict both ceilings.

    Parameters
    ----------
    views
        (H, W, 3) float32 frames of C2, made into colours: C1's, DN of C1 above black.
    model
        Of the setting.
    errors
        Of the calibration.
    encode
        Linear (h, w, 3) float32 in DN of C1 → sRGB uint8, as pairs are published.
    sensing
        Of C2's camera.
    seed
        Of errors and noise.

    Raises
    ------
    FoundBad
        The model holds what is no number.
    """
    found = []
    for number, view in enumerate(views):
        rng = np.random.default_rng(np.random.SeedSequence([seed, number]))
        each = _view_errors(view, Walk(Content(view), model, errors, sensing, rng), encode)
        total = None if errors.noise is None else _decibels(each.chain + each.noise)
        found.append((_decibels(each.chain), total))
    totals = [total for _, total in found if total is not None]
    return Ceilings(
        systematic_db=float(np.mean([systematic for systematic, _ in found])),
        total_db=float(np.mean(totals)) if totals else None,
        pictures=len(found),
        demosaic=None if sensing.cfa is None else sensing.method,
        is_bound=sensing.makes_colours,
        views_db=tuple(found),
    )


def _view_errors(view: Picture, walk: Walk, encode: Encode) -> _Errors:
    clean, clean_seen = walk.aligned(None)
    chain = _mean_square(encode(walk.truth), encode(clean))
    added = seen_added = 0.0
    before = second_mosaic(clean_seen, walk.sensing, encode)
    if walk.errors.noise is not None:
        noisy, noisy_seen = walk.aligned(walk.errors.noise)
        added = max(0.0, _mean_square(encode(walk.truth), encode(noisy)) - chain)
        seen_added = second_mosaic(noisy_seen, walk.sensing, encode) - before
    if walk.sensing.cfa is None:
        return _Errors(_without_content_noise(chain, walk, encode), added)
    full = second_mosaic(view, walk.sensing, encode)
    detail = max(full - seen_added, _LEAST_SHARE * full)
    return _Errors(_FIRST_MOSAIC * chain / max(before, _ROUNDING) * detail, added)


def _without_content_noise(chain: float, walk: Walk, encode: Encode) -> float:
    noisier = walk.with_content_noise()
    more = _mean_square(encode(noisier.truth), encode(noisier.aligned(None)[0])) - chain
    return max(chain - max(more, 0.0), _LEAST_SHARE * chain)


def second_mosaic(picture: Picture, sensing: Sensing, encode: Encode) -> float:
    """What a second mosaic makes of a picture: mean square, codes²; 0 without a mosaic."""
    pairs = sensing.second_mosaics(picture)
    changed = [_mean_square(encode(once), encode(twice)) for once, twice in pairs]
    return float(np.mean(changed)) if changed else 0.0


def _mean_square(truth: NDArray[np.uint8], found: NDArray[np.uint8]) -> float:
    inner = (slice(_RIM, -_RIM), slice(_RIM, -_RIM))  # a picture's border is no error of the chain
    return mse(np.ascontiguousarray(truth[inner]), np.ascontiguousarray(found[inner]))


def _decibels(error: float) -> float:
    return float(10.0 * np.log10(_PEAK**2 / max(error, _ROUNDING)))
