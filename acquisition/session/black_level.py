"""The level of no light, from the dark clips of a session: what no camera tells in its own unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from acquisition.camera.gain import levels
from acquisition.clip.reader import Clip
from acquisition.rig import ROLES, Role

if TYPE_CHECKING:
    from pathlib import Path

    from acquisition.camera.message import Configured
    from acquisition.session.record import SessionRecord

_SAMPLES: Final = 8


def measured_black_dn(
    record: SessionRecord, folder: Path, configured: Mapping[Role, Configured]
) -> dict[Role, float]:
    """Mean of the newest dark clip that was checked and whose cameras stood as they do now.

    A clip that was not checked, or was found faulty, does not count.

    Parameters
    ----------
    record, folder
        Of the session.
    configured
        The cameras now: pixel format, gain and black level, as read back, must be those of the
        dark clip.

    Returns
    -------
    dict
        Only roles for which there is such a clip; DN of the frames' samples.
    """
    checked = {step.clip: step.status for step in record.steps}  # the newest check counts
    sound = {clip for clip, status in checked.items() if status in ("ok", "warning")}
    found: dict[Role, float] = {}
    for entry in reversed(record.clips):
        if entry.plan.purpose != "dark" or entry.clip not in sound or len(found) == len(ROLES):
            continue
        with Clip(folder / entry.file) as clip:
            for role in ROLES:
                told = cast("dict[str, Any]", clip.head.cameras[role].configured)
                if role not in found and _stood_so(told, configured[role]):
                    found[role] = _mean(clip, role)
    return found


def _stood_so(told: Mapping[str, Any], now: Configured) -> bool:
    if (told.get("pixel_format"), told.get("gain_db")) != (now.pixel_format, now.gain_db):
        return False
    return levels(told.get("readback", {})) == levels(now.readback)


def _mean(clip: Clip, role: Role) -> float:
    """Mean of some frames; hot pixels are too few to count, and are left in."""
    frames = clip.frames(role)
    picked = np.unique(np.linspace(0, len(frames) - 1, min(_SAMPLES, len(frames))).astype(int))
    return float(np.mean([frames[int(index)].mean() for index in picked]))
