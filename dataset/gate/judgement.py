"""From what was measured on a clip to the word of each gate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from dataset.gate.alignment import least_size_px
from dataset.gate.evidence import Evidence, SceneFrame
from dataset.gate.limits import GateLimits
from dataset.gate.ratio import LEAST_FRAMES
from dataset.gate.result import GATES, GateName, GateResult

_UNUSABLE: Final = {
    "discarded": "the capture discarded it",
    "recovered": "its recorder was killed, nothing pairs its frames",
    "free-running": "no trigger drove the cameras",
}
_MOST_FRAMES: Final = 16
_TYPICAL, _WORST_TENTH = 50.0, 90.0


def judge(evidence: Evidence, limits: GateLimits) -> tuple[GateResult, ...]:
    """Every gate that a clip passes by itself, in the order of `GATES`."""
    return tuple(_JUDGES[gate](evidence, limits) for gate in GATES if gate in _JUDGES)


def ledger(seen: Evidence, limits: GateLimits) -> GateResult:
    """Every pulse of the scene has its pair, and the capture did not give the clip up."""
    value, limit = float(seen.pairs_lost), float(limits.pairs_lost)
    if seen.verdict is None:
        return _result("ledger", False, "no ledger: nothing says which frames are a pair")
    if seen.verdict in _UNUSABLE:
        return _result("ledger", False, f"{_UNUSABLE[seen.verdict]}; record the scene again")
    if seen.verdict == "marked" and not limits.marked:
        return _result("ledger", False, "the capture marked it, and marked clips are not wanted")
    text = f"{seen.pairs_lost} pairs of the scene are missing, longest run {seen.longest_run}"
    return _result("ledger", seen.pairs_lost <= limits.pairs_lost, text, value, limit, "pairs")


def alignment(seen: Evidence, limits: GateLimits) -> GateResult:
    """The views lie on each other, sharp against sharp; on the scene where the bookends moved."""
    gate: GateName = "bookend-alignment"
    limit = limits.alignment_px
    told = {side: grid.excess_px() for side, grid in seen.sides.shifts.items()}
    known = {side: px for side, px in told.items() if px is not None}
    if known:
        side, value = max(known.items(), key=lambda item: item[1])
        text = f"a tenth of the view is more than {value:.2f} px off in the {side} bookend"
        if value > limit:
            text += "; calibrate again, what holds the cameras has moved"
        return _result(gate, value <= limit, text, value, limit, "px")
    moved = ", ".join(f"{side} {px:.1f} px" for side, px in seen.sides.moved_px.items())
    why = f"the bookends moved ({moved} a frame)" if moved else "no bookend shows enough detail"
    if (small := _too_small(seen)) is not None:
        return _result(gate, False, small)
    if not moved and _clipped_percent(seen) > limits.clipped_percent:
        return _result(gate, None, "too much is clipped to see how the views lie")
    if seen.drift is None:
        return _result(gate, False, f"{why}, and no frame of the scene can stand in for them")
    value, error = math.hypot(*seen.drift.shift_px), 2 * seen.drift.error_px
    frames = f"{why}; mean of the {seen.drift.count} least blurred frames"
    if error > limits.alignment_error_px:
        text = f"{frames} is known to {error:.2f} px only: the alignment cannot be judged"
        return _result(gate, False, text, error, limits.alignment_error_px, "px")
    excess = max(0.0, value - error)
    text = f"{frames} is {value:.2f} ± {error:.2f} px off"
    return _result(gate, excess <= limit, text, excess, limit, "px")


def synchrony(seen: Evidence, limits: GateLimits) -> GateResult:
    """Blurry and sharp frames show one moment."""
    gate: GateName = "synchrony"
    if seen.synchrony is None:
        return _result(gate, None, "nothing to compare neighbouring frames by")
    told = seen.synchrony
    limit = limits.synchrony_gain
    good = told.verdict(limit)
    numbers = f"gain {told.gain:+.2f}, {told.agreement:.0%} of it agrees, {told.frames} frames"
    if good is None:
        text = f"neighbouring frames are too much alike to tell ({numbers})"
    elif good:
        text = f"no neighbour of a sharp frame fits better ({numbers})"
    elif told.is_late(limit):
        text = (
            f"C1 fits the sharp frame {told.rival:+d} pulses away better than its own ({numbers});"
            " one camera answers another pulse: see its trigger, timeout and buffers"
        )
    else:
        number, rival = next(iter(told.odd.items()))
        text = (
            f"{len(told.odd)} of C1's frames fit another sharp frame better than their own, the"
            f" first {number} that {rival:+d} pulses away: a pulse was lost or frames are in a"
            " wrong order; see the trigger and buffers"
        )
    return _result(gate, good, text, told.gain, limit, frames=tuple(told.odd))


def calibration_age(seen: Evidence, limits: GateLimits) -> GateResult:
    """The calibration is of the time of the clip."""
    gate: GateName = "calibration-age"
    value, limit = seen.calibration_age_h, limits.calibration_age_h
    if value is None:
        return _result(gate, None, "nothing tells when the rig was calibrated")
    text = "the calibration spans this clip" if value == 0 else f"calibrated {_span(value)} away"
    if value > limit:
        text += (
            f", {_span(limit)} is the most: calibrate near the recording, or, if nothing was"
            f" touched since, --set gates.calibration_age_h={math.ceil(value)}"
        )
    return _result(gate, value <= limit, text, value, limit, "h")


def _span(hours: float) -> str:
    return f"{hours / 24:.0f} days" if hours >= 72 else f"{hours:.1f} h"


def local_ratio(seen: Evidence, limits: GateLimits) -> GateResult:
    """The light of C2 is what the calibration makes it from C1's."""
    if seen.ratio is None and 0 < len(seen.scene) < LEAST_FRAMES:
        text = f"{len(seen.scene)} aligned frames and no still bookend do not tell how the light"
        text += f" is, {LEAST_FRAMES} do: look at more of them, --set gate_every=1"
        return _result("local-ratio", False, text)
    if seen.ratio is None:
        return _result("local-ratio", None, "too dark or too much clipped to compare the light")
    value, mean = seen.ratio.excess_percent, seen.ratio.mean_percent
    text = f"C2/C1 is off by up to {value:.1f} %, by {mean:+.1f} % over the view"
    good = value <= limits.ratio_percent
    if not good:
        text += "; light in step with the frames (120 Hz), dirt, or an old calibration"
    return _result("local-ratio", good, text, value, limits.ratio_percent, "%")


