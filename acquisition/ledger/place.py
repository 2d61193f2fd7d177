"""Which pulse a camera's first frame belongs to.

A chain says how many pulses lie between its frames, not where it begins. Two things can tell:

- *coverage*: a chain as long as the run of pulses has one place;
- an *anchor*: the camera's clock was joined to the trigger's in an earlier take of the same
  power-up, and has been carried on since with a stated uncertainty of at most T/4.

Where neither tells, the first pulses may be unseen or the last ones, and nothing is placed. Where
both tell and disagree by whole periods, a frame is too many at one end and one too few at the
other, or the anchor is wrong: nothing is placed either, and the anchor is given up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from acquisition.ledger.chain import Chain
from acquisition.ledger.grid import COUNT, PulseGrid
from acquisition.ledger.record import Anchor, Finding
from acquisition.rig import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

AnchorState = Literal["none", "fits", "stale", "blunt"]

_FRAMES: Final = 15  # of whose stamps the median is compared


@dataclass(frozen=True)
class Place:
    """Where a chain begins.

    Attributes
    ----------
    first
        Pulse of the chain's first frame, below 0 where it comes before them all; None: undecided.
    anchor
        ``fits``: within its uncertainty of whole periods. ``stale``: not, a device was reset.
        ``blunt``: too old to tell.
    slipped
        Coverage and anchor disagree by so many pulses.
    findings
        What is to be said.
    """

    first: int | None
    anchor: AnchorState
    slipped: int = 0
    findings: tuple[Finding, ...] = ()


def place(
    role: Role,
    chain: Chain,
    device_ns: NDArray[np.int64],
    grid: PulseGrid,
    anchor: Anchor | None,
) -> Place:
    """Place a chain of at least one frame.

    Parameters
    ----------
    device_ns
        Stamps of the frames that the chain's positions point into.
    """
    state, at, said = _by_anchor(role, chain, device_ns, grid, anchor)
    most = grid.expected.most_exposures(role)
    room = None if most is None else most - chain.span  # places besides the first
    if state == "fits":
        inside = at >= 0 and (most is None or at + chain.span <= most)
        covers = most is not None and at <= 0 and at + chain.span >= most
        if inside or (covers and room is not None and room < 0):
            return Place(at, state, findings=said)
        return Place(None, state, at, (*said, _slipped(role, at)))
    if room == 0 and len(chain.frames) > 1:
        return Place(0, state, findings=said)
    return Place(None, state, findings=(*said, _undecided(role, room)))


def _by_anchor(
    role: Role,
    chain: Chain,
    device_ns: NDArray[np.int64],
    grid: PulseGrid,
    anchor: Anchor | None,
) -> tuple[AnchorState, int, tuple[Finding, ...]]:
    """Whether the anchor holds, and the pulse at which it puts the chain's first frame."""
    if anchor is None or grid.origin_ticks is None:
        return "none", 0, ()
    expected = grid.expected
    elapsed_ns = wrapped(
        grid.origin_ticks * expected.tick_ns + expected.exposure_begin_ns[role] - anchor.trigger_ns,
        COUNT * expected.tick_ns,
    )
    unsure_ns = anchor.uncertainty_after_ns(elapsed_ns, expected.exposure_ns.get(role))
    period_ns = expected.period_ns
    if unsure_ns + chain.tolerance_ns > period_ns / 4:
        text = (
            f"{role}: the anchor of an earlier take is uncertain by {unsure_ns * 1e-6:.1f} ms by"
            f" now, more than a quarter of the period allows: not used"
        )
        return "blunt", 0, (Finding("anchor", role, None, text, bad=False),)
    frames = chain.frames[:_FRAMES]
    since_ns = grid.pulse_ns(chain.slots[:_FRAMES])
    late_ns = [
        wrapped(stamp - anchor.device_ns, 2**64)
        - elapsed_ns
        - since
        - (anchor.device_ns_after(elapsed_ns + since) - (elapsed_ns + since))
        for stamp, since in zip(device_ns[frames].tolist(), since_ns.tolist(), strict=True)
    ]
    periods = float(np.median(late_ns)) / (period_ns * (1 + anchor.slope_ppm * 1e-6))
    at = round(periods)
    off_ns = abs(periods - at) * period_ns
    if off_ns <= unsure_ns + chain.tolerance_ns and abs(at) <= max(grid.rows, chain.span):
        return "fits", at, ()
    text = (
        f"{role}: the anchor of an earlier take does not hold ({periods:+.2f} periods off): a clock"
        " began anew; this take is judged without it"
    )
    return "stale", 0, (Finding("anchor", role, None, text, bad=False),)


def wrapped(difference: int, modulus: int) -> int:
    """The value of a difference modulo `modulus` that is nearest to 0."""
    half = modulus // 2
    return (difference + half) % modulus - half


def _slipped(role: Role, at: int) -> Finding:
    text = (
        f"{role}: by the clock of an earlier take its first frame is of pulse {at}, and the"
        " count of frames contradicts that: they may have slipped by whole pulses, none is paired"
    )
    return Finding("slipped", role, max(at, 0), text)


def _undecided(role: Role, room: int | None) -> Finding:
    if room is None:
        text = f"{role}: the number of pulses is not known, so its first frame may be of any pulse"
    elif room < 0:
        text = (
            f"{role}: its frames span {-room} pulses more than there were: extra frames at the"
            " begin or the end"
        )
    elif room == 0:
        text = f"{role}: one frame alone shows no period: it may be of this pulse or of none"
    else:
        text = (
            f"{role}: {room} pulses at the begin or the end are unseen, and no earlier take tells"
            " which"
        )
    return Finding("undecided", role, None, f"{text}; none of its frames is paired")
