"""What a command line asks to be recorded, as orders for a shoot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acquisition.engine.shoot import TakeOrder
from acquisition.guide import steps as guide
from acquisition.session.journal_entry import TakePlan
from bsd.errors import UserMistake

if TYPE_CHECKING:
    from fractions import Fraction

    from acquisition.guide.step import GuideOptions, Step
    from acquisition.rig import Rig
    from bsd.setting import Setting


def scene_order(
    setting: Setting, frames: int, bookend: int, *, motion: str, notes: str, light: str,
    purpose: str = "scene",
) -> TakeOrder:  # fmt: skip
    """An order for a clip of a scene."""
    plan = TakePlan(
        purpose=purpose, frames=frames, setting=setting.name, motion=motion, notes=notes
    )
    return TakeOrder(plan, setting, bookend if purpose == "scene" else 0, light=light)


def calibration_steps(
    rig: Rig | None,
    rate_hz: Fraction,
    setting: Setting,
    *,
    guided: str | None,
    purpose: str,
    when: str,
    step: str | None,
    options: GuideOptions | None = None,
) -> list[Step]:
    """The calibration steps that a command line asks for.

    Parameters
    ----------
    rig, rate_hz
        Say which exposures a series can have; no rig where the cameras run freely.
    setting
        Of the scenes.
    guided
        ``start`` or ``end``: all of that end; what the session has already is the caller's to
        leave out (`acquisition.guide.steps.due`).
    purpose, when, step
        Else those of this purpose and name, at this end of the session.
    options
        What the laboratory chose.

    Raises
    ------
    UserMistake
        There is none of that name or purpose, or two things are asked at once.
    """
    start = guide.start_steps(setting, rate_hz, rig, options)
    end = guide.end_steps(setting, options)
    if guided is not None:
        if step is not None or purpose:
            raise UserMistake("--guided records all that is due; leave --step and --purpose out")
        return start if guided == "start" else end
    every = start if when == "start" else end
    found = [each for each in every if step in (None, each.name) and purpose in ("", each.purpose)]
    if not found:
        names = ", ".join(each.name for each in every)
        raise UserMistake(
            f"--step {step or purpose}: no such step at the {when}; there are {names}"
        )
    return found
