"""The calibration clips of a session, in their order, and which of them are still to be done.

A capture runs through `start_steps` before the first scene and `end_steps` after the last. Each
step is one clip. A pose of the target is a clip of its own, with the board at rest: a board that
is moved and held in one long clip would have to be cut into poses afterwards, both exposures would
see it move between them, and one bad pose would cost all. So a pose is checked while the board
still stands, taken again alone, and left out alone when a calibration is validated.
"""

from __future__ import annotations

from acquisition.guide import step as guide_step
from acquisition.guide.exposure_series import Rate, is_possible, series_settings
from acquisition.guide.step import EQUAL_SETTING, GuideOptions, Step, StepPurpose, When
from acquisition.rig import Rig
from acquisition.session.record import ClipRecord, SessionRecord
from bsd.errors import UserMistake
from bsd.setting import Setting

__all__ = ["GuideOptions", "Step", "clip_of", "due", "end_steps", "start_steps", "steps_of"]


def start_steps(
    setting: Setting,
    rate_hz: Rate,
    rig: Rig | None,
    options: GuideOptions | None = None,
) -> list[Step]:
    """Clips before the first scene, in an order that moves the least.

    Parameters
    ----------
    setting
        Of the scenes.
    rate_hz
        Frames per second of all clips.
    rig
        Says which exposures a series can have; None where the cameras run freely.
    options
        Default: `GuideOptions()`.

    Raises
    ------
    UserMistake
        The cameras allow too few exposures for a series.
    """
    options = options or GuideOptions()
    return [
        guide_step.dark(setting, options, "start"),
        guide_step.flat(setting, options, "start"),
        *guide_step.series(series_settings(setting, rate_hz, rig, options.levels), options),
        guide_step.colour(setting, options),
        *guide_step.target("far", setting, options, "start"),
        *guide_step.target("near", setting, options, "start"),
        *guide_step.sync(setting, options, equalise=is_possible(EQUAL_SETTING, rate_hz, rig)),
    ]


def end_steps(setting: Setting, options: GuideOptions | None = None) -> list[Step]:
    """Clips after the last scene: what drifts first, before anything is touched."""
    options = options or GuideOptions()
    return [
        *guide_step.target("far", setting, options, "end"),
        guide_step.flat(setting, options, "end"),
        guide_step.dark(setting, options, "end"),
    ]


def steps_of(
    purpose: StepPurpose,
    when: When,
    setting: Setting,
    rate_hz: Rate,
    rig: Rig | None,
    options: GuideOptions | None = None,
) -> list[Step]:
    """The steps of one purpose, to record it alone.

    Raises
    ------
    UserMistake
        There is none of this purpose at this end of a session.
    """
    every = (
        start_steps(setting, rate_hz, rig, options)
        if when == "start"
        else end_steps(setting, options)
    )
    found = [step for step in every if step.purpose == purpose]
    if not found:
        known = ", ".join(dict.fromkeys(step.purpose for step in every))
        raise UserMistake(f"{purpose}: is no step of the {when} of a session; there are {known}")
    return found


def clip_of(step: Step, record: SessionRecord) -> ClipRecord | None:
    """The newest sealed clip of a step that was checked and found without a fault."""
    sound = record.sound
    found = [
        clip
        for clip in record.clips
        if (clip.plan.step, clip.plan.when) == (step.name, step.when)
        and clip.clip in sound
        and (not step.per_setting or clip.plan.setting == step.setting.name)
    ]
    return found[-1] if found else None


def due(steps: list[Step], record: SessionRecord) -> list[Step]:
    """The steps that have no good clip yet: where a guide goes on after an interruption."""
    return [step for step in steps if clip_of(step, record) is None]
