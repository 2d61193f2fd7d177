"""A session as cameras would have recorded it whose mosaic begins with another colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from acquisition.clip.document import ClipHead
from acquisition.clip.reader import Clip
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import ClipWriter, seal
from acquisition.rig import ROLES
from tests.twin_session import TwinSession

PHASES = {"RGGB": (0, 0), "GRBG": (0, 1), "GBRG": (1, 0), "BGGR": (1, 1)}
"""Row and column where a region begins in a mosaic RGGB, by what it then begins with."""


def crop_session(session: TwinSession, cfa: str) -> None:
    """Cut two pixels off every frame of a copied RGGB session, so that `cfa` is what is left."""
    for record in session.record.clips:
        _crop(session.folder / record.file, cfa)


def _crop(path: Path, cfa: str) -> None:
    part = path.with_name(path.name.replace(".h5", ".h5.part"))
    top, left = PHASES[cfa]
    with Clip(path) as clip:
        head, tail, rows, pulses = clip.head, clip.tail, clip.ledger.copy(), clip.pulses.copy()
        told = {role: clip.arrivals(role).copy() for role in ROLES}
        frames = {role: [frame.copy() for frame in clip.frames(role)] for role in ROLES}
    path.unlink()
    height, width = (side - 2 for side in frames["blurry"][0].shape)
    shape = FrameShape(height, width, 1, "uint16")
    writer = ClipWriter(part, _told(head, shape, cfa), dict.fromkeys(ROLES, shape))
    for role in ROLES:
        for arrival, frame in zip(told[role], frames[role], strict=True):
            cut = frame[top : top + height, left : left + width]
            arrival["size"] = cut.nbytes
            writer.append(role, arrival, np.ascontiguousarray(cut).view(np.uint8).reshape(-1))
    writer.pulses(pulses)
    writer.close()
    seal(part, rows, tail)


def _told(head: ClipHead, shape: FrameShape, cfa: str) -> ClipHead:
    fields = head.model_dump(mode="json")
    name = f"Bayer{cfa[:2]}12" if cfa[0] != "G" else f"BayerG{cfa[1]}12"
    for role in ROLES:
        fields["cameras"][role]["configured"] |= {
            "pixel_format": name,
            "cfa": cfa,
            "width": shape.width,
            "height": shape.height,
            "frame_bytes": shape.frame_bytes,
        }
        fields["rig"]["cameras"][role]["pixel_format"] = name
    return ClipHead.model_validate(fields)
