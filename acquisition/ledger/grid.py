"""The pulses of a run on the trigger's own clock, told or not.

The controller begins frame k at ``floor(k PN / PD)`` ticks after frame 0 (trigger protocol), so a
pulse whose word was lost is known by its number, and the words that came must agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from acquisition.ledger.record import Expected, Finding
from acquisition.rig import ROLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

COUNT: Final = 2**48
"""The controller's count of ticks begins again here."""


@dataclass(frozen=True)
class PulseGrid:
    """Begins of the pulses.

    Attributes
    ----------
    rows
        Number of pulses that at least one camera may have seen.
    origin_ticks
        The controller's count at pulse 0; None where no word came, or they contradict each other.
    sound
        False where what the controller told does not fit what it was told to do.
    """

    expected: Expected
    rows: int
    origin_ticks: int | None
    sound: bool
    findings: tuple[Finding, ...]

    def pulse_ns(self, pulses: NDArray[np.int64]) -> NDArray[np.int64]:
        """Begins after that of pulse 0, exact, by the trigger's clock."""
        return ticks_after(self.expected, pulses) * self.expected.tick_ns


def ticks_after(expected: Expected, pulses: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ticks from pulse 0 to others: ``floor(k PN / PD)`` without leaving 64 bits."""
    whole, rest = divmod(expected.period.numerator, expected.period.denominator)
    return pulses * whole + pulses * rest // expected.period.denominator


def lay_grid(expected: Expected, pulses: NDArray[np.void]) -> PulseGrid:
    """The grid of a run.

    Parameters
    ----------
    expected
        Counts and period.
    pulses
        (P,) `PULSE`; gaps, repetitions and any order are allowed.
    """
    findings: list[Finding] = []
    numbers, first = np.unique(pulses["n"], return_index=True)
    completed = [expected.most_exposures(role) for role in ROLES]
    if None in completed:
        rows = int(numbers[-1]) + 1 if len(numbers) else 0
        findings.append(_untold(rows))
    else:
        rows = max(count for count in completed if count is not None)
    origin, strays = _origin(expected, numbers.astype(np.int64), pulses["ticks"][first])
    sound = strays == 0
    if not sound:
        findings.append(_off_grid(strays, len(numbers)))
    beyond = int((numbers >= rows).sum())
    if beyond:
        sound = False
        findings.append(
            Finding(
                "pulses",
                None,
                rows,
                f"trigger told of {beyond} pulses beyond the {rows} that it counted:"
                " words of another run; nothing is paired",
            )
        )
    findings += _shortfall(expected)
    return PulseGrid(expected, rows, origin if sound else None, sound, tuple(findings))


def _origin(
    expected: Expected, numbers: NDArray[np.int64], ticks: NDArray[np.uint64]
) -> tuple[int | None, int]:
    """The count at pulse 0 that most words agree on, and how many do not agree."""
    if not len(numbers):
        return None, 0
    since = ticks_after(expected, numbers).astype(np.uint64)
    origins, votes = np.unique((ticks - since) % np.uint64(COUNT), return_counts=True)
    best = int(votes.argmax())
    return int(origins[best]), len(numbers) - int(votes[best])


def _off_grid(strays: int, told: int) -> Finding:
    return Finding(
        "pulses",
        None,
        None,
        f"trigger: {strays} of {told} told pulses are not where its period puts them: another"
        " program or run; nothing is paired",
    )


def _untold(rows: int) -> Finding:
    return Finding(
        "pulses",
        None,
        None,
        f"trigger: the end of the run was never told; there were at least {rows} pulses",
    )


def _shortfall(expected: Expected) -> list[Finding]:
    """How the pulses differ from what was asked; what a person stopped is no fault."""
    counts = [expected.completed_by(role) for role in ROLES]
    found = []
    if counts[0] != counts[1]:
        found.append(
            Finding(
                "untriggered",
                None,
                None,
                f"trigger: {counts[0]} pulses for the blurry camera, {counts[1]} for the sharp one:"
                " the run was broken off",
            )
        )
    if expected.cut:
        found.append(
            Finding(
                "untriggered",
                None,
                None,
                "trigger: the last pulse may not have had its width; it is not paired",
            )
        )
    least = min((count for count in counts if count is not None), default=None)
    if least is not None and least < expected.asked:
        found.append(
            Finding(
                "stopped",
                None,
                least,
                f"trigger: {least} of {expected.asked} pulses asked: the take ended early,"
                f" {'without its' if expected.bookend else 'no'} end bookend",
                bad=False,
            )
        )
    return found
