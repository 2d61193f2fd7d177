"""One camera's side of the ledger, while it is being filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from acquisition.ledger.record import Anchor, Finding, FindingKind
from acquisition.ledger.row import NO_INDEX, Verdict
from acquisition.rig import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

SOUND: Final = Verdict.UNPAIRED
"""A camera's verdict on a frame of its pulse, until the other camera's is known."""

_RANGES_MOST: Final = 20


@dataclass
class CameraAccount:
    """What one camera made of the pulses.

    Attributes
    ----------
    arrivals
        (F,) `acquisition.arrival.ARRIVAL` in the order of arrival; frames are named by their
        index in it.
    frame_at
        (M,) index of the frame of each pulse, or `NO_INDEX`.
    verdicts
        (M,) `Verdict` of each pulse, `SOUND` where its frame is good.
    loose
        Index → verdict of each frame that belongs to no pulse.
    anchor
        For the next take.
    timed
        Whether its frames were joined by their device times.
    jitter_ns
        Of the stamps.
    """

    role: Role
    arrivals: NDArray[np.void]
    frame_at: Whole
    verdicts: NDArray[np.uint8]
    loose: dict[int, Verdict] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    anchor: Anchor | None = None
    timed: bool = False
    jitter_ns: float = 0.0

    @classmethod
    def blank(cls, role: Role, arrivals: NDArray[np.void], rows: int) -> CameraAccount:
        """Nothing is decided yet."""
        return cls(
            role,
            arrivals,
            np.full(rows, NO_INDEX, dtype=np.int64),
            np.full(rows, Verdict.UNDECIDED, dtype=np.uint8),
        )

    def leave(self, indices: Iterable[int], verdict: Verdict) -> None:
        """These frames belong to no pulse."""
        for index in indices:
            self.loose[int(index)] = verdict

    def say(
        self, kind: FindingKind, text: str, pulse: int | None = None, *, bad: bool = True
    ) -> None:
        """Add a finding about this camera."""
        self.findings.append(Finding(kind, self.role, pulse, f"{self.role}: {text}", bad))

    def say_pulses(self, kind: FindingKind, pulses: Whole, meaning: str) -> None:
        """One finding for each range of pulses; where there are many, the rest in one."""
        runs = ranges(pulses)
        for first, last in runs[:_RANGES_MOST]:
            self.say(kind, f"{named(first, last)} {meaning}", first)
        rest = runs[_RANGES_MOST:]
        if rest:
            count = sum(last - first + 1 for first, last in rest)
            self.say(kind, f"{count} more pulses {meaning}", rest[0][0])


def ranges(pulses: Whole) -> list[tuple[int, int]]:
    """First and last of each stretch of neighbours in ascending numbers."""
    if not len(pulses):
        return []
    breaks = np.flatnonzero(np.diff(pulses) > 1)
    firsts = pulses[np.concatenate([[0], breaks + 1])]
    lasts = pulses[np.append(breaks, len(pulses) - 1)]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def named(first: int, last: int) -> str:
    """A range of pulses in words."""
    return f"pulse {first}" if first == last else f"pulses {first} to {last}"
