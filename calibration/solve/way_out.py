"""What mends a figure of a calibration that is beyond its limit, by the name of the figure."""

from __future__ import annotations

from typing import Final

_MOVED: Final = (
    "the rig moved or warmed up during the scenes, and no option mends these clips: fix the mount,"
    " switch on 30 minutes earlier, and record the session again"
)
_FLAT: Final = (
    "look for dust, a surface that was lit otherwise or touched, or a splitter that moved; take the"
    " flat fields of the end again if nothing was touched since, else record the session again"
)
_BLACK: Final = (
    "the cameras warmed up, or light came in: caps on, switch on 30 minutes earlier, and record the"
    " session again"
)
_NAMED: Final = {
    "map residual": (
        "use a board on glass or aluminium that rests, check the mounts of both cameras, and take"
        " the far target again"
    ),
    "drift of the map": _MOVED,
    "drift of the gains": _FLAT,
    "drift of the ratio flat": _FLAT,
    "drift of the black level": _BLACK,
    "defects": "cool the camera or replace it, or allow more by '--set defect_percent=…'",
    "linearity": (
        "set gamma 1 and no processing in the camera, light with DC, and take the series again"
    ),
    "exposure offset": (
        "look for light in the dark clip and for a lamp that drifts; else correct the camera's"
        " timing in rig.yaml, and record the session again"
    ),
    "C1 over C2": (
        "look for the wrong ND filter or nd_transmission in rig.yaml, for a dirty splitter and for"
        " light that is not DC; then record the session again"
    ),
}
_UNUSABLE: Final = "take that step again before the rig is touched, and solve again"
_ANY: Final = "record that step again, and solve again"


def way_out(name: str, *, unusable: bool = False) -> str:
    """For an item that failed, in words.

    Parameters
    ----------
    name
        Of the item, such as ``drift of the black level, blurry``.
    unusable
        Its clips were recorded, and nothing can be made of them.
    """
    if unusable:
        return _UNUSABLE
    known = [words for begin, words in _NAMED.items() if name.startswith(begin)]
    return known[0] if known else _ANY
