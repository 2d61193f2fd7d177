"""How the frames of a clip are to be read: mosaic, bits, black level and flip, from its head."""

from __future__ import annotations

from typing import Any, cast

from acquisition.clip.reader import ClipHead
from acquisition.picture.view import Cfa, Flip, FrameFormat
from acquisition.rig import Role
from bsd.errors import UserMistake


def frame_format(head: ClipHead, role: Role) -> FrameFormat:
    """The format of one camera's frames.

    Raises
    ------
    UserMistake
        The head does not tell it, as one that another program wrote might not.
    """
    told: dict[str, Any] = dict(head.cameras[role].configured) if role in head.cameras else {}
    cameras = cast("dict[str, dict[str, Any]]", head.rig.get("cameras") or {})
    try:
        bits = int(told["bits"])
        black_dn = float(told.get("black_level_dn") or 0.0)
    except (KeyError, TypeError, ValueError) as error:
        raise UserMistake(
            f"{head.name}: its head does not tell the bits of the {role} camera's frames"
        ) from error
    return FrameFormat(
        cfa=cast("Cfa | None", told.get("cfa")),
        bits=bits,
        black_dn=black_dn,
        flip=cast("Flip", cameras.get(role, {}).get("flip", "none")),
    )


def is_black_level_told(head: ClipHead, role: Role) -> bool:
    """Whether the camera said at which level no light lies."""
    return head.cameras[role].configured.get("black_level_dn") is not None
