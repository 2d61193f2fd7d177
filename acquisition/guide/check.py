"""Whether a calibration clip is fit for its purpose, told from its frames at once.

The operator still stands before the rig: what is told here can be done again now. It is a check,
not a calibration; numbers that enter a calibration are measured by `calibration.solve`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from acquisition.clip.format import frame_format, is_black_level_told
from acquisition.clip.reader import Clip
from acquisition.guide.step import StepPurpose
from acquisition.picture.blocks import Blocks, blocks
from acquisition.picture.measurement import flicker, measure_pair, measure_view
from acquisition.picture.stillness import stillness
from acquisition.picture.view import Frame, FrameFormat
from acquisition.rig import ROLES, Role

Status = Literal["ok", "warning", "fault"]

LIGHT_LEAK: Final = 0.004
"""Unevenness of a dark view, share of full scale, above which light came in."""

DARK_MOST: Final = 0.15
"""A dark view stands below this share of full scale, black level included."""

CLIPPED_MOST: Final = 0.001
"""Share of clipped samples that a clip for photometry may have."""

FLAT_LEVELS: Final = (0.15, 0.95)
"""Level of the brightest channel of a flat field, share of full scale."""

FLAT_USUAL: Final = 0.4
"""Below, a flat field tells less of photon noise and nothing of the sensor's upper half."""

RATIO_MOST: Final = 0.05
"""C1/C2 of a flat field may be off 1 by this; calibration takes the rest out."""

REST_PX: Final = 0.2
"""A board at rest and a rig on its stand move less, from the first to the last frame."""

LEAST_LEVEL: Final = 0.01
FLICKER_MOST: Final = 0.01
_SAMPLES: Final = 5


@dataclass
class StepCheck:
    """What was found.

    Attributes
    ----------
    status
        ``fault``: take it again. ``warning``: know it.
    remarks
        One line each, with the way out.
    figures
        What was measured, by name.
    """

    status: Status = "ok"
    remarks: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def fault(self, remark: str) -> None:
        """The clip is not fit."""
        self.status = "fault"
        self.remarks.append(remark)

    def warn(self, remark: str) -> None:
        """The clip can be used, and something should be known."""
        if self.status == "ok":
            self.status = "warning"
        self.remarks.append(remark)


def check_clip(clip: Clip, purpose: StepPurpose | str) -> StepCheck:
    """Check a sealed calibration clip.

    Parameters
    ----------
    clip
        Open.
    purpose
        What it was recorded for; of others than calibration nothing is asked.

    Raises
    ------
    UserMistake
        Its head does not tell the frames' format, or frames are smaller than 16 × 16 pixels.
    """
    check = StepCheck()
    if not all(len(clip.frames(role)) for role in ROLES):
        check.fault("a camera has no frame; take it again")
    elif purpose in _CHECKS:
        _CHECKS[purpose](clip, check)
    return check


def _dark(clip: Clip, check: StepCheck) -> None:
    for role, form, frames in _views(clip):
        mean = np.mean([frame.astype(np.float32) for frame in frames], axis=0)
        seen = blocks(mean, FrameFormat(form.cfa, form.bits, 0.0, form.flip))
        level = float(np.mean([each.mean() for each in seen.means.values()])) / seen.full_scale
        uneven = _unevenness(seen)
        at_zero = float(np.mean([(frame == 0).mean() for frame in frames]))
        check.figures |= {f"{role}_level": level, f"{role}_unevenness": uneven}
        if level > DARK_MOST:
            check.fault(f"{role}: {level:.0%} of full scale is not dark; put the cap on")
        elif uneven > LIGHT_LEAK:
            check.fault(
                f"{role}: the dark view is uneven by {uneven:.1%} of full scale: light comes in;"
                " cover the rig, the splitter's open side too"
            )
        if at_zero > 0.5:
            check.warn(
                f"{role}: {at_zero:.0%} of the samples are 0: noise is cut off below; raise the"
                " camera's BlackLevel in rig.yaml and begin a new session"
            )
        if not is_black_level_told(clip.head, role):
            check.figures[f"{role}_black_dn"] = level * seen.full_scale


def _flat(clip: Clip, check: StepCheck) -> None:
    _exposed(clip, check, FLAT_LEVELS)
    bright = min(check.figures.get(f"{role}_bright", 1.0) for role in ROLES)
    if FLAT_LEVELS[0] <= bright < FLAT_USUAL:
        check.warn(f"the brightest channel stands at {bright:.0%} of full scale; more light if any")
    pairs = list(_pair_samples(clip))
    forms = frame_format(clip.head, "blurry"), frame_format(clip.head, "sharp")
    measured = [measure_pair(blurry, sharp, forms) for blurry, sharp in pairs]
    for role in ROLES:
        views = [getattr(each, role) for each in measured]
        if views and not all(view.flat for view in views):
            check.warn(f"{role}: the surface is not even; defocus, or put the diffuser closer")
    if ratios := [each.ratio.value for each in measured if each.ratio is not None]:
        ratio = float(np.mean(ratios))
        check.figures["ratio"] = ratio
        if abs(ratio - 1) > RATIO_MOST:
            check.warn(
                f"C1/C2 is {ratio:.3f}, more than {RATIO_MOST:.0%} off 1: check the ND filter, the"
                " exposures and both gains"
            )
    if (found := flicker(measured)) is not None:
        check.figures["flicker"] = found.ratio_spread
        if found.ratio_spread > FLICKER_MOST:
            check.fault(
                f"the light flickers: C1/C2 changes by {found.ratio_spread:.1%} from frame to"
                " frame; use DC light"
            )


