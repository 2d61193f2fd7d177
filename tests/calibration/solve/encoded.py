"""A session as cameras would have recorded it that deliver encoded colour only: RGB8, sRGB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.document import ClipHead
from acquisition.clip.format import frame_format
from acquisition.clip.reader import Clip
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import ClipWriter, seal
from acquisition.rig import ROLES, Role
from calibration.mosaic import demosaic
from tests.twin_session import TwinSession


def srgb(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Codes of linear light, 1 at white."""
    clipped = np.clip(light, 0, 1)
    low, high = 12.92 * clipped, 1.055 * np.power(clipped, 1 / 2.4) - 0.055
    return np.floor(255 * np.where(clipped <= 0.0031308, low, high) + 0.5).astype(np.uint8)


def linear(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light of codes 0 to 255, 1 at white."""
    light = codes / 255
    return np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)


def encode_session(session: TwinSession) -> None:
    """Replace every clip of a copied session."""
    for record in session.record.clips:
        _encode(session.folder / record.file, session)


def _encode(path: Path, session: TwinSession) -> None:
    part = path.with_name(path.name.replace(".h5", ".h5.part"))
    with Clip(path) as clip:
        head, tail, rows, pulses = clip.head, clip.tail, clip.ledger.copy(), clip.pulses.copy()
        told = {role: clip.arrivals(role).copy() for role in ROLES}
        frames = {
            role: [_colours(f, head, role, session) for f in clip.frames(role)] for role in ROLES
        }
    path.unlink()
    height, width = frames["blurry"][0].shape[:2]
    shape = FrameShape(height, width, 3, "uint8")
    writer = ClipWriter(part, _told(head, shape), dict.fromkeys(ROLES, shape))
    for role in ROLES:
        for arrival, frame in zip(told[role], frames[role], strict=True):
            arrival["size"] = frame.nbytes
            writer.append(role, arrival, frame.reshape(-1))
    writer.pulses(pulses)
    writer.close()
    seal(part, rows, tail)


def _colours(
    frame: NDArray[np.uint16], head: ClipHead, role: Role, session: TwinSession
) -> NDArray[np.uint8]:
    form = frame_format(head, role)
    assert form.cfa is not None
    black = session.black_dn(role)
    light = demosaic(np.ascontiguousarray(frame, dtype=np.float32) - np.float32(black), form.cfa)
    return srgb(light / np.float32(form.white_dn - black))


def _told(head: ClipHead, shape: FrameShape) -> ClipHead:
    fields = head.model_dump(mode="json")
    for role in ROLES:
        fields["cameras"][role]["configured"] |= {
            "pixel_format": "RGB8",
            "bits": 8,
            "channels": 3,
            "cfa": None,
            "dtype": "uint8",
            "frame_bytes": shape.frame_bytes,
            "black_level_dn": 0.0,
        }
        fields["rig"]["cameras"][role]["pixel_format"] = "RGB8"
    return ClipHead.model_validate(fields)
