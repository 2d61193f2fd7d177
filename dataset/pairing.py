"""Whether the blurry and the sharp frames of a sequence belong together: pure functions.

Frames are compared as small grey pictures of mean 0 and variance 1, so that another exposure or
gain does not count. The error of a pair is its mean squared difference E; what E can tell depends
on how much the sharp frames themselves differ, D(lag). A moving picture whose blur lies around
its sharp frame has its least E at offset 0, and E at a rival offset r is greater by a good part of
D(|r|): that part is the *gain*, near 0 for noise and up to 1. Nothing is concluded from a clip
without motion, nor where rivals are not beaten clearly: those are ``undetermined``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["OFFSETS", "Block", "Pairing", "Thumbnail", "judge", "swapped_frames", "thumbnail"]

OFFSETS = (-2, -1, 0, 1, 2)
Verdict = Literal["ok", "identical", "shifted", "swapped-roles", "unrelated", "undetermined"]
Values = NDArray[np.float64]

_MATCH_WIDTH_PX, _DETAIL_WIDTH_PX = 160, 320
_LAGS = (1, 2, 3, 4)
_FLAT_DN = 0.25  # standard deviation below which a picture shows nothing
# For 'ok' every rival is beaten by this gain, by frames that carry this share of all differences.
_OK_GAIN, _OK_AGREEMENT, _OK_FRAMES = 0.1, 0.75, 3
# 'shifted' accuses a dataset, so it needs more.
_SHIFT_GAIN, _SHIFT_AGREEMENT, _SHIFT_FRAMES = 0.2, 0.9, 4
_STILL = 1e-6  # D below this is rounding
_PLATEAU = 0.15  # noise has the same D at every lag within this fraction; motion has not
_LARGE_MOTION = 0.3  # D(1) that no usable picture has from noise
_ROLE_MOTION, _ROLE_RATIO, _ROLE_DOUBT, _ROLE_SHARE = 0.005, 1.25, 1.03, 0.9
_UNRELATED_CORRELATION, _STEADY_CORRELATION = 0.3, 0.7
_SWAP_CORRELATION, _SWAP_STRENGTH, _SWAP_SHARE = -0.5, 0.1, 0.1


@dataclass(frozen=True)
class Thumbnail:
    """A frame made small for comparison.

    Attributes
    ----------
    values
        float32 (P,): grey, at most 160 px wide, mean 0 and variance 1; all 0 for a flat picture.
    detail
        Gradient energy by variance at no more than 320 px of width: what blur takes away.
    """

    values: NDArray[np.float32]
    detail: float


@dataclass(frozen=True)
class Block:
    """Consecutive pairs: thumbnails of frames `first`, `first` + 1, ... of a sequence."""

    first: int
    blurry: tuple[Thumbnail, ...]
    sharp: tuple[Thumbnail, ...]


@dataclass(frozen=True)
class Pairing:
    """What `judge` found.

    Attributes
    ----------
    verdict
        ``ok``; ``shifted``: Blur[t] shows Sharp[t + offset]; ``swapped-roles``: the Blur folder is
        the sharper one; ``unrelated``: other pictures altogether; ``identical``: most blurry
        frames are copies of their sharp ones; ``undetermined``.
    offset
        The offset of the least error, where one beats its rivals.
    gain, agreement
        Against the strongest rival: the gain, and the share of all frame-wise differences that
        speak for the offset (0.5 for noise, 1 where all agree).
    motion
        D(1) of the sharp frames.
    detail_ratio
        Median of the blurry frames' detail over the sharp frames'.
    frames
        Pairs that were compared.
    text
        The verdict in words, one line.
    """

    verdict: Verdict
    offset: int | None
    gain: float
    agreement: float
    motion: float
    detail_ratio: float
    frames: int
    text: str


@dataclass(frozen=True)
class _Table:
    errors: Values  # (N, 5): E of Blur[t] with Sharp[t + offset]; NaN past the ends
    correlations: Values  # (N, 5)
    drifts: Values  # (N, 4): D of Sharp[t] with Sharp[t + lag]


@dataclass(frozen=True)
class _Duel:
    """An offset against its strongest rival."""

    offset: int
    gain: float
    agreement: float
    frames: int


@dataclass(frozen=True)
class _Evidence:
    duel: _Duel
    drifts: Values  # (4,): D(1) to D(4)
    correlation: float  # of the best offset
    differ: bool  # blurry and sharp are not the same flat picture
    detail_ratio: float
    sharper: float  # share of frames where Blur has more detail
    equal: int  # pairs without any difference
    frames: int


def thumbnail(image: NDArray[np.uint8]) -> Thumbnail:
    """Make a frame small for comparison.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
    medium, small = (
        _normalised(_narrow(grey, width)) for width in (_DETAIL_WIDTH_PX, _MATCH_WIDTH_PX)
    )
    across, down = np.diff(medium, axis=1), np.diff(medium, axis=0)
    detail = sum(float(np.mean(np.square(step))) for step in (across, down) if step.size)
    return Thumbnail(small.ravel(), detail)