def _series(clip: Clip, check: StepCheck) -> None:
    _exposed(clip, check, (0.0, FLAT_LEVELS[1]))


def _colour(clip: Clip, check: StepCheck) -> None:
    _exposed(clip, check, (0.1, 1.0))
    _stands(clip, check)


def _target(clip: Clip, check: StepCheck) -> None:
    _exposed(clip, check, (0.1, 1.0), clipped_most=0.02)
    _stands(clip, check)
    for role, form, frames in _views(clip):
        view = measure_view(frames[0], form)
        if view.focus is not None:
            check.figures[f"{role}_focus"] = view.focus
        if view.focus is None or view.focus < 2 * view.focus_floor:
            check.fault(f"{role}: no fine detail is seen; is the board in the view, and sharp?")
    blurry, sharp = (check.figures.get(f"{role}_focus") for role in ROLES)
    if blurry is not None and sharp is not None and min(blurry, sharp) < 0.5 * max(blurry, sharp):
        worse = "blurry" if blurry < sharp else "sharp"
        check.warn(
            f"{worse}: has less than half of the other view's focus score"
            f" ({blurry:.1f} against {sharp:.1f}); focus it, or let the board come to rest"
        )


def _sync(clip: Clip, check: StepCheck) -> None:
    for role, form, frames in _views(clip):
        top = [float(np.percentile(frame, 99.9)) for frame in frames]
        if max(top) - form.black_dn < LEAST_LEVEL * (form.white_dn - form.black_dn):
            check.fault(f"{role}: no LED is seen; is the target lit and in the view?")
        change = max(
            float(np.abs(a.astype(np.float32) - b.astype(np.float32)).max())
            for a, b in zip(frames, frames[1:] or frames, strict=False)
        )
        check.figures[f"{role}_change_dn"] = change


_CHECKS: Final[dict[str, Callable[[Clip, StepCheck], None]]] = {
    "dark": _dark,
    "flat": _flat,
    "series": _series,
    "colour": _colour,
    "target": _target,
    "sync": _sync,
}


def _exposed(
    clip: Clip,
    check: StepCheck,
    levels: tuple[float, float],
    clipped_most: float = CLIPPED_MOST,
) -> None:
    """Neither clipped nor dark; `levels` bound the brightest channel's highlights."""
    for role, form, frames in _views(clip):
        seen = blocks(frames[0], form)
        clipped = measure_view(frames[0], form).clipped_share
        bright = _highlight(seen)
        check.figures |= {f"{role}_bright": bright, f"{role}_clipped": clipped}
        if clipped > clipped_most:
            check.fault(f"{role}: {clipped:.2%} of a channel is clipped; less light")
        elif not levels[0] <= bright <= levels[1]:
            way = "more light" if bright < levels[0] else "less light"
            check.fault(
                f"{role}: the brightest channel stands at {bright:.0%} of full scale, not at"
                f" {levels[0]:.0%} to {levels[1]:.0%}; {way}"
            )
        elif bright < LEAST_LEVEL:
            check.warn(f"{role}: {bright:.1%} of full scale is hardly above the noise")


def _highlight(seen: Blocks) -> float:
    """The brightest channel's 99th percentile over blocks, share of full scale."""
    found = max(float(np.percentile(each, 99)) for each in seen.means.values())
    return found / seen.full_scale


def _unevenness(seen: Blocks) -> float:
    """Largest difference from the median that many neighbouring blocks share, by channel."""
    worst = 0.0
    for means in seen.means.values():
        away = np.abs(means - np.median(means))
        worst = max(worst, float(np.percentile(away, 98)))
    return worst / seen.full_scale


def _stands(clip: Clip, check: StepCheck) -> None:
    """The board and the rig rest, seen by the sharp camera."""
    form = frame_format(clip.head, "sharp")
    frames = clip.frames("sharp")
    found = stillness(blocks(frames[0], form), blocks(frames[-1], form))
    if found is None:
        return
    check.figures["moved_px"] = found.length_px
    if found.is_still(REST_PX) is False:
        moved = max(found.length_px, found.worst_px)
        check.fault(f"the view moved by {moved:.2f} px during the clip; let it come to rest")


def _views(clip: Clip) -> Iterator[tuple[Role, FrameFormat, list[Frame]]]:
    """Of each camera: format, and some frames from the first to the last."""
    for role in ROLES:
        frames = clip.frames(role)
        places = np.unique(np.linspace(0, len(frames) - 1, _SAMPLES).round().astype(int))
        yield role, frame_format(clip.head, role), [frames[int(place)] for place in places]


def _pair_samples(clip: Clip) -> Iterator[tuple[Frame, Frame]]:
    if clip.head.sync == "none" or not clip.pair_count:
        return
    from acquisition.ledger.row import Verdict

    rows = clip.ledger[clip.ledger["verdict"] == Verdict.PAIRED]
    for place in np.unique(np.linspace(0, len(rows) - 1, _SAMPLES).round().astype(int)):
        row = rows[int(place)]
        yield (
            clip.frames("blurry")[int(row["c1_index"])],
            clip.frames("sharp")[int(row["c2_index"])],
        )
