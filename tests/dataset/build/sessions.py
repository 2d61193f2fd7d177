"""Small recorded sessions of the twin for tests of a build; made once, then read from a cache."""

from __future__ import annotations

from tests.twin_session import SceneClip, TwinSession, twin_session

SIZE = "176x132"
"""As small as the gates can judge."""
ONLY_SCENES = ("dark", "flat", "series", "colour", "target", "sync")


def session(*scenes: SceneClip, seed: int = 0, setting: str = "2ms16ms") -> TwinSession:
    """Scenes alone, 256×192 at 12 bit: the truth stands for the calibration."""
    return twin_session(
        seed=seed,
        size_px=(256, 192),
        scenes=scenes,
        missing=ONLY_SCENES,
        end=False,
        setting=setting,
    )


def scene(number: int, frames: int = 12, **fields: object) -> SceneClip:
    """A moving scene of the pictures of that number, with bookends."""
    return SceneClip(frames=frames, number=number, **fields)  # type: ignore[arg-type]
