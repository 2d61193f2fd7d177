"""Pictures and figures that browsers are sent."""

import json
import struct

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from acquisition.preview import gauge
from acquisition.preview.message import Look
from acquisition.preview.status import Role, Scenery, ViewScenery
from acquisition.preview.studio import Print, Studio
from acquisition.ring import FrameRing
from tests.acquisition.preview.feeder import (
    HEIGHT,
    SMALL,
    WIDTH,
    as_delivered,
    flat,
    marked,
    texture,
)

pytestmark = pytest.mark.unit


def studio(blurry: NDArray[np.generic], sharp: NDArray[np.generic], scenery: Scenery) -> Studio:
    frames: dict[Role, NDArray[np.generic]] = {"blurry": blurry, "sharp": sharp}
    rings: dict[Role, FrameRing] = {}
    for role, frame in frames.items():
        rings[role] = FrameRing(12 * (frame.nbytes + 64))
        rings[role].lay_out(frame.nbytes)
        rings[role].put(1, 0, 0, 0, frame.reshape(-1).view(np.uint8))
    made = Studio(rings)
    made.set_scenery(scenery)
    return made


def pictures(made: Print | None) -> list[NDArray[np.uint8]]:
    assert made is not None
    decoded = [cv2.imdecode(np.frombuffer(each, np.uint8), 1) for each in made.jpegs]
    return [each[..., ::-1] for each in decoded if each is not None]


def test_both_views_stand_upright() -> None:
    shown = pictures(studio(marked(), as_delivered(marked()), SMALL).picture(Look()))
    assert len(shown) == 2
    for picture in shown:
        assert picture.shape == (HEIGHT, WIDTH, 3)
        assert picture[6, 8].min() > 220
        assert picture[6, -8].max() < 160


@pytest.mark.parametrize("flip", ["vertical", "none"])
def test_other_flips(flip: str) -> None:
    view = SMALL.sharp.model_copy(update={"flip": flip})
    delivered = marked()[::-1] if flip == "vertical" else marked()
    made = studio(marked(), delivered, SMALL.model_copy(update={"sharp": view}))
    assert pictures(made.picture(Look()))[1][6, 8].min() > 220


def test_equal_views_differ_by_nothing() -> None:
    made = studio(flat(noise=0), as_delivered(flat(noise=0)), SMALL)
    (picture,) = pictures(made.picture(Look(mode="difference")))
    assert np.abs(picture.astype(int) - 128).max() <= 1


def test_a_zoom_shows_sensor_pixels_of_the_same_place() -> None:
    upright = flat(60, noise=0)
    upright[60:62, 100:102] = 240
    look = Look(zoom=True, x=101 / WIDTH, y=61 / HEIGHT, width=40, height=30)
    for picture in pictures(studio(upright, as_delivered(upright), SMALL).picture(look)):
        assert picture.shape == (30, 40, 3)
        brightest = np.unravel_index(picture.sum(axis=2).argmax(), picture.shape[:2])
        assert np.hypot(brightest[0] - 15, brightest[1] - 20) < 3


def test_brightening_is_for_the_eye_only() -> None:
    made = studio(flat(20), as_delivered(flat(20)), SMALL)
    plain, bright = (pictures(made.picture(Look(gain=gain)))[0].mean() for gain in (1, 4))
    assert bright > 1.7 * plain
    found = made.measures()
    assert found is not None
    assert found["blurry"]["level"] == pytest.approx(20 / 255, rel=0.02)  # type: ignore[index]


def test_wide_views_come_in_half_the_size() -> None:
    view = ViewScenery(width=1280, height=720, cfa="RGGB")
    frame = np.full((720, 1280), 90, np.uint8)
    made = studio(frame, frame, Scenery(blurry=view, sharp=view))
    assert [each.shape for each in pictures(made.picture(Look()))] == [(360, 640, 3)] * 2


def test_twelve_bits_colour_and_grey_are_shown() -> None:
    deep = ViewScenery(width=64, height=48, bits=12, cfa="GBRG", black_level_dn=64)
    colour = ViewScenery(width=64, height=48, channels=3)
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    made = studio(np.full((48, 64), 4095, np.uint16), red, Scenery(blurry=deep, sharp=colour))
    first, second = pictures(made.picture(Look()))
    assert first.min() > 250
    assert second[24, 32, 0] > 220
    assert second[24, 32, 1:].max() < 20


def test_ratio_levels_and_clipping() -> None:
    half = flat(120, noise=0)
    half[:, WIDTH // 2 :] = 255
    found = studio(flat(126, noise=0), as_delivered(half), SMALL).measures()
    assert found is not None
    ratio = found["ratio"]
    assert ratio["value"] == pytest.approx(126 / 120, rel=1e-3)  # type: ignore[index]
    assert ratio["sure"]  # type: ignore[index]
    assert found["sharp"]["clipped"] == pytest.approx({"R": 0.5, "G": 0.5, "B": 0.5})  # type: ignore[index]
    counts = found["sharp"]["histogram"]["G"]  # type: ignore[index]
    assert sum(counts) == WIDTH * HEIGHT / 2
    assert counts[-1] == WIDTH * HEIGHT / 4
    json.dumps(found, allow_nan=False)


def test_registration_tells_where_c2_lies_in_c1() -> None:
    seen = texture()
    moved = np.roll(seen, (2, -4), axis=(0, 1))  # what C2 shows lies 4 px to the right in C1
    pair = studio(seen, as_delivered(moved), SMALL).pair()
    assert pair is not None
    found = gauge.registration(pair)
    offset = found["offset"]
    assert offset["shift_px"] == pytest.approx((4, -2), abs=0.1)
    assert abs(offset["roll_mrad"]) < 1
    assert abs(offset["scale_permille"]) < 1
    assert 0 < offset["shift_error_px"][0] < 0.2
    assert found["sure"]
    json.dumps(found, allow_nan=False)


def test_registration_that_cannot_be_told_says_why() -> None:
    pair = studio(flat(noise=0), flat(noise=0), SMALL).pair()
    assert pair is not None
    found = gauge.registration(pair)
    assert found["offset"] is None
    assert found["text"] == "the views show nothing alike to compare"
    tiny = ViewScenery(width=40, height=30)
    frame = np.zeros((30, 40), np.uint8)
    pair = studio(frame, frame, Scenery(blurry=tiny, sharp=tiny)).pair()
    assert pair is not None
    assert gauge.registration(pair)["text"] == "the frames are too small"


def test_darkness_has_no_ratio_and_no_focus() -> None:
    dark = np.zeros((HEIGHT, WIDTH), np.uint8)
    found = studio(dark, dark, SMALL).measures()
    assert found is not None
    assert found["ratio"] is None
    assert found["blurry"]["focus"] is None  # type: ignore[index]
    json.dumps(found, allow_nan=False)


def test_the_message_can_be_taken_apart() -> None:
    made = studio(flat(), flat(), SMALL).picture(Look(zoom=True))
    assert made is not None
    message = made.message(7)
    (length,) = struct.unpack_from("<I", message)
    head = json.loads(message[4 : 4 + length])
    assert head["number"] == 7
    assert head["roles"] == ["blurry", "sharp"]
    assert len(message) == 4 + length + sum(head["sizes"])
    assert message[4 + length :][: head["sizes"][0]] == made.jpegs[0]
    assert head["focus"]["blurry"] is not None
