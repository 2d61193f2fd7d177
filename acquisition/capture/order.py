"""What a command line asks to be recorded, as orders for a shoot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acquisition.engine.shoot import Shoot, TakeOrder
from acquisition.guide import steps as guide
from acquisition.session.journal_entry import TakePlan
from bsd.errors import UserMistake

if TYPE_CHECKING:
    from acquisition.guide.step import GuideOptions, Step
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
    shoot: Shoot,
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
    shoot
        Its rig and rate, and what the session has already.
    setting
        Of the scenes.
    guided
        ``start`` or ``end``: all that are still due.
    purpose, when, step
        Else those of this purpose and name, at this end of the session.
    options
        What the laboratory chose.

    Raises
    ------
    UserMistake
        There is none of that name or purpose.
    """
    rig = None if shoot.apparatus.free_running else shoot.apparatus.rig
    start = guide.start_steps(setting, shoot.rate_hz, rig, options)
    end = guide.end_steps(setting, options)
    if guided is not None:
        return guide.due(start if guided == "start" else end, shoot.session.record)
    every = start if when == "start" else end
    found = [each for each in every if step in (None, each.name) and purpose in ("", each.purpose)]
    if not found:
        names = ", ".join(each.name for each in every)
        raise UserMistake(
            f"--step {step or purpose}: no such step at the {when}; there are {names}"
        )
    return found
