"""Whether the bookends of a scene stood still: they are what alignment is measured on."""

from __future__ import annotations

from typing import Final

from acquisition.clip.format import frame_format
from acquisition.clip.reader import Clip
from acquisition.ledger.row import TakePart, Verdict
from acquisition.picture.stillness import stillness_of
from acquisition.preflight.limits import Limits

LEAST_FRAMES: Final = 5


def bookend_remarks(clip: Clip, limits: Limits | None = None) -> list[str]:
    """What is wrong with the bookends of a sealed scene, one line each; empty where they stand.

    Parameters
    ----------
    clip
        Open; without bookends nothing is asked.
    limits
        `still_px` counts.
    """
    limits = limits or Limits()
    if not clip.head.bookend_frames or clip.head.sync == "none":
        return []
    rows = clip.ledger
    scene = rows["pulse"][rows["part"] == TakePart.SCENE]
    if not len(scene):
        return ["no frame of the scene was recorded"]
    usable = (rows["part"] == TakePart.BOOKEND) & (rows["verdict"] == Verdict.PAIRED)
    sides = {"first": rows["pulse"] < scene.min(), "last": rows["pulse"] > scene.max()}
    remarks = []
    for name, side in sides.items():
        indices = rows["c2_index"][usable & side]
        if len(indices) < min(LEAST_FRAMES, clip.head.bookend_frames):
            remarks.append(f"the {name} bookend has only {len(indices)} pairs")
            continue
        frames = [clip.frames("sharp")[int(index)] for index in indices]
        found = [each for each in stillness_of(frames, frame_format(clip.head, "sharp")) if each]
        moved = [each for each in found if each.is_still(limits.still_px) is False]
        if moved:
            worst_px = max(max(each.length_px, each.worst_px) for each in moved)
            remarks.append(
                f"the {name} bookend moved {worst_px:.2f} px from frame to frame (limit"
                f" {limits.still_px:g}); hold the rig still, and let nothing move in view"
            )
    return remarks
