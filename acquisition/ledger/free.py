"""Frames of a camera that no trigger drives: each stands for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from acquisition.arrival import ArrivalFlag
from acquisition.ledger.account import CameraAccount
from acquisition.ledger.gap import id_steps
from acquisition.ledger.row import Verdict
from acquisition.rig import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray


def free_account(role: Role, arrivals: NDArray[np.void]) -> CameraAccount:
    """Every frame is loose; frames lost on their way are told as far as ids and counts do."""
    account = CameraAccount.blank(role, arrivals, 0)
    account.leave(range(len(arrivals)), Verdict.FREE_RUNNING)
    account.say(
        "free-running",
        f"{len(arrivals)} frames, free-running: when each was exposed is not known by any pulse,"
        " so nothing is paired",
        bad=False,
    )
    if not len(arrivals):
        account.say("absent", "not one frame arrived")
    partial = (arrivals["flags"] & ArrivalFlag.COMPLETE) == 0
    partial |= (arrivals["flags"] & ArrivalFlag.TRUNCATED) != 0
    account.leave(np.flatnonzero(partial), Verdict.INCOMPLETE)
    steps = id_steps(arrivals["frame_id"])
    lost = max(sum(step - 1 for step in steps if step), int(arrivals["skipped"].sum()))
    if lost or partial.any():
        account.say(
            "incomplete", f"{lost} frames were lost on the way, {int(partial.sum())} came in part"
        )
    return account