def flicker(seen: Evidence, limits: GateLimits) -> GateResult:
    """The light does not vary from frame to frame."""
    value = seen.flicker_percent
    if value is None:
        return _result("flicker", None, "too few frames to see light vary")
    text = f"C2/C1 varies by {value:.1f} % from frame to frame"
    good = value <= limits.flicker_percent
    return _result(
        "flicker",
        good,
        text if good else f"{text}; use light that runs on direct current",
        value,
        limits.flicker_percent,
        "%",
    )


def clipping(seen: Evidence, limits: GateLimits) -> GateResult:
    """Not too much is clipped."""
    if not seen.scene:
        return _result("clipping", None, "no frame of the scene was looked at")
    value, limit = _clipped_percent(seen), limits.clipped_percent
    worst = _frames(seen, lambda each: each.clipped_percent > limit)
    text = f"{value:.1f} % of the pixels are clipped"
    if value > limit:
        text += "; less light, or a smaller aperture"
    return _result("clipping", value <= limit, text, value, limit, "%", worst)


def focus_blurry(seen: Evidence, limits: GateLimits) -> GateResult:
    """C1 is in focus on the still bookends."""
    return _focus("focus-blurry", seen, limits, 1.0)


def focus_sharp(seen: Evidence, limits: GateLimits) -> GateResult:
    """C2 is in focus on the still bookends."""
    return _focus("focus-sharp", seen, limits, -1.0)


def blur_blurry(seen: Evidence, limits: GateLimits) -> GateResult:
    """C1 is blurred, and not beyond use."""
    blurs = [each.most_blur_px for each in seen.scene if each.most_blur_px is not None]
    if not blurs:
        return _result("blur-blurry", None, "no frame of the scene shows enough detail")
    value = float(np.percentile(blurs, _TYPICAL))
    low, high = limits.blur_least_px, limits.blur_most_px
    text = f"C1 is blurred by {value:.1f} px where it moves most"
    if value < low and _moves_px(seen) < limits.static_px:
        return _result("blur-blurry", None, "nothing moves", value, low, "px")
    if value < low:
        text += f", less than {low:g} px: nothing to deblur"
        return _result("blur-blurry", False, text, value, low, "px")
    return _result("blur-blurry", value <= high, text, value, high, "px")


def blur_sharp(seen: Evidence, limits: GateLimits) -> GateResult:
    """C2 is sharp."""
    blurs = [each.blur_px * seen.share for each in seen.scene if each.blur_px is not None]
    limit = limits.sharp_blur_px
    if not blurs:
        return _result("blur-sharp", None, "no frame of the scene shows enough detail")
    value = float(np.percentile(blurs, _WORST_TENTH))
    worst = _frames(seen, lambda each: (each.blur_px or 0.0) * seen.share > limit)
    text = f"a tenth of C2's frames are blurred by more than {value:.1f} px"
    if value > limit:
        text += "; move less, or take shorter exposures"
    return _result("blur-sharp", value <= limit, text, value, limit, "px", worst)


