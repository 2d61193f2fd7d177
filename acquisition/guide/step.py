"""Calibration clips one by one: what the operator does, how many frames, how exposed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from pydantic import Field, model_validator

from acquisition.session.journal_entry import TakePlan
from bsd.document import Part
from bsd.setting import Setting

When = Literal["start", "end"]
StepPurpose = Literal["dark", "flat", "series", "colour", "target", "sync"]

LEAST_LEVELS: Final = 8
LEAST_POSES: Final = 8

EQUAL_SETTING: Final = Setting(sharp_us=2000, blurry_us=16000)
"""The timing target lights all its LEDs equally long in exposures of even milliseconds."""


class GuideOptions(Part):
    """What a laboratory may choose.

    Attributes
    ----------
    near_mm, far_mm
        Distances of the target. The far one is that of the scenes; parallax is told by both, so
        they must differ enough.
    poses
        Of the target at each distance.
    levels
        Of the exposure series.
    dark_frames, flat_frames, series_frames, colour_frames, target_frames, sync_frames
        Frames of a clip.
    """

    near_mm: float = Field(default=1500.0, gt=0)
    far_mm: float = Field(default=4000.0, gt=0)
    poses: int = Field(default=LEAST_POSES, ge=LEAST_POSES, le=99)
    levels: int = Field(default=9, ge=LEAST_LEVELS, le=99)
    dark_frames: int = Field(default=32, ge=2)
    flat_frames: int = Field(default=32, ge=2)
    series_frames: int = Field(default=4, ge=2)
    colour_frames: int = Field(default=8, ge=2)
    target_frames: int = Field(default=5, ge=2)
    sync_frames: int = Field(default=60, ge=2)

    @model_validator(mode="after")
    def _distances_differ(self) -> GuideOptions:
        if self.far_mm < 1.5 * self.near_mm:
            raise ValueError(
                f"far_mm {self.far_mm:g} is less than 1.5 times near_mm {self.near_mm:g}: parallax"
                " could not be told from the two; move the target further"
            )
        return self


class Step(Part):
    """One calibration clip.

    Attributes
    ----------
    name
        Such as ``series-3``; with `when` and, where `per_setting`, the setting it names the step.
    title, prompt
        For the operator: what it is, what to do. The prompt is empty where nothing has to be done
        since the step before: the capture goes on by itself.
    purpose, setting, frames, distance_mm
        Of the clip. The setting is the exposure, not always that of the scenes.
    when
        Before the first scene or after the last.
    required
        Whether a calibration is refused without it.
    without
        What a calibration lacks without it.
    per_setting
        Needed once for each setting of the session; else once for the session.
    """

    name: str
    title: str
    prompt: str = ""
    purpose: StepPurpose
    setting: Setting
    frames: int
    when: When
    distance_mm: float | None = None
    required: bool = True
    without: str
    per_setting: bool = False

    def plan(self, notes: str = "") -> TakePlan:
        """What the session's journal and the clip's head say of it."""
        return TakePlan(
            purpose=self.purpose,
            frames=self.frames,
            setting=self.setting.name,
            step=self.name,
            when=self.when,
            distance_mm=self.distance_mm,
            notes=notes,
        )


def dark(setting: Setting, options: GuideOptions, when: When) -> Step:
    """No light, at the exposures that the scenes have."""
    return Step(
        name="dark",
        title="Dark",
        prompt=(
            "Cap on the lens (on both, where there are two), rig covered with a dark cloth."
            " Nothing else is changed."
        ),
        purpose="dark",
        setting=setting,
        frames=options.dark_frames,
        when=when,
        without="black level, dark noise and hot pixels at both exposures of this setting",
        per_setting=True,
    )


def flat(setting: Setting, options: GuideOptions, when: When) -> Step:
    """One even surface in both views."""
    return Step(
        name="flat",
        title="Flat field",
        prompt=(
            "An evenly lit matt white surface, or an opal diffuser before the lens, fills both"
            " views; DC light only. Set the light, not the aperture, so that the brightest channel"
            " stands at 60 to 85 % of full scale and nothing clips. Leave it so for the series."
        ),
        purpose="flat",
        setting=setting,
        frames=options.flat_frames,
        when=when,
        without="flat field, ratio of the two views and channel gains",
        per_setting=True,
    )


def series(levels: Iterable[Setting], options: GuideOptions) -> list[Step]:
    """The same surface at every level; only the first asks for hands."""
    return [
        Step(
            name=f"series-{number}",
            title=f"Exposure series, {level.name}",
            prompt=(
                "The flat surface as it was for the flat field: nothing is touched until the series"
                " is over."
                if number == 1
                else ""
            ),
            purpose="series",
            setting=level,
            frames=options.series_frames,
            when="start",
            without="linearity, exposure offset and photon transfer",
        )
        for number, level in enumerate(levels, start=1)
    ]


def colour(setting: Setting, options: GuideOptions) -> Step:
    """A chart of known patches."""
    return Step(
        name="colour",
        title="Colour chart",
        prompt=(
            "A colour chart of 24 patches or more, flat to the rig, lit evenly by the light of the"
            " scenes, as large as it fits; no glare, the white patch below clipping."
        ),
        purpose="colour",
        setting=setting,
        frames=options.colour_frames,
        when="start",
        required=False,
        without="a full colour matrix between the views; a diagonal is used instead",
    )


def target(
    which: Literal["near", "far"], setting: Setting, options: GuideOptions, when: When
) -> list[Step]:
    """The board in every pose at one distance."""
    distance_mm = options.far_mm if which == "far" else options.near_mm
    return [
        Step(
            name=f"target-{which}-{pose}",
            title=f"Target at {distance_mm:g} mm, pose {pose} of {options.poses}",
            prompt=_pose_prompt(pose, distance_mm),
            purpose="target",
            setting=setting,
            frames=options.target_frames,
            when=when,
            distance_mm=distance_mm,
            without=(
                "the map from C2 to C1"
                if which == "far" and when == "start"
                else (
                    "parallax, and from which distance on it can be neglected"
                    if which == "near"
                    else "what the alignment drifted during the session"
                )
            ),
        )
        for pose in range(1, options.poses + 1)
    ]


def _pose_prompt(pose: int, distance_mm: float) -> str:
    """Where the board goes: all over the view, square to the rig so that its distance is one."""
    places = (
        "in the middle, square to the rig",
        "in the upper left corner of the view, square to the rig",
        "in the upper right corner of the view",
        "in the lower right corner of the view",
        "in the lower left corner of the view",
        "at the left edge, turned in its plane by 45°",
        "at the right edge, turned in its plane by 90°",
        "in the middle, one side tilted towards the rig by 20 to 30°",
    )
    place = places[(pose - 1) % len(places)]
    again = "" if pose <= len(places) else ", between the places before"
    return (
        f"ChArUco board at {distance_mm:g} mm, {place}{again}. On a stand, not in the hand; wait"
        " until it rests."
    )


def sync(setting: Setting, options: GuideOptions, *, equalise: bool) -> list[Step]:
    """The timing target: all LEDs alike, where such an exposure is possible, then running."""
    steps = [
        Step(
            name="sync-equal",
            title="Timing target, all LEDs alike",
            prompt=(
                "The timing target in the middle of both views, sharp, room light off; its jumper"
                " closed."
            ),
            purpose="sync",
            when="start",
            setting=EQUAL_SETTING,
            frames=options.colour_frames,
            without="the brightness of each LED, for the timing",
            required=False,
        ),
        Step(
            name="sync",
            title="Timing target, running",
            prompt="Open the jumper; nothing else is touched.",
            purpose="sync",
            when="start",
            setting=setting,
            frames=options.sync_frames,
            without="a check of the exposures in light; the delays of rig.yaml are believed",
            required=False,
        ),
    ]
    return (
        steps
        if equalise
        else [steps[1].model_copy(update={"prompt": steps[0].prompt.replace("closed", "open")})]
    )
