"""Clips of the virtual rig with known truth, developed without a calibration: material for gates.

The rig stands still, then shakes, then stands again, as an operator is asked to do. C2 is put into
C1's geometry by the true homography and into its units by the true throughput.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.ledger.row import LEDGER, TakePart, Verdict
from acquisition.picture.view import Frame, FrameFormat
from bsd.setting import Setting
from dataset.gate.limits import GateLimits
from dataset.gate.result import GateResult
from dataset.gate.watch import ClipFacts, ClipWatch
from hardware.twin.light import light_seconds
from hardware.twin.optics import homography_c2_to_c1, throughput, whole
from hardware.twin.renderer import Renderer
from hardware.twin.scene import Scene
from hardware.twin.sensor import Sensor, demosaic, frame_generator
from hardware.twin.studio import with_scene
from hardware.twin.world_config import WorldConfig

RATE_HZ = 15
STILL_FRAMES = 3
SCENE_FRAMES = 8
MARGIN = 16
FORMATS = {
    "blurry": FrameFormat("RGGB", 12, 64.0),
    "sharp": FrameFormat("RGGB", 12, 64.0, "horizontal"),
}
HARD_SHAKE = {"rotation_rms_mrad": [4.0, 4.0, 2.0], "peak_hz": 8.0}
NO_SHAKE = {"rotation_rms_mrad": [0.0, 0.0, 0.0]}


@dataclass(frozen=True)
class Developed:
    """What `dataset.pair` makes of a raw pair."""

    blurry: NDArray[np.float32]
    sharp: NDArray[np.float32]
    blurry_saturated: NDArray[np.bool_]
    sharp_saturated: NDArray[np.bool_]


@dataclass(frozen=True)
class Shot:
    """One pair of a clip."""

    number: int
    raw: tuple[Frame, Frame]
    pair: Developed
    way_px: float


@dataclass(frozen=True)
class Take:
    """A clip: a still beginning, the scene, a still end."""

    setting: str
    first: tuple[Shot, ...]
    scene: tuple[Shot, ...]
    last: tuple[Shot, ...]
    rows: NDArray[np.void]
    map_xy: NDArray[np.float32] | None
    verdict: Any = "good"


def world(
    *sets: str,
    scene: str = "photographs",
    size_px: tuple[int, int] = (320, 240),
    shake: dict[str, Any] | None = None,
    frames: int = SCENE_FRAMES,
    **fields: Any,
) -> WorldConfig:
    """A world that stands still, moves over `frames` frames and stands still again."""
    sensor = {"width_px": size_px[0], "height_px": size_px[1]}
    begin_s = (STILL_FRAMES - 0.2) / RATE_HZ
    span = {"begin_s": begin_s, "end_s": (STILL_FRAMES + frames - 0.2) / RATE_HZ}
    made = with_scene(
        WorldConfig.from_fields(
            {
                "format_version": 1,
                "sensor_1": sensor,
                "sensor_2": sensor,
                "rig_motion": {"shake": shake or HARD_SHAKE, **span},
                "optics": {"splitter": {"transmitted": 0.48, "reflected": 0.48}},
                **fields,
            },
            "world",
        ),
        scene,
    )
    layers = tuple(
        layer.model_copy(update={"motion": layer.motion.model_copy(update=span)})
        for layer in made.scene.layers
    )
    made = made.model_copy(update={"scene": made.scene.model_copy(update={"layers": layers})})
    return made.override(sets) if sets else made


def without_motion(made: WorldConfig) -> WorldConfig:
    """The world with nothing in it that moves by itself."""
    layers = tuple(
        layer.model_copy(update={"motion": type(layer.motion)()}) for layer in made.scene.layers
    )
    return made.model_copy(update={"scene": made.scene.model_copy(update={"layers": layers})})


def take(
    made: WorldConfig,
    setting: str = "2ms16ms",
    frames: int = SCENE_FRAMES,
    calibrated: WorldConfig | None = None,
) -> Take:
    """The clip of a world, developed by what is true of `calibrated`; not to be written to."""
    known = (calibrated or made).model_dump_json()
    return _take(made.model_dump_json(), known, setting, frames)


@lru_cache(maxsize=16)
def _take(fields: str, known: str, setting: str, frames: int) -> Take:
    worlds = (WorldConfig.model_validate_json(each) for each in (fields, known))
    camera = _Cameras(*worlds, Setting.parse(setting))
    ends = STILL_FRAMES, STILL_FRAMES + frames, 2 * STILL_FRAMES + frames
    first = tuple(camera.shoot(n) for n in range(ends[0]))
    scene = tuple(camera.shoot(n) for n in range(ends[0], ends[1]))
    last = tuple(camera.shoot(n) for n in range(ends[1], ends[2]))
    return Take(setting, first, scene, last, ledger(frames), camera.map_xy())


def ledger(frames: int) -> NDArray[np.void]:
    """Rows of a take without a loss."""
    rows = np.zeros(frames + 2 * STILL_FRAMES, dtype=LEDGER)
    rows["pulse"] = np.arange(len(rows))
    rows["part"] = TakePart.BOOKEND
    rows["part"][STILL_FRAMES:-STILL_FRAMES] = TakePart.SCENE
    for prefix in ("c1", "c2"):
        rows[f"{prefix}_index"] = np.arange(len(rows))
        rows[f"{prefix}_verdict"] = Verdict.PAIRED
    rows["verdict"] = Verdict.PAIRED
    return rows


class _Cameras:
    """Both cameras before a world."""

    def __init__(self, made: WorldConfig, known: WorldConfig, setting: Setting) -> None:
        self._world = made
        self._known = known
        self._setting = setting
        self._renderer = Renderer(made, threads=2)
        self._sensors = [Sensor(made.sensor(camera), made.seed, camera) for camera in (1, 2)]
        self._still: dict[tuple[Any, ...], NDArray[np.float32]] = {}

    def shoot(self, number: int) -> Shot:
        centre_ns = int((number + 0.5) * 1e9 / RATE_HZ)
        raws = []
        for camera, exposure_us in ((1, self._setting.blurry_us), (2, self._setting.sharp_us)):
            span = centre_ns - exposure_us * 500, centre_ns + exposure_us * 500
            noise = frame_generator(self._world.seed, 0, camera, number)
            light = self._light(camera, *span)
            raws.append(self._sensors[camera - 1].expose(light, exposure_us, noise, bits=12))
        half_ns = self._setting.blurry_us * 500
        way_px = self._renderer.blur_px(centre_ns - half_ns, centre_ns + half_ns)
        return Shot(number, (raws[0], raws[1]), self._developed(raws), way_px)

    def map_xy(self) -> NDArray[np.float32]:
        """Of the calibration: where in C2 the pixels of C1 lie."""
        width, height = self._known.sensor_1.width_px, self._known.sensor_1.height_px
        y, x = np.mgrid[:height, :width].astype(np.float64)
        inverse = np.linalg.inv(homography_c2_to_c1(self._known, 0))
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in inverse)
        return np.stack([u / w, v / w], axis=2).astype(np.float32)

    def _light(self, camera: int, begin_ns: int, end_ns: int) -> NDArray[np.float32]:
        """Rendered once where nothing moves."""
        scene = self._renderer.scene
        key = (camera, *_place(scene, begin_ns))
        if key[1:] != _place(scene, end_ns):
            return self._renderer.irradiance(camera, begin_ns, end_ns)
        lamps = light_seconds(self._world.light, begin_ns, end_ns)
        if key not in self._still:
            light = self._renderer.irradiance(camera, begin_ns, end_ns)
            self._still[key] = light / np.float32(lamps)
        return self._still[key] * np.float32(lamps)

    def _developed(self, raws: list[Frame]) -> Developed:
        views, clipped = [], []
        for camera, (raw, form) in enumerate(zip(raws, FORMATS.values(), strict=True), 1):
            region = whole(self._world.sensor(camera))
            linear = demosaic(raw.astype(np.float32) - np.float32(form.black_dn), region)
            over = cv2.dilate((raw >= form.clip_dn).astype(np.uint8), np.ones((5, 5), np.uint8))
            if form.flip == "horizontal":
                linear, over = linear[:, ::-1], over[:, ::-1]
            views.append(np.ascontiguousarray(linear))
            clipped.append(np.ascontiguousarray(over))
        height, width = views[0].shape[:2]
        inverse = np.linalg.inv(homography_c2_to_c1(self._known, 0))
        y, x = np.mgrid[MARGIN : height - MARGIN, MARGIN : width - MARGIN].astype(np.float64)
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in inverse)
        at = np.stack([u / w, v / w], axis=2).astype(np.float32)
        light = [throughput(self._known, c) for c in (1, 2)]
        gain = light[0] * self._setting.blurry_us / (light[1] * self._setting.sharp_us)
        sharp = cv2.remap(views[1] * np.float32(gain), at, None, cv2.INTER_CUBIC)
        part = slice(MARGIN, height - MARGIN), slice(MARGIN, width - MARGIN)
        return Developed(
            views[0][part],
            np.asarray(sharp),
            clipped[0][part] > 0,
            cv2.remap(clipped[1], at, None, cv2.INTER_LINEAR) > 0,
        )


def _place(scene: Scene, time_ns: int) -> tuple[bytes, ...]:
    pose = scene.rig.pose(time_ns)
    return (
        np.concatenate([pose.shift_mm, pose.turn_rad]).tobytes(),
        *(layer.plane(time_ns).tobytes() for layer in scene.layers),
    )


@dataclass(frozen=True)
class Judged:
    """What the watch said of a clip."""

    results: dict[str, GateResult]
    facts: ClipFacts
    watch: ClipWatch = field(repr=False)

    @property
    def failed(self) -> list[str]:
        """Names of the gates that failed."""
        return [name for name, result in self.results.items() if result.passed is False]


def judge(clip: Take, limits: GateLimits | None = None, every: int = 2) -> Judged:
    """A clip before the gates."""
    setting = Setting.parse(clip.setting)
    exposures_us = float(setting.blurry_us), float(setting.sharp_us)
    watch = ClipWatch(limits or GateLimits(), exposures_us, FORMATS, clip.map_xy)
    watch.ledger(clip.verdict, clip.rows)
    for shot in clip.first:
        watch.bookend(shot.number, shot.pair)
    for index, shot in enumerate(clip.scene):
        watch.scene(shot.number, *shot.raw, shot.pair if index % every == 0 else None)
    for shot in clip.last:
        watch.bookend(shot.number, shot.pair)
    return Judged({each.gate: each for each in watch.results()}, watch.facts(), watch)


def changed(clip: Take, **parts: Any) -> Take:
    """A copy with other parts."""
    return replace(clip, **parts)