def _narrow(grey: NDArray[np.float32], width_px: int) -> NDArray[np.float32]:
    height, width = grey.shape
    if width <= width_px:
        return grey
    size = (width_px, max(1, round(height * width_px / width)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)


def _normalised(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = grey - grey.mean(dtype=np.float64)
    deviation = float(np.sqrt(np.mean(np.square(centred), dtype=np.float64)))
    scale = 0.0 if deviation < _FLAT_DN else 1 / deviation
    return np.asarray(centred * scale, np.float32)


def judge(blocks: Iterable[Block], may_be_equal: bool = False) -> Pairing:
    """Say whether a sequence's pairs belong together.

    Parameters
    ----------
    blocks
        Runs of consecutive pairs of one sequence, at least one; each should hold at least 5
        pairs. They are looked at one after the other, so a generator bounds the memory.
    may_be_equal
        Blurry frames may be their sharp ones: they were made from a single frame.

    Returns
    -------
    Pairing
        With the numbers behind the verdict.
    """
    evidence = _evidence(blocks)
    verdict, text = _verdict(evidence, may_be_equal)
    duel = evidence.duel
    return Pairing(
        verdict=verdict,
        offset=duel.offset if verdict in {"ok", "shifted"} else None,
        gain=duel.gain,
        agreement=duel.agreement,
        motion=float(evidence.drifts[0]),
        detail_ratio=evidence.detail_ratio,
        frames=evidence.frames,
        text=text,
    )


def _evidence(blocks: Iterable[Block]) -> _Evidence:
    parts, details = [], []
    for block in blocks:
        parts.append(_table(block))
        for one, other in zip(block.blurry, block.sharp, strict=True):
            details.append(one.detail / max(other.detail, 1e-12))
    errors = np.concatenate([part.errors for part in parts])
    drifts = _column_means(np.concatenate([part.drifts for part in parts]))
    correlations = _column_means(np.concatenate([part.correlations for part in parts]))
    return _Evidence(
        duel=_best(errors, drifts),
        drifts=drifts,
        correlation=float(np.nanmax(correlations)),
        differ=bool(np.nanmax(errors) > _STILL),
        detail_ratio=float(np.median(details)),
        sharper=float(np.mean(np.array(details) > 1)),
        equal=int(np.count_nonzero(errors[:, OFFSETS.index(0)] == 0)),
        frames=len(details),
    )


def _verdict(evidence: _Evidence, may_be_equal: bool) -> tuple[Verdict, str]:
    duel, motion = evidence.duel, evidence.drifts[0]
    if motion > _STILL and evidence.equal > evidence.frames / 2 and not may_be_equal:
        text = f"Blur is a copy of Sharp in {evidence.equal} of {evidence.frames} frames: no blur"
        return "identical", text
    steady = motion / 2 <= 1 - _STEADY_CORRELATION
    if evidence.correlation <= _UNRELATED_CORRELATION and steady and evidence.differ:
        text = f"blurry and sharp show different pictures (correlation {evidence.correlation:.2f})"
        return "unrelated", text
    if not _moves(evidence.drifts):
        return "undetermined", "no motion: every offset fits alike"
    ratio = evidence.detail_ratio
    if ratio >= _ROLE_DOUBT and evidence.sharper >= _ROLE_SHARE and motion >= _ROLE_MOTION:
        return (
            "swapped-roles" if ratio >= _ROLE_RATIO else "undetermined",
            f"Blur is sharper than Sharp in {evidence.sharper:.0%} of the frames"
            f" (detail × {ratio:.2f})",
        )
    numbers = f"gain {duel.gain:.2f}, agreement {duel.agreement:.0%}, {duel.frames} frames"
    if duel.offset == 0 and _clear(duel, _OK_GAIN, _OK_AGREEMENT, _OK_FRAMES):
        return "ok", numbers
    if duel.offset != 0 and _clear(duel, _SHIFT_GAIN, _SHIFT_AGREEMENT, _SHIFT_FRAMES):
        more = " or more" if abs(duel.offset) == max(OFFSETS) else ""
        return (
            "shifted",
            f"Blur[t] fits Sharp[t {duel.offset:+d}]{more} better than Sharp[t] ({numbers})",
        )
    return "undetermined", f"no offset is clearly the best ({numbers})"


def _clear(duel: _Duel, gain: float, agreement: float, frames: int) -> bool:
    return duel.gain >= gain and duel.agreement >= agreement and duel.frames >= frames


def _moves(drifts: Values) -> bool:
    first = drifts[0]
    if not first > _STILL:
        return False
    others = drifts[1:][np.isfinite(drifts[1:])]
    return bool(first >= _LARGE_MOTION or np.any(np.abs(others / first - 1) > _PLATEAU))


def _table(block: Block) -> _Table:
    blurry, sharp = ([item.values for item in view] for view in (block.blurry, block.sharp))
    count = len(blurry)
    errors, correlations = (np.full((count, len(OFFSETS)), np.nan) for _ in range(2))
    drifts = np.full((count, len(_LAGS)), np.nan)
    for t in range(count):
        for column, offset in enumerate(OFFSETS):
            if 0 <= t + offset < count:
                errors[t, column] = _difference(blurry[t], sharp[t + offset])
                correlations[t, column] = np.mean(blurry[t] * sharp[t + offset], dtype=np.float64)
        for column, lag in enumerate(_LAGS):
            if t + lag < count:
                drifts[t, column] = _difference(sharp[t], sharp[t + lag])
    return _Table(errors, correlations, drifts)


def _difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.mean(np.square(one - other), dtype=np.float64))


def _column_means(table: Values) -> Values:
    seen = np.isfinite(table)
    counts = seen.sum(axis=0)
    sums = np.where(seen, table, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _best(errors: Values, drifts: Values) -> _Duel:
    """The offset whose worst duel ends best: frames are paired, so every rival is met fairly."""
    duels = [_worst_duel(errors, drifts, offset) for offset in OFFSETS]
    return max(duels, key=lambda duel: duel.gain)


def _worst_duel(errors: Values, drifts: Values, offset: int) -> _Duel:
    worst: _Duel | None = None
    for rival in OFFSETS:
        if rival == offset:
            continue
        against = errors[:, OFFSETS.index(rival)] - errors[:, OFFSETS.index(offset)]
        against = against[np.isfinite(against)]
        scale = drifts[abs(rival - offset) - 1]
        if against.size == 0 or not scale > _STILL:
            duel = _Duel(offset, 0.0, 0.5, int(against.size))
        else:
            whole = float(np.abs(against).sum())
            share = float(against[against > 0].sum()) / whole if whole > 0 else 0.5
            duel = _Duel(offset, float(against.mean()) / float(scale), share, int(against.size))
        if worst is None or (duel.gain, duel.agreement) < (worst.gain, worst.agreement):
            worst = duel
    if worst is None:
        raise ValueError("there is no rival offset")
    return worst


def swapped_frames(block: Block) -> tuple[tuple[int, int], ...]:
    """Pairs of frames whose sharp (or blurry) files changed places, within one block.

    From frame a to frame b the blurry and the sharp picture change alike; where two files of one
    view changed places they change in opposite senses, however blurred they are.

    Returns
    -------
    Frame numbers (a, b), a < b, sorted; empty where more frames look swapped than a slip explains.
    """
    blurry, sharp = (
        np.stack([item.values for item in view]) for view in (block.blurry, block.sharp)
    )
    count, size = blurry.shape
    if count < 3:
        return ()
    cross = (blurry @ sharp.T).astype(np.float64) / size
    own = np.diag(cross)
    common = own[:, None] + own[None, :] - cross - cross.T  # <B_a - B_b, S_a - S_b> / P
    lengths = [_squared_distances(view) for view in (blurry, sharp)]
    motion = float(np.median(np.diag(lengths[1], 1)))
    scale = np.sqrt(lengths[0] * lengths[1])
    suspect = (common < _SWAP_CORRELATION * scale) & (-common >= _SWAP_STRENGTH * motion)
    suspect &= -common > _STILL
    rows, columns = np.nonzero(np.triu(suspect, 1))
    order = np.argsort(common[rows, columns], kind="stable")
    used: set[int] = set()
    found = []
    for a, b in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if not used & {a, b}:
            used |= {a, b}
            found.append((block.first + a, block.first + b))
    return tuple(sorted(found)) if len(found) <= max(1, _SWAP_SHARE * count) else ()


def _squared_distances(view: NDArray[np.float32]) -> Values:
    products = (view @ view.T).astype(np.float64) / view.shape[1]
    squares = np.diag(products)
    distances = squares[:, None] + squares[None, :] - 2 * products
    return np.asarray(np.maximum(distances, 0.0), np.float64)
