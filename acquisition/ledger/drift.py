"""Whether the two cameras' clocks keep together, which neither the trigger's rate can excuse.

The trigger's resonator may be off by 5000 ppm and wander with temperature; a camera's crystal
is within 100 ppm. So one clock is not judged by the trigger's but by the other camera's: over
pulses that both saw, their stamps part by at most `RATE_APART_MOST`, and by no more than T/8 from
a straight line. What parts faster is a broken clock, or a camera that runs freely at nearly the
trigger's rate, and its stamps prove nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from acquisition.ledger.account import SOUND, CameraAccount
from acquisition.ledger.grid import PulseGrid
from acquisition.ledger.row import NO_INDEX, Verdict
from acquisition.rig import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    Real = NDArray[np.float64]

RATE_APART_MOST: Final = 200e-6
"""Two crystals, each within 100 ppm."""

RATE_CHANGE_SAID: Final = 20e-6
"""A change of rate within a take that is told of: no crystal does it by itself."""

_STRETCH_S: Final = 1.0
_STRETCH_LEAST: Final = 8
_JITTER_UNSEEN_NS: Final = 400_000.0


def mark_drift(blurry: CameraAccount, sharp: CameraAccount, grid: PulseGrid) -> None:
    """Mark the frames of a drifting clock; both accounts are changed."""
    both = np.flatnonzero((blurry.frame_at != NO_INDEX) & (sharp.frame_at != NO_INDEX))
    if len(both) < 3 or not (blurry.timed and sharp.timed):
        return
    trigger_ns = grid.pulse_ns(both).astype(np.float64)
    late_ns = {account.role: _late(account, both, trigger_ns) for account in (blurry, sharp)}
    parted_ns = late_ns["sharp"] - late_ns["blurry"]
    stretch = min(
        max(_STRETCH_LEAST, round(_STRETCH_S * 1e9 / grid.expected.period_ns)), len(both) - 1
    )
    noise_ns = _noise_ns(blurry, sharp, len(both))
    rates = (parted_ns[stretch:] - parted_ns[:-stretch]) / (
        trigger_ns[stretch:] - trigger_ns[:-stretch]
    )
    noise = noise_ns / (stretch * grid.expected.period_ns)
    usual = float(np.median(rates))
    fast = np.abs(rates) > RATE_APART_MOST + noise
    # A stretch that is too fast has both its ends in doubt, and all between.
    covered = np.cumsum(np.bincount(np.flatnonzero(fast), minlength=len(both)))
    before = np.concatenate([np.zeros(stretch + 1), covered])[: len(both)]
    off_ns = parted_ns - usual * trigger_ns
    off_ns -= np.median(off_ns)
    bad = (covered > before) | (np.abs(off_ns) > grid.expected.period_ns / 8)
    if bad.any():
        _mark(blurry, sharp, both[bad], late_ns, stretch, trigger_ns, usual)
    elif np.abs(rates - usual).max() > RATE_CHANGE_SAID + noise:
        at = int(both[int(np.abs(rates - usual).argmax())])
        change_ppm = 1e6 * float(np.abs(rates - usual).max())
        for account in _guilty(blurry, sharp, late_ns, stretch, trigger_ns):
            account.say(
                "drifting",
                f"its clock changed its rate by {change_ppm:.0f} ppm about pulse {at}; its frames"
                " are still beyond doubt",
                at,
                bad=False,
            )


def _late(account: CameraAccount, pulses: Whole, trigger_ns: Real) -> Real:
    """Stamps less trigger times, 0 at the first."""
    stamps: Whole = account.arrivals["device_ns"][account.frame_at[pulses]]
    since: Real = (stamps - stamps[0]).astype(np.float64)
    late: Real = since - (trigger_ns - trigger_ns[0])
    return late


def _noise_ns(blurry: CameraAccount, sharp: CameraAccount, frames: int) -> float:
    """What two stamps' jitter may make of a difference; few frames do not show their own."""
    least_ns = _JITTER_UNSEEN_NS if frames < 2 * _STRETCH_LEAST else 0.0
    return max(6 * float(np.hypot(blurry.jitter_ns, sharp.jitter_ns)), least_ns)


def _mark(
    blurry: CameraAccount,
    sharp: CameraAccount,
    pulses: Whole,
    late_ns: dict[Role, Real],
    stretch: int,
    trigger_ns: Real,
    usual: float,
) -> None:
    for account in _guilty(blurry, sharp, late_ns, stretch, trigger_ns):
        sound = pulses[account.verdicts[pulses] == SOUND]
        account.verdicts[sound] = Verdict.DRIFTING
        account.anchor = None
        account.say(
            "drifting",
            f"its clock and the other camera's part (by {1e6 * usual:+.0f} ppm over most of the"
            f" take): from pulse {int(pulses[0])} on {len(sound)} frames are not paired; a clock"
            " is broken, or the camera runs without its trigger",
            int(pulses[0]),
        )


def _guilty(
    blurry: CameraAccount,
    sharp: CameraAccount,
    late_ns: dict[Role, Real],
    stretch: int,
    trigger_ns: Real,
) -> list[CameraAccount]:
    """The camera whose rate against the trigger's changed; both where that does not tell."""
    change = {}
    for role, late in late_ns.items():
        rates = (late[stretch:] - late[:-stretch]) / (trigger_ns[stretch:] - trigger_ns[:-stretch])
        change[role] = float(np.ptp(rates))
    noise_ns = _noise_ns(blurry, sharp, len(trigger_ns))
    unclear = RATE_CHANGE_SAID + noise_ns / float(trigger_ns[stretch] - trigger_ns[0])
    if abs(change["blurry"] - change["sharp"]) <= unclear:
        return [blurry, sharp]
    return [blurry if change["blurry"] > change["sharp"] else sharp]
