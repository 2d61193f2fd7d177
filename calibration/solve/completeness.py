"""Whether a session holds the steps that a calibration is worth nothing without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from acquisition.rig import ROLES
from calibration.bundle.rig import CalibratedCamera
from calibration.solve.material import Material, MissingClips
from calibration.solve.options import OPTIONAL, Optional, SolveOptions

_GUIDED: Final = "python -m acquisition.capture --guided"
_ONE: Final = "python -m acquisition.capture --purpose"


def require_steps(material: Material, options: SolveOptions) -> None:
    """Raise `MissingClips` where steps are missing that the options do not allow to be.

    The dark clip, the flat field and the far target of the start are asked for where they are used:
    nothing allows a session to lack them.
    """
    if not material.of("series"):
        for role in ROLES:
            if is_encoded(material.rig.cameras[role]):
                raise MissingClips(
                    f"{material.folder}: no exposure series, and the {role} camera delivers encoded"
                    " colour, whose response nothing else tells; record the series with"
                    f" '{_ONE} series'"
                )
    told = list(_missing(material))
    missing = [each for each in told if each[0] not in options.allow_missing]
    if not missing:
        return
    allowed = {name for name, _, _ in missing} | set(options.allow_missing)
    names = ",".join(name for name in OPTIONAL if name in allowed)
    commands = dict.fromkeys(f"'{command}'" for _, _, command in missing)
    raise MissingClips(
        f"{material.folder}: has no {', no '.join(what for _, what, _ in missing)}; record them"
        f" with {' and '.join(commands)}, or solve without by '--set allow_missing=[{names}]'"
    )


def is_encoded(camera: CalibratedCamera) -> bool:
    """Whether a camera delivers colours of 8 bit that it made itself."""
    return camera.cfa is None and camera.bits == 8 and "RGB" in camera.pixel_format.upper()


def _missing(material: Material) -> Iterator[tuple[Optional, str, str]]:
    if not material.of("series"):
        yield "series", "exposure series", f"{_ONE} series"
    if material.targets("far", "start") and not material.targets("near", "start"):
        yield "near", "near target", f"{_GUIDED} start"
    if not material.targets("far", "end"):
        yield "end", "far target at the end", f"{_GUIDED} end"
    for setting in material.settings:
        for purpose, what in (("flat", "flat field"), ("dark", "dark clip")):
            if not material.of(purpose, "end", setting):
                yield "end", f"{what} at the end at {setting}", f"{_GUIDED} end"
