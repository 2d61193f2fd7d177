"""The page's figures, from the newest pair: focus, levels, clipping, histogram, C1/C2."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from acquisition.picture.measurement import (
    PairMeasurement,
    ViewMeasurement,
    measure_pair,
    measure_view,
)
from acquisition.picture.registration import register_frames
from acquisition.picture.view import cropped, histogram
from acquisition.preview.pair import Pair, Seen
from acquisition.preview.status import Role
from bsd.errors import UserMistake

BAND: Final = 0.05
"""C1/C2 may be off 1 by so much (the papers' rig; calibration takes out the rest)."""

_BINS: Final = 64
_LEAST_PX: Final = 32
_LEAST_TO_REGISTER_PX: Final = 64


def measures(pair: Pair) -> dict[str, Any]:
    """Everything that the page shows of a pair, for JSON; by role, ``ratio`` and ``text``.

    A ratio is None where there is no light to compare; its ``sure`` is False where the two frames
    are not of one pulse, so that motion may be mistaken for light.
    """
    found: dict[str, Any] = {"text": pair.text, "together": pair.together, "ratio": None}
    compared = _compared(pair)
    for role, seen in pair.seen.items():
        if compared is None:
            view = _measured(seen)
        else:
            view = compared.blurry if role == "blurry" else compared.sharp
        found[role] = None if view is None else _view_fields(seen, view)
    if compared is not None and compared.ratio is not None:
        found["ratio"] = {
            "value": compared.ratio.value,
            "error": compared.ratio.error,
            "band": BAND,
            "flat": compared.flat,
            "sure": pair.together,
            "channels": {name: each.value for name, each in compared.ratios.items()},
        }
    return found


def registration(pair: Pair) -> dict[str, Any]:
    """How C2 lies in C1, for JSON; some 30 ms, and safe in any thread.

    ``offset`` holds shift, roll and scale (in ‰ off 1) with standard errors, or is None, and then
    ``text`` says why it cannot be told. ``sure`` is False where the frames are not of one pulse: at
    rest they may be compared all the same.
    """
    found: dict[str, Any] = {"offset": None, "sure": pair.together, "text": ""}
    if len(pair.seen) < 2:
        return found | {"text": pair.text or "a camera has no frame"}
    blurry, sharp = pair.seen["blurry"], pair.seen["sharp"]
    if min(*blurry.frame.shape[:2], *sharp.frame.shape[:2]) < _LEAST_TO_REGISTER_PX:
        return found | {"text": "the frames are too small"}
    try:
        offset = register_frames(blurry.frame, sharp.frame, (blurry.form, sharp.form))
    except UserMistake as mistake:
        return found | {"text": str(mistake)}
    if offset is None:
        return found | {"text": "the views show nothing alike to compare"}
    return found | {
        "offset": {
            "shift_px": offset.shift_px,
            "shift_error_px": offset.shift_error_px,
            "roll_mrad": offset.rotation_mrad,
            "roll_error_mrad": offset.rotation_error_mrad,
            "scale_permille": 1000 * (offset.scale - 1),
            "scale_error_permille": 1000 * offset.scale_error,
        }
    }


def focus(pair: Pair, centre: tuple[float, float], size_px: tuple[int, int]) -> dict[Role, Any]:
    """Focus scores of the same part of both views; None where there is too little to score."""
    return {role: _part_focus(seen, centre, size_px) for role, seen in pair.seen.items()}


def _part_focus(seen: Seen, centre: tuple[float, float], size_px: tuple[int, int]) -> float | None:
    part = cropped(seen.frame, seen.form, centre, size_px)
    if min(part.shape[:2]) < _LEAST_PX:
        return None
    upright = replace(seen.form, cfa=seen.form.upright_cfa, flip="none")
    return measure_view(part, upright).focus


def _compared(pair: Pair) -> PairMeasurement | None:
    if len(pair.seen) < 2:
        return None
    blurry, sharp = pair.seen["blurry"], pair.seen["sharp"]
    try:
        return measure_pair(blurry.frame, sharp.frame, (blurry.form, sharp.form))
    except UserMistake:  # unlike formats, or too small: each view is still measured by itself
        return None


def _measured(seen: Seen) -> ViewMeasurement | None:
    if min(seen.frame.shape[:2]) < _LEAST_PX:
        return None
    return measure_view(seen.frame, seen.form)


def _view_fields(seen: Seen, view: ViewMeasurement) -> dict[str, Any]:
    drawn = histogram(seen.frame, seen.form, _BINS)
    return {
        "focus": view.focus,
        "floor": view.focus_floor if view.focus is not None else None,
        "level": view.level,
        "clipped": {name: each.clipped_share for name, each in view.channels.items()},
        "histogram": drawn.counts,
        "black": drawn.black_dn / drawn.white_dn,
    }
