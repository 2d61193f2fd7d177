"""Joins one camera's frames with the pulses by its device times, and carries its clock on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from acquisition.arrival import NO_TIME
from acquisition.ledger.account import SOUND, CameraAccount
from acquisition.ledger.chain import Chain, chain_frames
from acquisition.ledger.gap import label_gaps
from acquisition.ledger.grid import PulseGrid
from acquisition.ledger.place import place
from acquisition.ledger.record import Anchor
from acquisition.ledger.row import NO_INDEX, Verdict
from acquisition.rig import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

_SAID_MOST: Final = 20


def join_by_time(
    account: CameraAccount, grid: PulseGrid, usable: Whole, anchor: Anchor | None
) -> None:
    """Fill in a camera's account.

    Parameters
    ----------
    usable
        Indices of this arming's frames, each once, ascending; one has a device time at least.
    """
    timed = usable[account.arrivals["device_ns"][usable] != NO_TIME]
    account.leave(np.setdiff1d(usable, timed, assume_unique=True), Verdict.UNDECIDED)
    if len(timed) < len(usable):
        account.say("clock", f"{len(usable) - len(timed)} frames have no device time")
    device_ns = account.arrivals["device_ns"][timed]
    chain = chain_frames(device_ns, grid.expected.period_ns)
    account.timed, account.jitter_ns = True, chain.jitter_ns
    if chain.broken is not None or not len(chain.frames):
        account.leave(timed, Verdict.UNDECIDED)
        _say_broken(account, chain, timed)
        return
    found = place(account.role, chain, device_ns, grid, anchor)
    account.findings += found.findings
    if found.first is None:
        account.leave(timed, Verdict.SLIPPED if found.slipped else Verdict.UNDECIDED)
        return
    _fill(account, chain, timed, found.first, grid.expected.most_exposures(account.role))
    if (account.frame_at == NO_INDEX).all():
        return
    label_gaps(account, usable)
    _say_balance(account, grid, len(usable))
    if found.anchor == "fits":
        account.anchor = anchor
    if found.anchor == "fits" or _is_faultless(account, grid):
        account.anchor = (
            anchor_of(account.role, chain, found.first, device_ns, grid) or account.anchor
        )


def anchor_of(
    role: Role, chain: Chain, first: int, device_ns: Whole, grid: PulseGrid
) -> Anchor | None:
    """The camera's clock on the trigger's at the chain's last frame; None where it is too short."""
    if grid.origin_ticks is None or len(chain.frames) < 3:
        return None
    expected = grid.expected
    stamps = device_ns[chain.frames]
    trigger_ns = grid.pulse_ns(chain.slots + first)
    across = (trigger_ns - trigger_ns[-1]).astype(np.float64)
    late = (stamps - stamps[-1]).astype(np.float64) - across
    # The clocks bend in a long take: what the next one needs is how they ran at the end.
    recent = across >= -60e9
    across, late = across[recent], late[recent]
    slope, height = np.polyfit(across * 1e-9, late, 1)
    scatter_ns = max(float(np.std(late - slope * across * 1e-9 - height)), chain.jitter_ns, 1e3)
    spread_s = float(np.std(across)) * 1e-9
    sigma = 3 * scatter_ns / np.sqrt(len(across))
    begin_ns = grid.origin_ticks * expected.tick_ns + int(trigger_ns[-1])
    return Anchor(
        device_ns=int(stamps[-1]) + round(float(height)),
        trigger_ns=begin_ns + expected.exposure_begin_ns[role],
        slope_ppm=float(slope) * 1e-3,
        uncertainty_ns=float(2 * sigma) + expected.tick_ns,
        slope_uncertainty_ppm=float(sigma / spread_s) * 1e-3,
        exposure_ns=expected.exposure_ns.get(role),
    )


def _fill(account: CameraAccount, chain: Chain, timed: Whole, first: int, most: int | None) -> None:
    """Put the chain's frames at their pulses, and the others aside."""
    rows = len(account.frame_at)
    pulses = chain.slots + first
    inside = (pulses >= 0) & (pulses < (rows if most is None else most))
    account.frame_at[pulses[inside]] = timed[chain.frames[inside]]
    account.verdicts[pulses[inside]] = SOUND
    if most is None:  # nobody told the count: these may be of pulses that nobody told of
        account.leave(timed[chain.frames[~inside]], Verdict.UNDECIDED)
        extra = timed[chain.beside]
    else:
        extra = timed[np.sort(np.concatenate([chain.frames[~inside], chain.beside]))]
    account.leave(extra, Verdict.EXTRA)
    _say_extra(account, extra)
    _set_doubtful_aside(account, timed[chain.doubtful])


def _set_doubtful_aside(account: CameraAccount, doubtful: Whole) -> None:
    """Frames that compete for a pulse, or whose time cannot be used; their pulses with them."""
    at = np.flatnonzero(np.isin(account.frame_at, doubtful))
    account.verdicts[at] = Verdict.UNDECIDED
    account.leave(np.setdiff1d(doubtful, account.frame_at[at]), Verdict.UNDECIDED)
    account.say_pulses("undecided", at, "with two frames at nearly the same time: which is unknown")
    elsewhere = len(doubtful) - len(at)
    if elsewhere:
        account.say("clock", f"{elsewhere} frames have a device time that cannot be used")


def _say_extra(account: CameraAccount, extra: Whole) -> None:
    pulses = np.flatnonzero(account.frame_at != NO_INDEX)
    frames = account.frame_at[pulses]
    for index in extra[:_SAID_MOST].tolist():
        before = int(np.searchsorted(frames, index))
        after = int(pulses[before - 1]) if before else None
        where = "before the first pulse" if after is None else f"after pulse {after}"
        account.say("extra", f"frame {index}, {where}, was exposed by no pulse", after)
    if len(extra) > _SAID_MOST:
        account.say("extra", f"{len(extra) - _SAID_MOST} more frames that no pulse exposed")


def _say_broken(account: CameraAccount, chain: Chain, timed: Whole) -> None:
    reason, where = chain.broken or "its times cannot be used", ""
    if chain.broken_at:
        where = f" at frame {int(timed[chain.broken_at])}"
    account.say("clock", f"{reason}{where}: none of its frames is paired")


def _say_balance(account: CameraAccount, grid: PulseGrid, frames: int) -> None:
    """Frames missing and in excess that make the count right: by count it would have slipped."""
    gone = account.frame_at[: grid.expected.completed_by(account.role)] == NO_INDEX
    extra = sum(verdict == Verdict.EXTRA for verdict in account.loose.values())
    if extra and gone.any() and frames == len(gone):
        account.say(
            "slipped",
            f"{frames} frames for {frames} pulses, and yet some are missing and as many too many;"
            " joined by device time, not by count",
            int(np.flatnonzero(gone)[0]),
        )


def _is_faultless(account: CameraAccount, grid: PulseGrid) -> bool:
    """One frame for each pulse and no other: then count and clock say the same."""
    return not account.loose and not grid.expected.cut and bool((account.verdicts == SOUND).all())
