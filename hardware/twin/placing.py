"""What stands before the virtual rig for a clip: what an operator would put there.

Sizes and light follow the world's own lens, sensors and exposures, so that boards fill the view and
a flat field stands high enough on every world. Nothing here is random but where a scene's pictures
stand, and that depends on the clip's number alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, Self

import numpy as np

from bsd.errors import UserMistake
from bsd.setting import Setting
from hardware.twin.optics import throughput
from hardware.twin.pictures_config import PHOTOGRAPHS
from hardware.twin.world_config import MotionConfig, SceneConfig, ShakeConfig, WorldConfig

LEVEL: Final = 0.72
"""Of a white surface in calibration clips, share of full scale or of the full well."""

WHITE: Final = 0.9
"""Reflectance of the whitest surface of every target and of the flat field."""

SHAKE_MRAD: Final = 4.0
"""Root mean square turns, up and sideways, of the hand that holds the rig before a scene."""

CALIBRATION: Final = ("dark", "flat", "series", "colour", "target", "sync")

WALL_MM: Final = 8000.0
CHART_MM: Final = 4000.0
LED_MM: Final = 1000.0
BOARD_SQUARES: Final = (9, 7)

_WALL: Final = {"picture": {"kind": "flat", "reflectance": (0.18,) * 3}, "distance_mm": WALL_MM}
_GUARD: Final = 0.25
"""Share of a frame period before a pulse at which the motion begins: no exposure goes on then."""

_ACROSS: Final = 13.3, 10.0
"""Squares of the board that the view is wide and high: 9 x 7 leave room to move."""

_LEAST_SQUARE_PX: Final = 26.0
"""Smaller markers of a mosaic cannot be read; the board then reaches beyond a small view."""

_POSES: Final = (
    # x, y: shift in squares; turned in its plane, tilted about x and y: milliradians
    (0.00, 0.00, 30.0, 15.0, -10.0),
    (-1.90, -1.40, -25.0, -10.0, 20.0),
    (1.90, -1.40, 40.0, 20.0, 10.0),
    (1.90, 1.40, -35.0, -20.0, -15.0),
    (-1.90, 1.40, 20.0, 10.0, -20.0),
    (-2.10, 0.20, 785.0, -15.0, 15.0),
    (2.30, -0.20, 1555.0, 15.0, -15.0),
    (0.25, 0.15, -60.0, 90.0, 110.0),
)
"""As the guide asks for them: middle, corners, edges with a turn, middle with a tilt."""


@dataclass(frozen=True)
class Occasion:
    """What a clip is recorded for, as a capture tells its ``--before-step``.

    Attributes
    ----------
    purpose, step
        Such as ``target`` and ``target-far-3``; the step is empty outside the guide.
    distance_mm
        Of a target.
    sharp_us
        Exposure of C2; C1's is eight times that.
    number
        Of the clip: each scene is another.
    pictures
        Files to take a scene's pictures from, three to a clip; none: those that are shipped.
    shake_mrad
        Root mean square turns of the hand before a scene, up and sideways; half of it in its plane.
    """

    purpose: str
    step: str = ""
    distance_mm: float | None = None
    sharp_us: int = 2000
    number: int = 0
    pictures: tuple[str, ...] = ()
    shake_mrad: float = SHAKE_MRAD

    def at(self, sharp_us: int) -> Occasion:
        """The same at another exposure."""
        return replace(self, sharp_us=sharp_us)


@dataclass(frozen=True)
class Told:
    """What a capture tells the program of its ``--before-step``, by the environment.

    Attributes
    ----------
    occasion
        Which clip.
    moves_s
        Seconds after the first exposure between which a scene moves; None for other clips.
    """

    occasion: Occasion
    moves_s: tuple[float, float] | None

    @classmethod
    def of(
        cls,
        environment: Mapping[str, str],
        pictures: tuple[str, ...] = (),
        shake_mrad: float = SHAKE_MRAD,
    ) -> Self:
        """Read the variables ``BSD_*``.

        Raises
        ------
        UserMistake
            One is missing or is none.
        """
        try:
            purpose, step = environment["BSD_PURPOSE"], environment["BSD_STEP"]
            distance = environment["BSD_DISTANCE_MM"]
            setting = Setting.parse(environment["BSD_SETTING"])
            number = int(environment["BSD_CLIP"].rpartition("-")[2])
            frames, bookend = (int(environment[name]) for name in ("BSD_FRAMES", "BSD_BOOKEND"))
            period_s = float(1 / Fraction(environment["BSD_RATE_HZ"]))
            distance_mm = float(distance) if distance else None
        except KeyError as error:
            raise UserMistake(
                f"{error.args[0]}: is not in the environment; `place` is run by a capture's"
                " --before-step, through the file that `place --launcher` writes"
            ) from error
        except (ValueError, ZeroDivisionError) as error:
            raise UserMistake(f"BSD_*: {error}") from error
        occasion = Occasion(
            purpose, step, distance_mm, setting.sharp_us, number, pictures, shake_mrad
        )
        if purpose in CALIBRATION:
            return cls(occasion, None)
        still = bookend - _GUARD  # between the exposures of two pulses
        return cls(occasion, (still * period_s, (still + frames) * period_s))


def placed(world: WorldConfig, occasion: Occasion) -> WorldConfig:
    """The world before which the clip is to be recorded; scenes move, all else stands still.

    Parameters
    ----------
    world
        As it is: its light, optics and sensors stay.
    occasion
        Which clip.
    """
    fields = _layers(world, occasion)
    scene = SceneConfig.model_validate({**fields, "number": world.scene.number})
    motion = MotionConfig()
    if occasion.purpose not in CALIBRATION:
        turns = (occasion.shake_mrad, occasion.shake_mrad, occasion.shake_mrad / 2)
        motion = MotionConfig(
            shake=ShakeConfig(rotation_rms_mrad=turns, peak_hz=8.0, seed=occasion.number)
        )
    return world.model_copy(update={"scene": scene, "rig_motion": motion})


def keeps(occasion: Occasion) -> bool:
    """Whether nothing is touched: the later levels of a series see what the first one saw."""
    return occasion.purpose == "series" and occasion.step not in ("", "series-1")


def brightness(world: WorldConfig, sharp_us: int, level: float = LEVEL) -> float:
    """What a surface of reflectance `WHITE` is lit with to reach a level of full scale.

    Parameters
    ----------
    world
        Its light counts as one steady lamp of level 1.
    sharp_us
        Exposure of C2, and an eighth of C1's.
    level
        Of the brightest channel of the brighter view; 1 is where it clips.
    """
    shares = []
    for camera, exposure_us in ((1, 8 * sharp_us), (2, sharp_us)):
        sensor = world.sensor(camera)
        electrons = sensor.electrons_per_light_second * exposure_us * 1e-6
        passed = throughput(world, camera) * max(sum(row) for row in world.view(camera).spectral)
        scale = (4095 - sensor.black_level_dn12) * sensor.gain_e_per_dn12
        shares.append(WHITE * electrons * passed / min(scale, sensor.full_well_e))
    lamps = sum(lamp.share for lamp in world.light.components)
    return level / (max(shares) * lamps)


def view_mm(world: WorldConfig, distance_mm: float) -> tuple[float, float]:
    """Width and height of what C1 sees at a distance."""
    sensor = world.sensor_1
    focal_px = world.optics.focal_mm * 1000.0 / sensor.pixel_pitch_um
    return sensor.width_px * distance_mm / focal_px, sensor.height_px * distance_mm / focal_px


def _layers(world: WorldConfig, occasion: Occasion) -> dict[str, Any]:
    lit = brightness(world, occasion.sharp_us)
    match occasion.purpose:
        case "dark":
            return {"cap": True}
        case "flat" | "series":
            grey = {"kind": "flat", "reflectance": (WHITE,) * 3}
            return {"layers": [{"picture": grey, "brightness": lit}]}
        case "colour":
            wide, high = view_mm(world, CHART_MM)
            chart = {"kind": "chart", "patch_mm": min(0.92 * wide / 6, 0.88 * high / 4)}
            return _before_wall(chart, lit, distance_mm=CHART_MM)
        case "target":
            return _board(world, occasion, lit)
        case "sync":
            return _before_wall({"kind": "led_bar"}, 1.0, distance_mm=LED_MM)
        case _:
            return {"layers": _scene(world, occasion)}


def _before_wall(picture: dict[str, Any], lit: float, **fields: Any) -> dict[str, Any]:
    return {"layers": [{**_WALL, "brightness": lit}, {"picture": picture, "brightness": lit,
                                                      **fields}]}  # fmt: skip


def _board(world: WorldConfig, occasion: Occasion, lit: float) -> dict[str, Any]:
    """The ChArUco board; a nearer one is as large in the view, and so smaller in millimetres."""
    distance_mm = occasion.distance_mm or CHART_MM
    wide, high = view_mm(world, distance_mm)
    pixel_mm = wide / world.sensor_1.width_px
    square = max(min(wide / _ACROSS[0], high / _ACROSS[1]), _LEAST_SQUARE_PX * pixel_mm)
    room = max(1.0, wide / square / _ACROSS[0]), max(1.0, high / square / _ACROSS[1])
    number = occasion.step.rpartition("-")[2]
    pose = int(number) - 1 if number.isdecimal() else 0
    x, y, turn, tilt_x, tilt_y = _POSES[pose % len(_POSES)]
    again = 1.0 - 0.3 * (pose // len(_POSES) % 3)  # further poses lie between the first ones
    picture = {"kind": "charuco", "square_mm": square,
               "columns": BOARD_SQUARES[0], "rows": BOARD_SQUARES[1]}  # fmt: skip
    return _before_wall(
        picture,
        lit,
        distance_mm=distance_mm,
        centre_mm=(x * again * room[0] * square, y * again * room[1] * square),
        rotation_mrad=(tilt_x, tilt_y, turn * again),
    )


_SETS: Final = (
    ("brick", "astronaut", "chelsea"),
    ("grass", "coffee", "moon"),
    ("gravel", "rocket", "coins"),
    ("hubble_deep_field", "camera", "page"),
    ("noise", "text", "noise"),
)
"""A ground, something that stands and something that goes past: no picture is in two sets."""


def _scene(world: WorldConfig, occasion: Occasion) -> list[dict[str, Any]]:
    """Three planes with pictures of the clip's own; the places are drawn by its number."""
    number = occasion.number
    ground, standing, passing = _chosen(occasion)
    draw = np.random.default_rng(np.random.SeedSequence([number, 0x5CE9E]))
    far, middle, near = draw.uniform((5000, 3000, 1800), (6500, 4000, 2400))
    speed = draw.uniform(0.15, 0.3) * view_mm(world, near)[0] / 0.5
    way = draw.uniform(0, 2 * math.pi)
    return [
        {
            "picture": _picture(ground, 1.1 * view_mm(world, far)[0], extent="mirror"),
            "distance_mm": far,
        },
        {
            "picture": _picture(standing, draw.uniform(0.42, 0.6) * view_mm(world, middle)[0]),
            "distance_mm": middle,
            "centre_mm": _place(world, middle, draw.uniform(-0.28, 0.28, 2)),
        },
        {
            "picture": _picture(
                passing, draw.uniform(0.25, 0.36) * view_mm(world, near)[0], outline="ellipse"
            ),
            "distance_mm": near,
            "centre_mm": _place(world, near, draw.uniform(-0.3, 0.1, 2)),
            "motion": {
                "velocity_mm_s": (speed * abs(math.cos(way)), 0.4 * speed * math.sin(way), 0.0),
                "reverse_every_s": float(draw.uniform(0.5, 0.9)),
            },
        },
    ]


def _chosen(occasion: Occasion) -> tuple[str, str, str]:
    if not occasion.pictures:
        return _SETS[occasion.number % len(_SETS)]
    first = 3 * occasion.number
    count = len(occasion.pictures)
    one, two, three = (occasion.pictures[(first + n) % count] for n in range(3))
    return one, two, three


def _picture(name: str, width_mm: float, **fields: Any) -> dict[str, Any]:
    kind = {"kind": "file", "path": name}
    if name in PHOTOGRAPHS:
        kind = {"kind": "photograph", "name": name}
    elif name == "noise":
        kind = {"kind": "noise"}
    return {**kind, "width_mm": float(width_mm), **({"extent": "once"} | fields)}


def _place(world: WorldConfig, distance_mm: float, shares: Any) -> tuple[float, float]:
    wide, high = view_mm(world, float(distance_mm))
    return float(shares[0] * wide), float(shares[1] * high)
