"""``python -m tests.acquisition.preview.screenshot``: the page before the virtual rig's pictures.

A few pairs are rendered by the virtual rig's physics and shown again and again. The picture of the
guide is made so, and whoever changes the page looks at all of its states so.
"""

from __future__ import annotations

import argparse
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from acquisition.preview.process import PreviewProcess
from acquisition.preview.status import (
    CameraLine,
    Disk,
    Role,
    Scenery,
    Status,
    Sync,
    TakeLine,
    Verdict,
    ViewScenery,
)
from acquisition.ring import FrameRing
from hardware.twin.optics import whole
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, frame_generator
from hardware.twin.world_config import WorldConfig
from tests.acquisition.preview.feeder import Feed, feeder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAIRS = 3
DESKTOP, TABLET = (1280, 800), (820, 1180)


@dataclass(frozen=True)
class Shot:
    """One picture: the program's status, what is pressed, how it looks."""

    name: str
    status: Status
    keys: str = ""
    size: tuple[int, int] = DESKTOP
    scheme: str = "light"


def twin_frames(pairs: int) -> tuple[Scenery, dict[Role, list[np.ndarray]]]:
    """Frames as both cameras of the default world deliver them, 640 × 480, 8-bit mosaics."""
    world = WorldConfig()
    renderer = Renderer(world)
    frames: dict[Role, list[np.ndarray]] = {"blurry": [], "sharp": []}
    views = {}
    roles: tuple[tuple[Role, int, float], ...] = (("blurry", 1, 16e3), ("sharp", 2, 2e3))
    for role, camera, exposure_us in roles:
        config = world.sensor(camera)
        sensor = Sensor(config, renderer.seed, camera)
        for index in range(pairs):
            middle_ns = (1.0 + index / 15) * 1e9
            window = [round(middle_ns + side * exposure_us * 500) for side in (-1, 1)]
            light = renderer.irradiance(camera, window[0], window[1])
            generator = frame_generator(renderer.seed, world.scene.number, camera, index)
            mosaic = sensor.expose(light, exposure_us, generator, bits=8)
            frames[role].append(np.ascontiguousarray(mosaic.astype(np.uint8)))
        region = whole(config)
        assert region is not None
        height, width = frames[role][0].shape
        views[role] = ViewScenery(
            serial=f"TW000{camera}",
            pixel_format="BayerRG8",
            width=width,
            height=height,
            cfa="RGGB",
            flip=world.view(camera).mirror,
            black_level_dn=sensor.black_level_dn(8),
        )
    return Scenery(blurry=views["blurry"], sharp=views["sharp"]), frames


def status(**changes: object) -> Status:
    """A rig at work."""
    line = CameraLine(
        state="running", rate_hz=15.0, temperature_c=38.5, frames=87, lost=0, ring_fill=0.02
    )
    fields = {
        "rig": "bench-1",
        "session": "2031-05-04 yard",
        "setting": "2ms16ms",
        "rate_hz": 15.0,
        "blurry": line,
        "sharp": line.model_copy(update={"temperature_c": 37.9}),
        "sync": Sync(state="in_step", text="1204 pulses, 1204 + 1204 frames"),
        "disk": Disk(free_bytes=412 * 10**9, left_s=41_000.0, write_mb_s=9.2),
        "take": TakeLine(state="idle"),
    }
    return Status.model_validate({**fields, **changes})


GOOD = Verdict(name="clip-002", verdict="good", text="160 of 160 pairs")
BAD = Verdict(
    name="clip-002",
    verdict="discarded",
    text="2 frames are missing; recorded again as clip-002",
    findings=("C1: pulse 40 was missed", "C2: the frame of pulse 91 came incomplete"),
)
RECORDING = TakeLine(
    state="recording", name="clip-003", purpose="scene", done=87, asked=160, prompt="move the rig"
)
SHOTS = (
    Shot("idle", status(verdict=GOOD)),
    Shot("idle-dark", status(verdict=BAD), scheme="dark"),
    Shot("preview", status(take=RECORDING)),  # of the guide
    Shot("recording-dark", status(take=RECORDING), keys="z", scheme="dark"),
    Shot(
        "countdown",
        status(
            take=TakeLine(
                state="countdown",
                name="clip-003",
                asked=160,
                countdown_s=2.6,
                prompt="hold the rig still",
            )
        ),
    ),
    Shot(
        "lost",
        status(
            sharp=CameraLine(state="lost", lost=12),
            sync=Sync(state="out_of_step", text="C2 is 12 frames short"),
            warnings=("C1 is 6 °C colder than at the calibration: let it warm up",),
        ),
    ),
    Shot("overlay", status(), keys="2"),
    Shot("difference", status(), keys="4z"),
    Shot("anaglyph", status(), keys="5"),
    Shot("zoom-4", status(), keys="zz"),
    Shot("help", status(), keys="?"),
    Shot("tablet-idle", status(verdict=GOOD), size=TABLET),
    Shot("tablet-recording", status(take=RECORDING), size=TABLET, scheme="dark"),
    Shot("phone-recording", status(take=RECORDING), size=(390, 844)),
)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for PNG files")
    parser.add_argument("--only", nargs="*", help="names of pictures; default all")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    scenery, frames = twin_frames(PAIRS)
    room = 12 * (frames["blurry"][0].nbytes + 4096)
    rings: dict[Role, FrameRing] = {"blurry": FrameRing(room), "sharp": FrameRing(room)}
    from playwright.sync_api import sync_playwright

    with PreviewProcess(rings) as preview, feeder(rings) as cameras, sync_playwright() as play:
        path = shutil.which("chromium")
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        preview.scenery(scenery)
        cameras.ask(Feed(frames, rate_hz=15.0), 10.0)
        for shot in SHOTS:
            if not asked.only or shot.name in asked.only:
                _take(shot, browser, preview, asked.out / f"{shot.name}.png")
        browser.close()


def _take(shot: Shot, browser: Browser, preview: PreviewProcess, path: Path) -> None:
    preview.show(shot.status)
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if shot.scheme == "dark" else "light",
        has_touch=shot.size != DESKTOP,
    )
    page = context.new_page()
    page.on("pageerror", lambda error: print(f"{shot.name}: {error}"))  # noqa: T201
    page.goto(preview.url)
    _settle(page, preview)
    for key in shot.keys:
        page.keyboard.press(key)
    _settle(page, preview)
    page.screenshot(path=path)
    context.close()


def _settle(page: Page, preview: PreviewProcess) -> None:
    """Long enough for some pictures and measurements."""
    until_s = time.monotonic() + 1.2
    while time.monotonic() < until_s:
        preview.news(0.1)
    page.wait_for_selector("#focus-blurry:not(:empty)")


if __name__ == "__main__":
    main()
