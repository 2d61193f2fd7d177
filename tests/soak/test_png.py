"""The PNG encoder on random images, and random damage that must not pass."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from bsd.errors import UserMistake
from dataset.png import TruncatedPng, decode_png, encode_png

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

Image = NDArray[np.uint8]
IMAGES, DAMAGES = 2000, 400
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


def random_image(random: np.random.Generator) -> tuple[str, Image]:
    """Its kind, and an image of 1 to 300 px a side, grey or RGB."""
    height, width = (int(side) for side in random.integers(1, 301, 2))
    grey = bool(random.integers(2))
    kind = str(random.choice(["noise", "gradient", "constant", "photograph"]))
    if kind == "noise":
        low, high = sorted(int(code) for code in random.integers(0, 256, 2))
        image = random.integers(low, high, (height, width, 3), np.uint8, endpoint=True)
    elif kind == "gradient":
        y, x, c = np.mgrid[:height, :width, :3]
        down, across, colour = random.uniform(-4, 4, 3)
        image = np.floor(x * across + y * down + c * 40 * colour).astype(np.int64) % 256
        image = image.astype(np.uint8)
    elif kind == "constant":
        image = np.full((height, width, 3), random.integers(0, 256, 3), np.uint8)
    else:
        photograph = getattr(data, str(random.choice(PHOTOGRAPHS)))()
        top = int(random.integers(0, photograph.shape[0] - height + 1))
        left = int(random.integers(0, photograph.shape[1] - width + 1))
        image = photograph[top : top + height, left : left + width]
    return kind, np.asarray(image[..., 0] if grey else image)


def test_random_images_come_back_exactly(
    count: Callable[[int], int], figure: Callable[[str], None]
) -> None:
    trials = count(IMAGES)
    samples = 0
    for trial in range(trials):
        kind, image = random_image(np.random.default_rng(np.random.SeedSequence([44, trial])))
        content = encode_png(image)
        theirs = np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED))
        theirs = theirs if image.ndim == 2 else theirs[..., ::-1]
        assert np.array_equal(theirs, image), f"image {trial}, {kind} {image.shape}: OpenCV"
        ours = decode_png(content, "x")
        colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        assert np.array_equal(ours, colour), f"image {trial}, {kind} {image.shape}: our decoder"
        samples += image.size
    figure(
        f"PNG, {trials} random images, {samples / 1e6:.0f} million samples: all the same from"
        " OpenCV's decoder and from ours"
    )


def test_random_damage_is_refused(
    count: Callable[[int], int], figure: Callable[[str], None]
) -> None:
    trials = count(DAMAGES)
    cuts = 0
    for trial in range(trials):
        random = np.random.default_rng(np.random.SeedSequence([45, trial]))
        content = encode_png(random_image(random)[1])
        if trial % 2 == 0:
            cuts += 1
            length = int(random.integers(0, len(content)))
            with pytest.raises(TruncatedPng, match=rf"f\.png: the PNG ends at {length} bytes"):
                decode_png(content[:length], "f.png")
            continue
        damaged = bytearray(content)
        flips = int(random.integers(1, 4))
        for place in random.choice(8 * len(content), flips, replace=False).tolist():
            damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(UserMistake, match=r"f\.png: "):
            decode_png(bytes(damaged), "f.png")
    figure(
        f"PNG, {trials} damaged files refused: {cuts} cut short, {trials - cuts} with 1 to 3 bits"
        " changed"
    )
