"""A program of the laboratory that puts things in place before each clip."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bsd.errors import EnvironmentFault, UserMistake

if TYPE_CHECKING:
    from fractions import Fraction

    from acquisition.engine.shoot import TakeOrder

LIMIT_S: Final = 600.0


def run_before_step(program: Path, order: TakeOrder, clip: str, rate_hz: Fraction) -> None:
    """Run it and wait for its end.

    Its one argument is the step's name, or the purpose; the environment tells the rest:
    ``BSD_PURPOSE``, ``BSD_STEP``, ``BSD_WHEN``, ``BSD_DISTANCE_MM``, ``BSD_SETTING``, ``BSD_CLIP``,
    ``BSD_FRAMES``, ``BSD_BOOKEND`` and ``BSD_RATE_HZ``.

    Raises
    ------
    UserMistake
        It cannot be run.
    EnvironmentFault
        It failed, or took longer than `LIMIT_S`.
    """
    plan, path = order.plan, str(program.resolve())
    told = {
        "BSD_PURPOSE": plan.purpose,
        "BSD_STEP": plan.step or "",
        "BSD_WHEN": plan.when or "",
        "BSD_DISTANCE_MM": "" if plan.distance_mm is None else f"{plan.distance_mm:g}",
        "BSD_SETTING": order.setting.name,
        "BSD_CLIP": clip,
        "BSD_FRAMES": str(plan.frames),
        "BSD_BOOKEND": str(order.bookend_frames),
        "BSD_RATE_HZ": str(rate_hz),
    }
    try:
        subprocess.run(  # noqa: S603  the operator's own program, no shell
            [path, plan.step or plan.purpose],
            env=os.environ | told,
            check=True,
            timeout=LIMIT_S,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise UserMistake(f"--before-step {path}: cannot be run: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise EnvironmentFault(
            f"--before-step {path}: ended with {error.returncode} before {clip}; mend it and run"
            " the same command again"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(
            f"--before-step {path}: took more than {LIMIT_S:.0f} s before {clip}; it was ended"
        ) from error
