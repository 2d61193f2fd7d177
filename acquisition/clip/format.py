"""How the frames of a clip are to be read: mosaic, bits, black level and flip, from its head."""

from __future__ import annotations

from typing import Any, Final, cast, get_args

from acquisition.clip.reader import ClipHead
from acquisition.picture.view import Cfa, Flip, FrameFormat
from acquisition.rig import Role
from bsd.errors import UserMistake

_MOST_BITS: Final = 16


def frame_format(head: ClipHead, role: Role) -> FrameFormat:
    """The format of one camera's frames.

    Raises
    ------
    UserMistake
        The head does not tell it, as one that another program wrote might not.
    """
    told: dict[str, Any] = dict(head.cameras[role].configured)
    bits, black_dn = told.get("bits"), told.get("black_level_dn") or 0.0
    if not isinstance(bits, int) or not 1 <= bits <= _MOST_BITS:
        raise _untold(head, role, "the bits")
    white_dn = 2**bits - 1
    if not isinstance(black_dn, int | float) or not -white_dn < black_dn < white_dn:
        raise _untold(head, role, "the black level")
    cfa, flip = told.get("cfa"), _flip(head.rig, role)
    if cfa not in (None, *get_args(Cfa)):
        raise _untold(head, role, "a known mosaic")
    if flip not in get_args(Flip):
        raise _untold(head, role, "a known flip")
    return FrameFormat(
        cfa=cast("Cfa | None", cfa),
        bits=bits,
        black_dn=float(black_dn),
        flip=cast("Flip", flip),
    )


def is_black_level_told(head: ClipHead, role: Role) -> bool:
    """Whether the camera said at which level no light lies."""
    told = head.cameras[role].configured
    return bool(told.get("is_black_level_told", told.get("black_level_dn") is not None))


def _flip(rig: Any, role: Role) -> object:
    """The flip that a rig, as dumped, tells; None where it is no rig's."""
    for name in ("cameras", role):
        rig = rig.get(name, {}) if isinstance(rig, dict) else None
    return rig.get("flip", "none") if isinstance(rig, dict) else None


def _untold(head: ClipHead, role: Role, what: str) -> UserMistake:
    return UserMistake(
        f"{head.name}: its head does not tell {what} of the {role} camera's frames; was it written"
        " by another program?"
    )