def static(seen: Evidence, limits: GateLimits) -> GateResult:
    """Something moves."""
    if not seen.scene:
        return _result("static", False, "no frame of the scene was looked at; --set gate_every=1")
    value = _moves_px(seen)
    good = value >= limits.static_px
    text = f"what moves most moves by {value:.1f} px" if good else "nothing moves in this clip"
    return _result("static", good, text, value, limits.static_px, "px")


def duplicates(seen: Evidence, limits: GateLimits) -> GateResult:
    """No camera delivered an exposure twice."""
    value = sum(len(each) for each in seen.duplicates.values())
    text = "no frame is repeated"
    if value:
        which = ", ".join(
            f"{len(each)} of C{1 if role == 'blurry' else 2}"
            for role, each in seen.duplicates.items()
            if each
        )
        text = f"frames that repeat an earlier one: {which}; the camera or its driver is at fault"
    frames = tuple(sorted({number for each in seen.duplicates.values() for number in each}))
    limit = limits.duplicates
    return _result("duplicates", value <= limit, text, float(value), float(limit), "frames", frames)


def _focus(gate: GateName, seen: Evidence, limits: GateLimits, sign: float) -> GateResult:
    name, other = ("C1", "C2") if sign > 0 else ("C2", "C1")
    edge = seen.sides.edges_px[0 if sign > 0 else 1]
    told = {side: sign * px for side, px in seen.sides.defocus_px.items()}
    if not told:
        return _result(gate, None, "no still bookend with enough detail to see the focus on")
    side, softer = max(told.items(), key=lambda item: item[1])
    if softer > limits.defocus_px:
        text = f"{name} is softer than {other} by {softer:.2f} px in the {side} bookend: focus it"
        return _result(gate, False, text, softer, limits.defocus_px, "px")
    if edge is not None and edge > limits.edge_px:
        text = f"the edges of {name} are {edge:.2f} px wide: focus it"
        return _result(gate, False, text, edge, limits.edge_px, "px")
    width = "" if edge is None else f", its edges are {edge:.2f} px wide"
    text = f"{name} is softer than {other} by {softer:+.2f} px{width}"
    return _result(gate, True, text, softer, limits.defocus_px, "px")


def _clipped_percent(seen: Evidence) -> float:
    shares = [each.clipped_percent for each in seen.scene]
    return float(np.mean(shares)) if shares else 0.0


def _too_small(seen: Evidence) -> str | None:
    """In words, where the view has no room for the blocks of the measures."""
    if seen.size_px is None:
        return None
    least = least_size_px(*seen.size_px)
    if seen.size_px[0] >= least[0] and seen.size_px[1] >= least[1]:
        return None
    size = f"{seen.size_px[0]} × {seen.size_px[1]}"
    return (
        f"frames of {size} px are too small to judge, {least[0]} × {least[1]} px of this shape are"
        f" the least: give a larger --size, e.g. --size {least[0]}x{least[1]}, or a larger --scale"
    )


def _moves_px(seen: Evidence) -> float:
    """The longer one of blur and way from frame to frame, in the more moving frames."""
    blurs = [each.most_blur_px for each in seen.scene if each.most_blur_px is not None]
    ways = [each.way_px for each in seen.scene if each.way_px is not None]
    return max(
        (float(np.percentile(each, _WORST_TENTH)) for each in (blurs, ways) if each), default=0.0
    )


def _frames(seen: Evidence, wrong: Callable[[SceneFrame], bool]) -> tuple[int, ...]:
    return tuple(each.number for each in seen.scene if wrong(each))


def _result(
    gate: GateName,
    passed: bool | None,
    text: str,
    value: float | None = None,
    limit: float | None = None,
    unit: str = "",
    frames: tuple[int, ...] = (),
) -> GateResult:
    return GateResult(
        gate=gate,
        passed=passed,
        value=None if value is None else round(value, 4),
        limit=limit,
        unit=unit,
        text=text,
        frames=frames[:_MOST_FRAMES],
    )


_JUDGES: Final[dict[GateName, Callable[[Evidence, GateLimits], GateResult]]] = {
    "ledger": ledger,
    "bookend-alignment": alignment,
    "synchrony": synchrony,
    "calibration-age": calibration_age,
    "local-ratio": local_ratio,
    "flicker": flicker,
    "clipping": clipping,
    "focus-blurry": focus_blurry,
    "focus-sharp": focus_sharp,
    "blur-blurry": blur_blurry,
    "blur-sharp": blur_sharp,
    "static": static,
    "duplicates": duplicates,
}
