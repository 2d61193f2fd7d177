"""Joins one camera's frames with the pulses: by its clock, or, where it has none, by count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from acquisition.arrival import NO_ID, NO_TIME, ArrivalFlag
from acquisition.ledger.account import SOUND, CameraAccount
from acquisition.ledger.gap import id_steps
from acquisition.ledger.grid import PulseGrid
from acquisition.ledger.record import Anchor
from acquisition.ledger.row import Verdict
from acquisition.ledger.timed import join_by_time
from acquisition.rig import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]


def account_for(
    role: Role, grid: PulseGrid, arrivals: NDArray[np.void], anchor: Anchor | None
) -> CameraAccount:
    """Join one camera's frames with the pulses.

    Parameters
    ----------
    arrivals
        (F,) `acquisition.arrival.ARRIVAL` in the order of arrival.
    anchor
        Of an earlier take of the same power-up.
    """
    account = CameraAccount.blank(role, arrivals, grid.rows)
    usable = _set_aside(account, grid.expected.arming)
    if not grid.sound:
        account.leave(usable, Verdict.UNDECIDED)
    elif not len(usable):
        account.anchor = anchor
        if grid.rows:
            account.say("absent", "not one frame arrived: cable, trigger line, exposure mode?")
    elif grid.expected.most_exposures(role) == 0:
        account.anchor = anchor
        account.leave(usable, Verdict.EXTRA)
        account.say("extra", f"{len(usable)} frames without any pulse")
    elif grid.expected.timestamps[role] and (arrivals["device_ns"][usable] != NO_TIME).any():
        join_by_time(account, grid, usable, anchor)
    else:
        _join_by_count(account, grid, usable)
    _mark_incomplete(account)
    _mark_untriggered(account, grid)
    return account


def _set_aside(account: CameraAccount, arming: int | None) -> Whole:
    """Indices of this arming's frames, each frame once."""
    arrivals = account.arrivals
    own = np.ones(len(arrivals), dtype=bool)
    if len(arrivals):
        own = arrivals["arming"] == (arrivals["arming"].max() if arming is None else arming)
    foreign = np.flatnonzero(~own)
    account.leave(foreign, Verdict.FOREIGN)
    if len(foreign):
        account.say("foreign", f"{len(foreign)} frames of another arming are kept out")
    kept = np.flatnonzero(own)
    repeated = kept[_repetitions(arrivals[kept])]
    account.leave(repeated, Verdict.REPEATED)
    if len(repeated):
        account.say("repeated", f"{len(repeated)} frames came twice; the first of each is used")
    return np.setdiff1d(kept, repeated, assume_unique=True)


def _repetitions(arrivals: NDArray[np.void]) -> Whole:
    """Positions of frames whose id and time were there before."""
    known = (arrivals["frame_id"] != NO_ID) | (arrivals["device_ns"] != NO_TIME)
    positions = np.flatnonzero(known)
    named = np.stack(
        [arrivals["frame_id"][positions].view(np.int64), arrivals["device_ns"][positions]], axis=1
    )
    _, first = np.unique(named, axis=0, return_index=True)
    return np.setdiff1d(positions, positions[first], assume_unique=True)


def _join_by_count(account: CameraAccount, grid: PulseGrid, usable: Whole) -> None:
    """Without device times only a count that is right, and ids that go on, say anything."""
    most = grid.expected.most_exposures(account.role)
    gaps = _gaps(account.arrivals[usable])
    if most is None or len(usable) != most or gaps:
        account.leave(usable, Verdict.UNDECIDED)
        why = f"and {gaps} gaps in their ids" if gaps else "without device times"
        account.say(
            "count",
            f"{len(usable)} frames for {most if most is not None else 'unknown'} pulses, {why}:"
            " which of them is of which pulse cannot be known, none is paired",
        )
        return
    account.frame_at[:most] = usable
    account.verdicts[:most] = SOUND
    account.say(
        "count",
        "joined by count alone, without device times: a missed and an extra frame together would"
        " not be noticed",
        bad=False,
    )


def _gaps(arrivals: NDArray[np.void]) -> int:
    """Places where frames are known to be lost, or ids that do not go on."""
    steps = id_steps(arrivals["frame_id"])
    # Before the first frame, `skipped` may count what was lost of an older arming.
    lost = int((arrivals["skipped"] > 0).sum())
    return lost + sum(step is not None and step != 1 for step in steps)


def _mark_incomplete(account: CameraAccount) -> None:
    """Frames of which only a part arrived are nobody's partner."""
    flags = account.arrivals["flags"]
    whole = (flags & (ArrivalFlag.COMPLETE | ArrivalFlag.TRUNCATED)) == ArrivalFlag.COMPLETE
    partial = np.flatnonzero(~whole)
    for index in partial.tolist():
        if account.loose.get(index) == Verdict.EXTRA:
            account.loose[index] = Verdict.INCOMPLETE
    at = np.flatnonzero(np.isin(account.frame_at, partial) & (account.verdicts == SOUND))
    account.verdicts[at] = Verdict.INCOMPLETE
    account.say_pulses("incomplete", at, "arrived in part only: the frame is not used")
    elsewhere = len(partial) - len(at)
    if elsewhere:
        account.say("incomplete", f"{elsewhere} frames without a place arrived in part only")


def _mark_untriggered(account: CameraAccount, grid: PulseGrid) -> None:
    """Pulses that this camera's channel did not complete; the trigger's findings tell of them."""
    completed = grid.expected.completed_by(account.role)
    if completed is not None:
        account.verdicts[completed:] = Verdict.UNTRIGGERED
