"""A process that fills both rings as cameras would and empties them as a recorder would."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.child import Child, Desk
from acquisition.preview.status import ROLES, Role, Scenery, ViewScenery
from acquisition.ring import FrameRing

Frames = Mapping[Role, list[NDArray[Any]]]

WIDTH, HEIGHT = 160, 120
SMALL = Scenery(
    blurry=ViewScenery(
        serial="TW0001", pixel_format="BayerRG8", width=WIDTH, height=HEIGHT, cfa="RGGB"
    ),
    sharp=ViewScenery(
        serial="TW0002",
        pixel_format="BayerRG8",
        width=WIDTH,
        height=HEIGHT,
        cfa="RGGB",
        flip="horizontal",
    ),
)


@dataclass(frozen=True)
class Feed:
    """Show these frames in turn, from a new arming on; 0 fps: each of them once."""

    frames: Frames
    rate_hz: float = 30.0
    behind: int = 0  # pulses by which C2's frames are late


@dataclass(frozen=True)
class Figures:
    """Pairs put since the last `Feed`, how long the longest put took, and what found no room."""

    pairs: int
    worst_s: float
    overflow: int


@dataclass(frozen=True)
class Report:
    """Asks for `Figures`."""


def feeder(rings: Mapping[Role, FrameRing]) -> Child:
    """Not yet started."""
    return Child("feeder", _serve, (dict(rings),))


def flat(level: int = 90, noise: int = 3, seed: int = 1) -> NDArray[np.uint8]:
    """An even grey mosaic with a little noise, (120, 160)."""
    generator = np.random.default_rng(seed)
    noisy = level + generator.integers(-noise, noise + 1, (HEIGHT, WIDTH))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def marked(level: int = 60) -> NDArray[np.uint8]:
    """A mosaic as the scene is, upright: a bright mark in the upper left corner."""
    frame = flat(level)
    frame[:24, :32] = 230
    return frame


def as_delivered(upright: NDArray[Any]) -> NDArray[Any]:
    """How the second camera, mirrored, delivers an upright frame of one colour."""
    return np.ascontiguousarray(upright[:, ::-1])


def texture(seed: int = 2) -> NDArray[np.uint8]:
    """Detail of some pixels all over, upright."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(30, 170, (HEIGHT // 6, WIDTH // 8))
    return np.kron(coarse, np.ones((6, 8), dtype=int)).astype(np.uint8)


def both(upright: NDArray[Any]) -> Frames:
    """Frames of both cameras that see the same."""
    return {"blurry": [upright], "sharp": [as_delivered(upright)]}


def _serve(desk: Desk, rings: Mapping[Role, FrameRing]) -> None:
    desk.ready()
    feed: Feed | None = None
    arming = number = 0
    worst_s = 0.0
    due_s = time.monotonic()
    while True:
        wait_s = 0.05 if feed is None else max(0.0, min(0.05, due_s - time.monotonic()))
        given = desk.next(wait_s)
        if given is not None:
            match given.order:
                case Feed() as feed:
                    arming, number, worst_s = arming + 1, 0, 0.0
                    due_s = time.monotonic()
                    for role in ROLES:
                        if rings[role].frame_bytes != feed.frames[role][0].nbytes:
                            rings[role].lay_out(feed.frames[role][0].nbytes)
                    given.answer()
                case _:
                    overflow = sum(rings[role].overflow for role in ROLES)
                    given.answer(Figures(number, worst_s, overflow))
        if feed is None or time.monotonic() < due_s:
            continue
        worst_s = max(worst_s, _put(rings, feed, arming, number))
        number += 1
        due_s = due_s + 1 / feed.rate_hz if feed.rate_hz else time.monotonic()
        if not feed.rate_hz and number == len(feed.frames["blurry"]):
            feed = None


def _put(rings: Mapping[Role, FrameRing], feed: Feed, arming: int, number: int) -> float:
    """Put a pair as cameras do and take it out as a recorder does; seconds of the longer put."""
    worst_s = 0.0
    for role in ROLES:
        own = number - (feed.behind if role == "sharp" else 0)
        if own < 0:
            continue
        frame = feed.frames[role][own % len(feed.frames[role])].reshape(-1)
        begun_s = time.perf_counter()
        rings[role].put(arming, own, own * 1_000_000, time.monotonic_ns(), frame)
        worst_s = max(worst_s, time.perf_counter() - begun_s)
        while rings[role].take() is not None:
            rings[role].release()
    return worst_s
