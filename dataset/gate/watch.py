"""A clip before the gates: it is shown once, frame by frame, and little of it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.document import ClipVerdict
from acquisition.ledger.row import NO_PULSE, TakePart, Verdict
from acquisition.picture.view import Frame, FrameFormat
from acquisition.rig import ROLES, Role
from dataset.gate.alignment import shift_grid
from dataset.gate.blur import measure_blur
from dataset.gate.bookend import Bookend
from dataset.gate.clipping import clipped_percent
from dataset.gate.duplicates import digest, repeats
from dataset.gate.evidence import ClipFacts, DriftMean, Evidence, SceneFrame, Sides
from dataset.gate.flicker import raw_ratio, variation_percent
from dataset.gate.judgement import judge
from dataset.gate.limits import GateLimits
from dataset.gate.pair import AlignedPair, PairPlanes
from dataset.gate.ratio import (
    LocalRatio,
    block_ratio,
    level,
    level_error,
    local_ratio,
    mean_level,
)
from dataset.gate.result import GateResult
from dataset.gate.scene import Signature, signature
from dataset.gate.static import way_px
from dataset.gate.synchrony import SynchronyWatch

__all__ = ["AlignedPair", "ClipFacts", "ClipWatch"]

_SIGNED: Final = frozenset({1, 4, 12, 32, 80})
"""Which of the developed pairs of a scene give a signature: it may move through a place."""

_MOST_BLUR: Final = 95.0
_LEAST_BLURRED: Final = 3 / 4  # how far a crooked blur lies off hardly depends on its length
_LEAST_FRAMES: Final = 5
_LEAST_STILL: Final = 3
_MANY_FRAMES: Final = 5


class ClipWatch:
    """Watches one clip.

    Parameters
    ----------
    limits
        Of the gates.
    exposures_us
        Of C1 and of C2.
    formats
        How the raw frames are to be read.
    map_xy
        (H1, W1, 2) float32: where in C2's upright view each pixel of C1's lies
        (`PairModel.map_xy`); without it, gate "synchrony" has nothing to judge by.
    """

    def __init__(
        self,
        limits: GateLimits,
        exposures_us: tuple[float, float],
        formats: Mapping[Role, FrameFormat],
        map_xy: NDArray[np.float32] | None = None,
    ) -> None:
        self._limits = limits
        self._share = exposures_us[1] / exposures_us[0]
        self._forms = formats["blurry"], formats["sharp"]
        self._synchrony = None if map_xy is None else SynchronyWatch(self._forms, map_xy)
        self._verdict: ClipVerdict | None = None
        self._lost = self._run = 0
        self._sides = Bookend("first"), Bookend("last")
        self._begun = False
        self._softer_px2 = 0.0
        self._raw_ratios: list[float] = []
        self._ratios: list[NDArray[np.float32]] = []
        self._developed_at: list[int] = []
        self._scene: list[SceneFrame] = []
        self._loose: list[tuple[float, tuple[float, float]]] = []
        self._before: PairPlanes | None = None
        self._raw_before: tuple[Frame, Frame] | None = None
        self._known: dict[Role, set[bytes]] = {role: set() for role in ROLES}
        self._repeated: dict[Role, list[int]] = {role: [] for role in ROLES}
        self._signatures: list[Signature] = []
        self._size_px: tuple[int, int] | None = None
        self._age_h: float | None = None

    def calibrated(self, age_h: float) -> None:
        """Hours between the clip and the calibration that it is developed with, 0 within it."""
        self._age_h = age_h

    def ledger(self, verdict: ClipVerdict, rows: NDArray[np.void]) -> None:
        """The capture's verdict on the clip, and the rows of its ledger."""
        pulsed = (rows["part"] == TakePart.SCENE) & (rows["pulse"] != NO_PULSE)
        paired = rows["verdict"][pulsed] == Verdict.PAIRED
        self._verdict = verdict
        self._lost = int((~paired).sum())
        edges = np.flatnonzero(np.diff(np.concatenate([[False], paired, [False]])))
        self._run = int((edges[1::2] - edges[::2]).max(initial=0))

    def bookend(self, number: int, pair: AlignedPair) -> None:
        """The next pair of a bookend: of the first one until the scene begins, then of the last."""
        planes = self._planes(pair)
        side = self._sides[int(self._begun)]
        if not side.frames:
            self._signatures.append(signature(pair.sharp))
        side.add(number, pair, planes)
        self._note_shift(planes)

    def scene(
        self, number: int, blurry: Frame, sharp: Frame, pair: AlignedPair | None = None
    ) -> None:
        """The next pair of the scene.

        Parameters
        ----------
        number
            Names it in results and facts.
        blurry, sharp
            Raw, as delivered.
        pair
            Developed; every few frames are enough.
        """
        if not self._begun:
            self._begin()
        repeated = self._compare(number, (blurry, sharp))
        ratio = float("nan") if repeated else raw_ratio(blurry, sharp, self._forms)
        self._raw_ratios.append(ratio)
        if self._synchrony is not None:
            if repeated:
                self._synchrony.skip()
            else:
                self._synchrony.add(number, blurry, sharp)
        if pair is not None:
            self._developed_at.append(len(self._raw_ratios) - 1)
            self._look(number, pair)

    def results(self) -> tuple[GateResult, ...]:
        """The word of every gate that needs no other clip."""
        return judge(self._evidence(), self._limits)

    def facts(self) -> ClipFacts:
        """What was measured."""
        return self._evidence().facts()

    def signatures(self) -> tuple[Signature, ...]:
        """By which the scene is known again, see `dataset.gate.scene`."""
        return tuple(self._signatures)

    def _begin(self) -> None:
        """The first bookend is over: a difference in focus is no blur of the scene."""
        self._begun = True
        first = self._sides[0]
        if first.is_still(self._limits.still_px):
            defocus = first.defocus_px() or 0.0
            self._softer_px2 = defocus * abs(defocus)

    def _compare(self, number: int, raw: tuple[Frame, Frame]) -> bool:
        """Whether either frame repeats an earlier one: their light is then no pair's."""
        found = False
        for at, role in enumerate(ROLES):
            name = digest(raw[at])
            before = None if self._raw_before is None else self._raw_before[at]
            again = before is not None and repeats(before, raw[at])
            if name in self._known[role] or again:
                self._repeated[role].append(number)
                found = True
            self._known[role].add(name)
        self._raw_before = raw
        return found

    def _look(self, number: int, pair: AlignedPair) -> None:
        planes = self._planes(pair)
        found = measure_blur(
            planes.blurry, planes.sharp, planes.clear, self._share, self._softer_px2
        )
        lengths = found.length_px
        way = None
        if self._before is not None:
            clear = planes.clear & self._before.clear
            way = way_px(self._before.sharp, planes.sharp, clear)
        told = len(lengths) > 0
        self._scene.append(
            SceneFrame(
                number,
                float(np.median(lengths)) if told else None,
                float(np.percentile(lengths, _MOST_BLUR)) if told else None,
                way,
                clipped_percent(pair.blurry_saturated, pair.sharp_saturated),
            )
        )
        lit = ~(pair.blurry_saturated | pair.sharp_saturated)
        self._ratios.append(block_ratio(pair.blurry, pair.sharp, lit))
        self._note_shift(planes, float(np.median(lengths)) if told else None)
        self._before = planes
        if len(self._scene) in _SIGNED:
            self._signatures.append(signature(pair.sharp))

    def _planes(self, pair: AlignedPair) -> PairPlanes:
        self._size_px = pair.blurry.shape[1], pair.blurry.shape[0]
        return PairPlanes(pair)

    def _note_shift(self, planes: PairPlanes, blur_px: float | None = None) -> None:
        """Kept for the case that no bookend stands still."""
        if self._begun and self._sides[0].is_still(self._limits.still_px):
            return
        if blur_px is None:
            lengths = measure_blur(planes.blurry, planes.sharp, planes.clear, self._share).length_px
            if not len(lengths):
                return
            blur_px = float(np.median(lengths))
        mean = shift_grid(planes.blurry, planes.sharp, planes.clear).mean_px
        if mean is not None:
            self._loose.append((blur_px, mean))

    def _evidence(self) -> Evidence:
        return Evidence(
            self._verdict,
            self._lost,
            self._run,
            self._still_sides(),
            self._drift(),
            self._ratio(),
            variation_percent(np.array(self._raw_ratios)),
            {role: tuple(each) for role, each in self._repeated.items()},
            tuple(self._scene),
            self._share,
            None if self._synchrony is None else self._synchrony.result(),
            self._size_px,
            self._age_h,
        )

    def _still_sides(self) -> Sides:
        limit_px = self._limits.still_px
        still = [side for side in self._sides if side.is_still(limit_px)]
        moved = {
            side.name: side.way_px
            for side in self._sides
            if side.frames and not side.is_still(limit_px)
        }
        shifts = {side.name: side.shifts() for side in still}
        told = {side.name: side.defocus_px() for side in still}
        edges = [side.edges_px() for side in still if told[side.name] is not None]
        wider = [
            max((px for px in each if px is not None), default=None)
            for each in zip(*edges, strict=True)
        ]
        return Sides(
            shifts,
            {name: px for name, px in told.items() if px is not None},
            (wider[0], wider[1]) if wider else (None, None),
            moved,
        )

    def _drift(self) -> DriftMean | None:
        """Signed mean over the least blurred frames: the middles of their blurs lie about it."""
        count = max(_LEAST_FRAMES, round(len(self._loose) * _LEAST_BLURRED))
        if len(self._loose) < count:
            return None
        chosen = sorted(self._loose)[:count]
        shifts = np.array([shift for _, shift in chosen])
        x, y = shifts.mean(axis=0)
        errors = shifts.std(axis=0, ddof=1) / np.sqrt(count)
        return DriftMean((float(x), float(y)), float(errors.max()), count)

    def _ratio(self) -> LocalRatio | None:
        """The pattern over the view from still bookends or from the scene, where it is worse.

        A scene alone needs few frames; beside bookends, where it is to show what came between the
        glass and one camera on the way, some more.
        """
        if not self._ratios:
            return None
        every = np.array(self._raw_ratios)
        at = every[self._developed_at]
        steady = at / np.nanmean(every) if np.isfinite(every).any() else np.ones(len(at))
        steady = np.where(np.isfinite(steady), steady, 1.0)
        frames = np.stack(self._ratios)
        limit_px = self._limits.still_px
        still = [each for side in self._sides if side.is_still(limit_px) for each in side.ratios]
        mean = mean_level(frames, steady)
        if len(still) >= _LEAST_STILL and mean is not None:
            levels = np.array([level(each) for each in still]) / mean
            told = local_ratio(np.stack(still), levels, level_error(every))
            if told is None or len(frames) < _MANY_FRAMES:
                return told
            moving = local_ratio(frames, steady, level_error(every))
            return max((each for each in (told, moving) if each), key=lambda it: it.excess_percent)
        return local_ratio(frames, steady, level_error(every))
