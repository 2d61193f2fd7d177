"""Still pictures to render from: files, what scikit-image ships, frames of a user's clip."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.errors import EnvironmentFault, UserMistake
from dataset.image import decode_image

Codes = NDArray[np.uint8]

SHIPPED = {
    "astronaut": "astronaut.png",
    "coffee": "coffee.png",
    "motorcycle": "motorcycle_left.png",
    "chelsea": "chelsea.png",
    "rocket": "rocket.jpg",
    "gravel": "gravel.png",
    "brick": "brick.png",
    "grass": "grass.png",
    "camera": "camera.png",
    "hubble": "hubble_deep_field.jpg",
    "ihc": "ihc.png",
    "coins": "coins.png",
    "retina": "retina.jpg",
    "moon": "moon.png",
}
"""Pictures inside scikit-image's wheel, best (natural, textured, in colour) first."""

_LOOKS_PER_SPAN = 8


def read_picture(path: Path) -> Codes:
    """Read a picture file as (H, W, 3) uint8 RGB; grey becomes three equal channels.

    Raises
    ------
    UserMistake
        No such file, not a picture that OpenCV reads, or one that is too large.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserMistake(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise UserMistake(f"{path}: is a folder, expected a picture file") from error
    decoded = decode_image(content, cv2.IMREAD_COLOR, str(path))
    if decoded is None:
        raise UserMistake(f"{path}: is not a picture that can be read; use PNG, JPEG or TIFF")
    return np.ascontiguousarray(decoded[..., ::-1], np.uint8)


def shipped_pictures() -> list[tuple[str, Codes]]:
    """(name, picture) of every file of `SHIPPED` that this scikit-image holds, best first.

    Nothing is downloaded.

    Raises
    ------
    EnvironmentFault
        scikit-image is not installed or holds none of them.
    """
    folder = _shipped_folder()
    found = [(name, folder / file) for name, file in SHIPPED.items() if (folder / file).is_file()]
    if not found:
        raise EnvironmentFault(f"{folder}: this scikit-image ships no pictures; install another")
    return [(name, read_picture(path)) for name, path in found]


def shipped_picture(name: str) -> Codes:
    """One shipped picture by name.

    Raises
    ------
    UserMistake
        Unknown name; the known ones are listed.
    """
    if name not in SHIPPED:
        raise UserMistake(f"shipped:{name}: unknown picture; there are {', '.join(SHIPPED)}")
    return read_picture(_shipped_folder() / SHIPPED[name])


def _shipped_folder() -> Path:
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise EnvironmentFault(
            "shipped pictures need scikit-image; install it with: pip install 'bsd-toolkit[demo]'"
        )
    return Path(spec.origin).parent / "data"


def sharpness(picture: Codes) -> float:
    """Variance of the Laplacian of a picture's grey values: larger is sharper."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def video_pictures(
    path: Path, count: int, longest_px: int | None = None, rate_hz: float | None = None
) -> list[Codes]:
    """Well-spaced frames of a clip as still pictures, the sharpest near each place.

    The clip is cut into `count` equal spans; of eight frames spread over a span the one with the
    largest variance of the Laplacian is taken. Memory holds one frame per span.

    Parameters
    ----------
    path
        Video file or folder of frames, as for ``dataset.synthesize``.
    count
        Number of pictures, at least 1.
    longest_px
        Reduce pictures (area averages) whose longer side exceeds this.
    rate_hz
        The real rate, where the source does not say it.

    Raises
    ------
    UserMistake
        The source cannot be read or holds fewer than `count` frames.
    """
    from dataset.video import open_source

    if count < 1:
        raise UserMistake(f"--count {count}: at least 1 picture is needed")
    source = open_source(path, rate_hz=rate_hz)
    total = source.frame_count
    if total < count:
        raise UserMistake(f"{path}: holds {total} frames, fewer than the {count} asked for")
    best: list[tuple[float, Codes]] = []
    wanted = _looks(total, count)
    for index, frame in enumerate(source.frames()):
        span = wanted.get(index)
        if span is None:
            continue
        score = sharpness(frame)
        if span == len(best):
            best.append((score, frame.copy()))
        elif score > best[span][0]:
            best[span] = (score, frame.copy())
    return [_reduced(picture, longest_px) for _, picture in best]


def _looks(total: int, count: int) -> dict[int, int]:
    """Frame index → span, for the frames to look at."""
    looks: dict[int, int] = {}
    for span in range(count):
        first, last = span * total // count, (span + 1) * total // count - 1
        for index in np.linspace(first, last, _LOOKS_PER_SPAN).round().astype(int):
            looks[int(index)] = span
    return looks


def _reduced(picture: Codes, longest_px: int | None) -> Codes:
    longest = max(picture.shape[:2])
    if longest_px is None or longest <= longest_px:
        return picture
    height, width = (max(1, round(v * longest_px / longest)) for v in picture.shape[:2])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
