"""Verdicts on rendered scenes of random motion, noise and offset."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from dataset.blur import Window, blur_windows
from dataset.pairing import Block, judge, thumbnail
from dataset.pictures import shipped_pictures
from dataset.render import render_frames
from dataset.rendering.scene import CameraMotion, ObjectLayer, SceneConfig
from dataset.rendering.shake import ShakeSpectrum
from dataset.sums import response_table

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

Frame = NDArray[np.uint8]
SCENES = 300
HOP, EXPOSURE, PAIRS = 16, 15, 12
QUICK = ShakeSpectrum(low_hz=4.0, high_hz=30.0, corner_hz=15.0)


@dataclass(frozen=True)
class Case:
    """One scene: what moves, how its pairs were put together, and how they look."""

    motion: str
    offset: int
    residual_frames: int  # of the source, 16 to a pair: sharp instant minus blur's centre
    noise_dn: float
    gain: float

    @property
    def group(self) -> str:
        """Which verdicts it is counted with."""
        if self.offset:
            return "1 or 2 frames off"
        return "rightly paired" if abs(self.residual_frames) <= 2 else "0.44 frame off"


def draw_case(random: np.random.Generator) -> Case:
    kinds = ("hand", "slow hand", "quick shake", "pan", "turn", "object", "still")
    how = random.integers(10)
    offset, residual_frames = 0, int(random.integers(-2, 3))
    if how in (5, 6, 7, 8):
        offset, residual_frames = int(random.choice([-2, -1, 1, 2])), 0
    elif how == 9:
        residual_frames = int(random.choice([-7, 7]))
    return Case(
        motion=str(random.choice(kinds)),
        offset=offset,
        residual_frames=residual_frames,
        noise_dn=float(random.choice([0.0, 1.0, 3.0, 8.0])),
        gain=float(random.uniform(0.6, 1.0)),
    )


def draw_scene(case: Case, scene: int, random: np.random.Generator) -> SceneConfig:
    """The scene of a case: 60 pairs a second from 960 source frames a second."""
    still = CameraMotion(translation_px=0.0, rotation_deg=0.0)
    blur_px: tuple[float, float] | None = None
    layer: ObjectLayer | None = ObjectLayer(width_px=48.0, height_px=40.0)
    if case.motion == "hand":
        camera, blur_px = CameraMotion(), (2.0, float(random.uniform(6, 20)))
    elif case.motion == "slow hand":
        camera, blur_px = CameraMotion(), (0.1, float(random.uniform(0.3, 1.5)))
    elif case.motion == "quick shake":
        camera, blur_px = CameraMotion(spectrum=QUICK), (1.0, float(random.uniform(6, 20)))
    elif case.motion == "pan":
        speed = float(random.uniform(20, 1200))
        camera = still.model_copy(update={"drift_px_per_s": speed})
    elif case.motion == "turn":
        camera = still.model_copy(update={"rotation_deg": float(random.uniform(0.5, 5))})
    else:
        camera = still
        speed = 0.0 if case.motion == "still" else float(random.uniform(60, 600))
        layer = ObjectLayer(width_px=48.0, height_px=40.0, velocity_px_per_s=speed)
    if case.motion == "still" or (case.motion != "object" and random.integers(2)):
        layer = None
    return SceneConfig(
        seed=49,
        scene=scene,
        frames=HOP * (PAIRS + abs(case.offset)),
        width_px=160,
        height_px=96,
        target_blur_px=blur_px,
        camera=camera,
        layer=layer,
        border="reflect",
        enlarge_limit=2.0,
    )


def render_block(case: Case, config: SceneConfig, random: np.random.Generator) -> Block:
    pictures = shipped_pictures()
    picture, other = (pictures[i][1] for i in random.choice(10, 2, replace=False))
    middle = EXPOSURE // 2 + case.residual_frames
    windows = [
        Window(HOP * pair, EXPOSURE, HOP * pair + middle)
        for pair in range(PAIRS + abs(case.offset))
    ]
    table = response_table(lambda x: x**2.2, EXPOSURE)
    frames = enumerate(render_frames(config, picture, other))
    blurry, sharp = [], []
    for _, blurred, instant in blur_windows(frames, windows, table):
        blurry.append(thumbnail(seen(blurred, case.noise_dn / 4, case.gain, random)))
        sharp.append(thumbnail(seen(instant, case.noise_dn, 1.0, random)))
    if case.offset > 0:
        blurry, sharp = blurry[case.offset :], sharp[: -case.offset]
    elif case.offset < 0:
        blurry, sharp = blurry[: case.offset], sharp[-case.offset :]
    return Block(0, tuple(blurry), tuple(sharp))


def seen(frame: Frame, noise_dn: float, gain: float, random: np.random.Generator) -> Frame:
    noisy = gain * frame + random.normal(0, noise_dn, frame.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def test_no_pair_is_falsely_accused(
    count: Callable[[int], int], figure: Callable[[str], None]
) -> None:
    trials = count(SCENES)
    verdicts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    false = []
    for trial in range(trials):
        random = np.random.default_rng(np.random.SeedSequence([50, trial]))
        case = draw_case(random)
        found = judge([render_block(case, draw_scene(case, trial, random), random)])
        verdicts[case.group][found.verdict] += 1
        allowed = ("shifted", case.offset) if case.offset else ("ok", 0)
        if found.verdict != "undetermined" and (found.verdict, found.offset) != allowed:
            false.append((trial, case, found))
    groups = "; ".join(
        f"{group}: "
        + ", ".join(f"{number} {verdict}" for verdict, number in verdicts[group].most_common())
        for group in sorted(verdicts, reverse=True)
    )
    figure(f"pairing, {trials} rendered scenes: {groups}; false verdicts: {len(false)}")
    assert not false, "\n".join(map(str, false))
