"""Why a pulse has no frame: the camera's own numbers tell a missed trigger from a lost frame."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np

from acquisition.arrival import NO_ID
from acquisition.ledger.account import CameraAccount
from acquisition.ledger.row import NO_INDEX, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

_ROUND: Final = 2**64
_SHORT_ROUNDS: Final = (2**16 - 1, 2**16, 2**32)
"""Ids of GigE Vision 1 go from 65535 to 1; others may have 16 or 32 bits."""
_NEAR: Final = 5_000  # ids behind a wrap that are no new beginning


def id_steps(frame_ids: NDArray[np.uint64]) -> list[int | None]:
    """How far each id is from the one before, None where unknown or where ids begin anew."""
    ids = frame_ids.tolist()
    return [_id_step(before, after) for before, after in itertools.pairwise(ids)]


def _id_step(before: int, after: int) -> int | None:
    if NO_ID in (before, after):
        return None
    step = (after - before) % _ROUND
    if step < _ROUND // 2:
        return step
    for around in _SHORT_ROUNDS:
        if before <= around and (after - before) % around <= _NEAR:
            return (after - before) % around
    return None


def label_gaps(account: CameraAccount, usable: Whole) -> None:
    """Say of each pulse without a frame what came of it.

    Parameters
    ----------
    account
        With its frames placed; pulses without a frame get their verdict.
    usable
        Indices of this arming's frames, each once, ascending.
    """
    at = np.flatnonzero(account.frame_at != NO_INDEX)
    frames = account.frame_at[at]
    empty = np.flatnonzero(account.frame_at == NO_INDEX)
    account.verdicts[empty[empty < at[0]]] = _leading(account, usable, int(at[0]))
    account.verdicts[empty[empty > at[-1]]] = Verdict.ENDED_EARLY
    places = np.searchsorted(usable, frames)
    ids = account.arrivals["frame_id"]
    known = _lost_known(account, usable)
    ends = np.concatenate([[0], np.cumsum(account.arrivals["skipped"][usable].astype(np.int64))])
    for gap in np.flatnonzero(np.diff(at) > 1).tolist():
        first, second = int(places[gap]), int(places[gap + 1])
        step = _id_step(int(ids[frames[gap]]), int(ids[frames[gap + 1]])) if known else None
        skipped = int(ends[second + 1] - ends[first + 1])
        lost = max(skipped, -1 if step is None else step - (second - first))
        missing = int(at[gap + 1] - at[gap]) - 1
        verdict = _verdict(lost, missing, step is not None)
        account.verdicts[at[gap] + 1 : at[gap + 1]] = verdict
    _say(account, empty)


def _lost_known(account: CameraAccount, usable: Whole) -> bool:
    """Whether the camera's ids tell of lost frames: they must not stand still."""
    steps = id_steps(account.arrivals["frame_id"][usable])
    still = sum(step == 0 for step in steps)
    if still:
        account.say("clock", f"{still} frame ids stand still: they tell nothing of what was lost")
    return not still


def _leading(account: CameraAccount, usable: Whole, missing: int) -> Verdict:
    """Of pulses before the first frame."""
    skipped = int(account.arrivals["skipped"][usable[0]])
    if skipped == 0:
        return Verdict.LATE_ARMED
    return Verdict.INCOMPLETE if skipped >= missing else Verdict.UNDECIDED


def _verdict(lost: int, missing: int, ids_known: bool) -> Verdict:
    """Of pulses between two frames, of which `lost` frames are known to have gone astray."""
    if lost >= missing:
        return Verdict.INCOMPLETE
    if lost == 0 and ids_known:
        return Verdict.MISSED
    return Verdict.UNDECIDED


def _say(account: CameraAccount, empty: Whole) -> None:
    of = account.verdicts[empty]
    say = account.say_pulses
    say("missed", empty[of == Verdict.MISSED], "missed: the camera did not expose, its ids go on")
    say("incomplete", empty[of == Verdict.INCOMPLETE], "lost on the way: exposed, never arrived")
    say("late-armed", empty[of == Verdict.LATE_ARMED], "unseen: the camera was not ready yet")
    say("ended-early", empty[of == Verdict.ENDED_EARLY], "unseen: no frame came any more")
    say(
        "undecided",
        empty[of == Verdict.UNDECIDED],
        "without a frame: missed or lost on the way, its ids do not tell which",
    )
