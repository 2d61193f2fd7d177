"""Makes what the browsers show: pictures of the newest pair as JPEG, and its measurements.

All of it happens in one thread of the preview's process, and no more than a share of that thread's
time is used, so that recording has the machine.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import cv2

from acquisition.picture import view as views
from acquisition.picture.view import Picture
from acquisition.preview import gauge
from acquisition.preview.message import Look
from acquisition.preview.pair import Onlooker, Pair, Seen
from acquisition.preview.status import Role, Scenery
from acquisition.ring import FrameRing
from bsd.errors import EnvironmentFault

_WHOLE_PX = 960
"""Views up to this width are shown whole in every pixel, wider ones in half the size."""

_QUALITY = 82
_QUALITY_FINE = 93
_DIFFERENCE_GAIN = 2.0


@dataclass(frozen=True)
class Print:
    """A picture on its way to browsers.

    Attributes
    ----------
    look
        What was wanted.
    stamp
        Of which frames it is (`Studio.stamp`).
    head
        What the page is told of it.
    jpegs
        One picture, or those of C1 and C2.
    """

    look: Look
    stamp: tuple[int, ...]
    head: dict[str, object]
    jpegs: tuple[bytes, ...]

    def message(self, number: int) -> bytes:
        """As sent: length of the head (uint32, little-endian), head as JSON, the pictures."""
        sizes = [len(each) for each in self.jpegs]
        head = json.dumps({**self.head, "number": number, "sizes": sizes}).encode()
        return b"".join((struct.pack("<I", len(head)), head, *self.jpegs))


class Studio:
    """Pictures and measurements of the newest pair.

    Parameters
    ----------
    rings
        By role.
    """

    def __init__(self, rings: Mapping[Role, FrameRing]) -> None:
        self._onlooker = Onlooker(rings)

    def set_scenery(self, scenery: Scenery | None) -> None:
        """What the frames are."""
        self._onlooker.set_scenery(scenery)

    def stamp(self) -> tuple[int, ...]:
        """Changes with every new frame."""
        return self._onlooker.stamp()

    def picture(self, look: Look) -> Print | None:
        """The newest pair as `look` wants it; None where there is no frame."""
        stamp = self.stamp()
        pair = self._onlooker.pair()
        if pair is None:
            return None
        pictures = {role: _shown(seen, look) for role, seen in pair.seen.items()}
        made, roles = _composed(pictures, look)
        head: dict[str, object] = {
            "kind": "picture",
            "mode": look.mode,
            "roles": roles,
            "zoom": look.zoom,
            "text": pair.text,
            "together": pair.together,
            "numbers": {role: seen.number for role, seen in pair.seen.items()},
            "full": {role: list(seen.frame.shape[1::-1]) for role, seen in pair.seen.items()},
            "focus": gauge.focus(pair, (look.x, look.y), (look.width, look.height))
            if look.zoom
            else None,
        }
        fine = look.zoom or look.mode == "anaglyph"
        return Print(look, stamp, head, tuple(_jpeg(each, fine=fine) for each in made))

    def pair(self) -> Pair | None:
        """A copy of the newest pair, to be looked at in another thread."""
        return self._onlooker.pair()

    def measures(self) -> dict[str, object] | None:
        """Levels, clipping, focus and ratio of the newest pair; None where there is no frame."""
        pair = self._onlooker.pair()
        return None if pair is None else gauge.measures(pair)


def _shown(seen: Seen, look: Look) -> Picture:
    gains = (float(look.gain),) * 3
    if look.zoom:
        size_px = (look.width, look.height)
        return views.zoomed(seen.frame, seen.form, (look.x, look.y), size_px, gains)
    height, width = seen.frame.shape[:2]
    if width <= _WHOLE_PX:
        return views.zoomed(seen.frame, seen.form, (0.5, 0.5), (width, height), gains)
    return views.quick_picture(seen.frame, seen.form, gains)


def _composed(
    pictures: Mapping[Role, Picture], look: Look
) -> tuple[list[Picture], list[Role] | None]:
    """The pictures to send, and whose they are; None for both in one."""
    both = "blurry" in pictures and "sharp" in pictures
    if not both or look.mode in ("side", "blink"):
        return list(pictures.values()), list(pictures)
    blurry, sharp = pictures["blurry"], pictures["sharp"]
    match look.mode:
        case "overlay":
            return [views.overlay(blurry, sharp)], None
        case "difference":
            return [views.difference(blurry, sharp, _DIFFERENCE_GAIN)], None
        case _:
            return [views.anaglyph(blurry, sharp)], None


def _jpeg(picture: Picture, *, fine: bool) -> bytes:
    """`fine`: colours at full resolution, few artefacts; else small."""
    sampling = (
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if fine else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    )
    settings = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY_FINE if fine else _QUALITY]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    done, made = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    if not done:
        raise EnvironmentFault("preview: OpenCV cannot make a JPEG; install it with JPEG support")
    return made.tobytes()
