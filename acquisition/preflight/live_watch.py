"""What goes wrong with light and optics while a take runs: warnings that come and go steadily.

A measurement may be unlucky: a frame of two pulses, a hand before the lens. So each condition is
asked of the last few measurements; a warning comes when it was met several times in a row, and
goes when it was not met, with something to spare, several times more.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from acquisition.health.finding import Finding as Check
from acquisition.picture.measurement import PairMeasurement, flicker
from acquisition.picture.registration import Offset
from acquisition.preflight import picture_checks
from acquisition.preflight.limits import Limits

WINDOW: Final = 5
FOCUS_WINDOW: Final = 15
RAISE_AFTER: Final = 3
CLEAR_AFTER: Final = 5
_EASED: Final = 0.8
_LEAST_LIKENESS: Final = 0.5
_SIGMAS: Final = 3.0


@dataclass
class _Latch:
    """One warning: comes late, goes later."""

    met: int = 0
    not_met: int = 0
    shown: Check | None = None

    def feed(self, seen: Check, eased: Check) -> None:
        """`eased`: the same, asked with stricter limits; while it warns, the warning stays."""
        self.met = self.met + 1 if seen.status != "ok" else 0
        self.not_met = self.not_met + 1 if eased.status == "ok" else 0
        if self.met >= RAISE_AFTER or (self.shown and seen.status != "ok"):
            self.shown = seen
        elif self.not_met >= CLEAR_AFTER:
            self.shown = None


@dataclass
class LiveWatch:
    """Watches the measurements of a running take or preview.

    Names of its warnings: ``level``, ``clipping``, ``C1/C2 ratio``, ``focus``, ``flicker``,
    ``splitter``, ``alignment``.

    Parameters
    ----------
    limits
        Thresholds.
    reference
        How the views lay to each other when the session began (`Preflight.offset`); the median of
        the first few offsets where none is given.
    size_px
        Width and height of a view: turns a change of angle or scale into pixels at its corner.
    """

    limits: Limits = field(default_factory=Limits)
    reference: Offset | None = None
    size_px: tuple[int, int] = (0, 0)
    _pairs: deque[PairMeasurement] = field(default_factory=lambda: deque(maxlen=FOCUS_WINDOW))
    _offsets: deque[Offset] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _latches: dict[str, _Latch] = field(default_factory=dict)

    @property
    def warnings(self) -> list[Check]:
        """What stands now, in the order of the checks."""
        return [each.shown for each in self._latches.values() if each.shown is not None]

    def feed(self, pair: PairMeasurement, offset: Offset | None = None) -> list[Check]:
        """Take in a measurement, some times a second; the warnings that stand then.

        Parameters
        ----------
        pair
            `acquisition.picture.measurement.measure_pair` of the newest frames.
        offset
            `acquisition.picture.registration.register_frames` of the same, when there is time.
        """
        self._pairs.append(pair)
        if offset is not None and offset.likeness >= _LEAST_LIKENESS:
            self._offsets.append(offset)
            if self.reference is None and len(self._offsets) == WINDOW:
                self.reference = _median(list(self._offsets))
        usual, eased = self._checks(self.limits), self._checks(_eased(self.limits))
        for name, seen in usual.items():
            self._latches.setdefault(name, _Latch()).feed(seen, eased.get(name, seen))
        return self.warnings

    def _checks(self, limits: Limits) -> dict[str, Check]:
        last = list(self._pairs)[-WINDOW:]
        found = [
            picture_checks.level(last, limits),
            picture_checks.clipping(last, limits),
            picture_checks.ratio(last, limits),
            picture_checks.light_flicker(flicker(list(self._pairs)), limits),
            picture_checks.dirt(last, limits),
        ]
        if len(self._pairs) == FOCUS_WINDOW and any(
            picture_checks.best_focus_quotient([pair], limits) for pair in self._pairs
        ):
            found.append(picture_checks.focus(list(self._pairs), limits))
        if self.reference is not None and len(self._offsets) >= RAISE_AFTER:
            now = _median(list(self._offsets)[-RAISE_AFTER:])
            found.append(alignment(self.reference, now, self.size_px, limits))
        return {each.name: each for each in found}


def alignment(reference: Offset, now: Offset, size_px: tuple[int, int], limits: Limits) -> Check:
    """Whether the views still lie to each other as they did.

    Parameters
    ----------
    reference, now
        Then and now.
    size_px
        Width and height of a view; (0, 0): only the middle is looked at.
    """
    name = "alignment"
    moved = [after - before for before, after in zip(reference.shift_px, now.shift_px, strict=True)]
    turn_mrad = now.rotation_mrad - reference.rotation_mrad
    reach_px = math.hypot(*size_px) / 2
    corner_px = reach_px * math.hypot(turn_mrad / 1000.0, now.scale - reference.scale)
    length_px = math.hypot(*moved) + corner_px
    error_px = math.hypot(
        *now.shift_error_px,
        *reference.shift_error_px,
        reach_px * now.rotation_error_mrad / 1000.0,
        reach_px * reference.rotation_error_mrad / 1000.0,
    )
    text = f"C2 lies ({moved[0]:+.2f}, {moved[1]:+.2f}) px and {turn_mrad:+.2f} mrad off its place"
    if length_px <= limits.drift_px + _SIGMAS * error_px:
        return Check(name, "ok", text)
    way = (
        "stop: is a mount or the lens loose, or the rig still warming up? Record the calibration"
        " target again"
    )
    return Check(name, "warning", text, way)


def _median(offsets: list[Offset]) -> Offset:
    columns = list(zip(*offsets, strict=True))

    def pair(index: int) -> tuple[float, float]:
        x, y = zip(*columns[index], strict=True)
        return statistics.median(x), statistics.median(y)

    single = {index: statistics.median(columns[index]) for index in (1, 2, 4, 5, 6)}
    return Offset(pair(0), single[1], single[2], pair(3), single[4], single[5], single[6])


def _eased(limits: Limits) -> Limits:
    """Stricter, so that what wavers about a limit does not come and go."""
    return limits.model_copy(
        update={
            "ratio_tolerance": limits.ratio_tolerance * _EASED,
            "clipped_share": limits.clipped_share * _EASED,
            "level_share": limits.level_share / _EASED,
            "focus_quotient": limits.focus_quotient + (1 - limits.focus_quotient) * (1 - _EASED),
            "flicker_spread": limits.flicker_spread * _EASED,
            "dirt_depth": limits.dirt_depth * _EASED,
            "drift_px": limits.drift_px * _EASED,
        }
    )
