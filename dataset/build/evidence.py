"""Pictures that show why a clip was left out, and what a published sequence looks like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.clip.reader import Clip
from acquisition.picture.animation import animated_png
from acquisition.picture.view import anaglyph, blink, difference
from bsd.document import write_bytes
from dataset.build.survey import paired_places
from dataset.pair.encoding import Encoding
from dataset.png import encode_png

if TYPE_CHECKING:
    from dataset.build.inspection_job import Inspection
    from dataset.pair.development import PairDeveloper

MATCH: Final = "match"
EVIDENCE: Final = (MATCH, "overview", "blurry", "sharp", "anaglyph", "difference", "blink")
"""Pictures of a clip that was left out: ``NAME.png``; the last one is animated."""

_BLINK_MS: Final = 600  # slower than three flashes a second
OVERVIEW_PX: Final = 480
"""Width of a whole view in a picture, px."""

_CROP_PX: Final = (360, 270)

Picture = NDArray[np.uint8]


def write_evidence(
    folder: Path, path: Path, developer: PairDeveloper, inspection: Inspection
) -> None:
    """Write the pictures of the pair that shows best why a clip failed.

    Parameters
    ----------
    folder
        Where to.
    path
        The clip.
    developer
        Aligns the pair.
    inspection
        Tells which pair: the first that a failed gate names, else the middle one.
    """
    from dataset.build.inspection_job import raw_pair

    with Clip.open(path) as clip:
        places = paired_places(clip)
        named = [
            number for each in inspection.results if each.passed is False for number in each.frames
        ]
        found = np.flatnonzero(np.isin(clip.ledger["pulse"][places], named[:1]))
        shown = int(found[0]) if len(found) else min(inspection.middle, len(places) - 1)
        raw = raw_pair(clip, int(places[shown]))
    pair = developer.develop(raw.blurry, raw.sharp)
    coded = Encoding.of(inspection.white_balance, developer.model.white_dn)
    pictures = evidence_pictures(coded.srgb(pair.blurry), coded.srgb(pair.sharp))
    for name, content in pictures.items():
        write_bytes(folder / f"{name}.png", content)


def evidence_pictures(blurry: Picture, sharp: Picture) -> dict[str, bytes]:
    """PNG files by name (`EVIDENCE`): a whole view, and a part at one pixel to a pixel.

    Parameters
    ----------
    blurry, sharp
        (h, w, 3) uint8 RGB, aligned.
    """
    one, other = (_middle(each, _CROP_PX) for each in (blurry, sharp))
    first, second = (encode_png(each) for each in blink(one, other))
    return {
        "overview": encode_png(np.hstack([shrunk(each, OVERVIEW_PX) for each in (blurry, sharp)])),
        "blurry": first,
        "sharp": second,
        "anaglyph": encode_png(anaglyph(one, other)),
        "difference": encode_png(difference(one, other)),
        "blink": animated_png(first, second, _BLINK_MS),
    }


def shrunk(picture: Picture, most_px: int) -> Picture:
    """A picture no wider than `most_px`."""
    height, width = picture.shape[:2]
    if width <= most_px:
        return picture
    size = (most_px, max(1, round(height * most_px / width)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _middle(picture: Picture, size: tuple[int, int]) -> Picture:
    height, width = picture.shape[:2]
    wide, high = min(size[0], width), min(size[1], height)
    left, top = (width - wide) // 2, (height - high) // 2
    return np.ascontiguousarray(picture[top : top + high, left : left + wide])
