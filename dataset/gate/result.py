"""What a gate says of a clip, and of all its gates together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from bsd.document import Part

GateName = Literal[
    "ledger",
    "bookend-alignment",
    "synchrony",
    "calibration-age",
    "local-ratio",
    "flicker",
    "clipping",
    "focus-blurry",
    "focus-sharp",
    "blur-blurry",
    "blur-sharp",
    "static",
    "duplicates",
    "scene-overlap",
]

GATES: tuple[GateName, ...] = get_args(GateName)
"""In the order in which they are told."""


class GateResult(Part):
    """One gate's word on one clip.

    Attributes
    ----------
    gate
        Which one.
    passed
        None where the gate found nothing to judge by, which does not keep a clip out; what has to
        be known and could not be measured is failed instead, and `text` says so.
    value, limit
        What was measured and what it is held against, in `unit`; None where there is none.
    unit
        "px", "%", "DN", "h", "pairs", "frames" or "matches"; empty for a share.
    text
        One line for a person: what was found, and where failed, what to do.
    frames
        Numbers of the frames that show it, as they were given to the watch; at most 16.
    """

    gate: GateName
    passed: bool | None
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    text: str
    frames: tuple[int, ...] = ()


def clip_passes(results: Iterable[GateResult]) -> bool:
    """Whether no gate failed."""
    return all(result.passed is not False for result in results)


def failed_gates(results: Iterable[GateResult]) -> tuple[GateName, ...]:
    """Names of those that failed, in the order given."""
    return tuple(result.gate for result in results if result.passed is False)
