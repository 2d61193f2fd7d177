"""What a session of the virtual rig is like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquisition.guide.steps import GuideOptions
from acquisition.rig import Rig, Role
from hardware.twin.rig_file import rig_fields
from hardware.twin.world_config import MotionConfig, WorldConfig


@dataclass(frozen=True)
class SceneClip:
    """A clip of a scene.

    Attributes
    ----------
    frames, bookend
        Of the scene; still ones before it and as many behind it.
    number
        Of the set of pictures and of their places; None: that of the clip.
    moves
        Hand shake and what goes past; else all stands still.
    shake_mrad
        Root mean square turns of the hand shake.
    sets
        ``FIELD=VALUE`` of the world, after all else.
    late_sets
        As `sets`, for the second half of the frames: what changes during a clip.
    setting
        Another one than the session's.
    losses
        (pulse, role): a frame that the camera did not expose.
    repeats
        (pulse, role): the frame is bit for bit the one before.
    still_bookends
        False: the motion goes through the bookends.
    """

    frames: int = 20
    bookend: int = 5
    number: int | None = None
    moves: bool = True
    shake_mrad: tuple[float, float, float] = (4.0, 4.0, 2.0)
    sets: tuple[str, ...] = ()
    late_sets: tuple[str, ...] = ()
    setting: str | None = None
    losses: tuple[tuple[int, Role], ...] = ()
    repeats: tuple[tuple[int, Role], ...] = ()
    still_bookends: bool = True

    @property
    def pulses(self) -> int:
        return self.frames + 2 * self.bookend


@dataclass(frozen=True)
class Spec:
    """What a session is like; hashable, and the key of what is kept.

    Attributes
    ----------
    seed, size_px, bits, setting, rate
        Of the world, both sensors (width, height), the frames, the scenes, frames per second.
    lens
        ``shared_lens`` or ``two_lenses``; the latter's pupils are `baseline_mm` apart.
    mirrors
        Of C1 and C2.
    sets
        ``FIELD=VALUE`` of the world, for all clips.
    step_sets
        (step or purpose, ``FIELD=VALUE``): of the world, for that clip; ``end:flat`` at the end
        alone.
    rig_sets
        ``FIELD=VALUE`` of rig.yaml: what the operator believes, and is wrong about.
    options
        Of the guide: (field, value).
    missing
        Steps or purposes that are not recorded, such as ``dark``, ``end:flat``.
    scenes
        Clips between start and end; () for none.
    end
        Whether the steps of the end are recorded.
    checked
        True: clips are checked as a capture does it; False: each is written to be ``ok``.
    """

    seed: int = 0
    size_px: tuple[int, int] = (320, 240)
    bits: int = 12
    setting: str = "2ms16ms"
    rate: str = "15"
    lens: str = "shared_lens"
    baseline_mm: float = 12.0
    mirrors: tuple[str, str] = ("none", "horizontal")
    sets: tuple[str, ...] = ()
    step_sets: tuple[tuple[str, str], ...] = ()
    rig_sets: tuple[str, ...] = ()
    options: tuple[tuple[str, float], ...] = (
        ("dark_frames", 16),
        ("flat_frames", 16),
        ("series_frames", 2),
        ("colour_frames", 4),
        ("target_frames", 3),
    )
    missing: tuple[str, ...] = ("sync",)
    scenes: tuple[SceneClip, ...] = (SceneClip(),)
    end: bool = True
    checked: bool = False

    def lacks(self, purpose: str, name: str, when: str) -> bool:
        """Whether a step is left out."""
        words = {purpose, name, f"{when}:{purpose}", f"{when}:{name}"}
        return bool(words & set(self.missing))

    def world(self) -> WorldConfig:
        """Before anything stands before it; the field of view is 0.4 rad wide at every size."""
        wide, high = self.size_px
        views: list[dict[str, Any]] = [{"mirror": mirror} for mirror in self.mirrors]
        if self.lens == "two_lenses":
            views[0] |= {"pupil_mm": [0.0, 0.0, 0.0]}
            views[1] |= {"pupil_mm": [self.baseline_mm, 0.0, 0.0]}
        sensor = {"width_px": wide, "height_px": high, "pixel_pitch_um": 3200.0 / wide}
        fields: dict[str, Any] = {
            "format_version": 1,
            "seed": self.seed,
            "sensor_1": sensor,
            "sensor_2": sensor,
            "rig_motion": MotionConfig().model_dump(mode="json"),
            "optics": {
                "kind": self.lens,
                "view_1": {"nd_transmission": 0.125, **views[0]},
                "view_2": {"path": "reflected", **views[1]},
            },
        }
        return WorldConfig.from_fields(fields, "twin session").override(self.sets)

    def rig(self) -> Rig:
        """rig.yaml as the operator of this world writes it."""
        fields = rig_fields(
            self.world(),
            Path("/opt/bsd-twin.cti"),
            "/dev/pts/7",
            pair_s=0.2,
            ahead_frames=6,
            bits=self.bits,
        )
        return Rig.from_fields(fields, "twin session").override(self.rig_sets)

    def guide(self) -> GuideOptions:
        return GuideOptions.model_validate(dict(self.options))
