"""What a short burst of pairs tells: ratio, clipping, level, focus, flicker, dirt on the splitter.

Pure functions from measurements to checks; preflight runs them once, a running take again and
again.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

from acquisition.health.finding import Finding as Check
from acquisition.picture.measurement import (
    Flicker,
    PairMeasurement,
    Ratio,
    ViewMeasurement,
    flicker,
)
from acquisition.preflight.limits import Limits
from acquisition.rig import ROLES, Role

NAMES: Final[dict[Role, str]] = {"blurry": "C1 (blurry)", "sharp": "C2 (sharp)"}

_GAIN_RANGE: Final = 0.2
"""Up to such a deviation a camera's gain mends it; beyond, the filter is not what it says."""


def views(pair: PairMeasurement) -> dict[Role, ViewMeasurement]:
    """Both views by role."""
    return {"blurry": pair.blurry, "sharp": pair.sharp}


def examine(pairs: Sequence[PairMeasurement], limits: Limits) -> list[Check]:
    """All checks of a burst; without a pair one that says so."""
    if not pairs:
        what = "no pair of frames was seen"
        return [
            Check("pictures", "fault", what, "look at the cameras: python -m acquisition.doctor")
        ]
    return [
        level(pairs, limits),
        clipping(pairs, limits),
        ratio(pairs, limits),
        focus(pairs, limits),
        light_flicker(flicker(pairs), limits),
        dirt(pairs, limits),
    ]


def level(pairs: Sequence[PairMeasurement], limits: Limits) -> Check:
    """Whether C2 has light."""
    share = statistics.median(pair.sharp.level for pair in pairs)
    text = f"C2's mean is {share:.1%} of full scale"
    if share >= limits.level_share:
        return Check("level", "ok", text)
    way = "more light, a wider aperture or a longer setting; is a cap on the lens?"
    return Check("level", "warning", f"{text}, less than {limits.level_share:.0%}", way)


def clipping(pairs: Sequence[PairMeasurement], limits: Limits) -> Check:
    """Whether much of a view is clipped."""
    shares = {
        (role, name): statistics.median(
            views(pair)[role].channels[name].clipped_share for pair in pairs
        )
        for role in ROLES
        for name in views(pairs[0])[role].channels
    }
    (role, name), worst = max(shares.items(), key=lambda each: each[1])
    if worst <= limits.clipped_share:
        return Check("clipping", "ok", f"at most {worst:.2%} of a channel's samples")
    return Check(
        "clipping",
        "warning",
        f"{worst:.1%} of the {_channel(name)} of {NAMES[role]} is clipped",
        "less light, a smaller aperture or a shorter setting; keep lamps and the sky out of view",
    )


def ratio(pairs: Sequence[PairMeasurement], limits: Limits) -> Check:
    """Whether C1/C2 is 1 within the tolerance: else a fault on a flat, elsewhere a warning."""
    found = median_ratios(pairs)
    if not found:
        way = "more light, or less where it is clipped; show both cameras a flat"
        return Check("C1/C2 ratio", "warning", "nothing to compare: dark or clipped", way)
    flat = all(pair.flat for pair in pairs)
    text = ", ".join(
        f"{_channel(name)} {each.value:.3f} ± {each.error:.3f}" for name, each in found.items()
    )
    worst = max(found.values(), key=lambda each: abs(math.log(each.value)))
    if not outside(worst, limits):
        return Check("C1/C2 ratio", "ok", f"{text}{' on a flat' if flat else ''}")
    return Check(
        "C1/C2 ratio",
        "fault" if flat else "warning",
        f"{text}: not 1 within {limits.ratio_tolerance:.0%}"
        + (" on a flat" if flat else "; measure it on a flat to be sure"),
        _ratio_remedy(worst.value),
    )


def outside(each: Ratio, limits: Limits) -> bool:
    """Whether a ratio lies outside the tolerance, beyond what its error explains."""
    return abs(each.value - 1) - limits.ratio_sigmas * each.error > limits.ratio_tolerance


def median_ratios(pairs: Sequence[PairMeasurement]) -> dict[str, Ratio]:
    """Ratio and error by channel, medians over the pairs."""
    names = {name: None for pair in pairs for name in pair.ratios}
    found = {}
    for name in names:
        seen = [pair.ratios[name] for pair in pairs if name in pair.ratios]
        values, errors = zip(*((each.value, each.error) for each in seen), strict=True)
        found[name] = Ratio(statistics.median(values), statistics.median(errors))
    return found


def focus(pairs: Sequence[PairMeasurement], limits: Limits) -> Check:
    """Whether both views are equally sharp, in the pair in which C1 is sharpest against C2."""
    name = "focus"
    quotient = best_focus_quotient(pairs, limits)
    if quotient is None:
        way = "show both cameras something with fine detail that stands still"
        return Check(name, "warning", "no detail to judge the focus by", way)
    last = pairs[-1]
    text = f"C1 {last.blurry.focus or 0:.1f}, C2 {last.sharp.focus or 0:.1f}"
    if quotient > 1 / limits.focus_quotient:
        return Check(name, "warning", f"C2 is less sharp than C1 ({text})", _focus_remedy("C2"))
    if quotient < limits.focus_quotient:
        what = f"C1 is less sharp than C2 ({text}), if rig and scene stood still"
        return Check(name, "warning", what, _focus_remedy("C1"))
    return Check(name, "ok", text)


def best_focus_quotient(pairs: Sequence[PairMeasurement], limits: Limits) -> float | None:
    """Largest score of C1 over that of C2: motion only ever lowers it. None without detail."""
    found = []
    for pair in pairs:
        first, second = pair.blurry, pair.sharp
        if first.focus is None or second.focus is None:
            continue
        told = max(first.focus - limits.focus_floors * first.focus_floor, 0) + max(
            second.focus - limits.focus_floors * second.focus_floor, 0
        )
        if told > 0 and second.focus > 0:
            found.append(first.focus / second.focus)
    return max(found) if found else None


def light_flicker(seen: Flicker | None, limits: Limits) -> Check:
    """Whether the ratio changes from frame to frame."""
    name = "flicker"
    if seen is None:
        return Check(name, "ok", "not judged: fewer than three pairs with light")
    text = f"C1/C2 changes by {seen.ratio_spread:.1%} from frame to frame"
    if seen.ratio_spread <= max(limits.flicker_spread, 2 * seen.floor):
        return Check(name, "ok", text)
    return Check(
        name,
        "warning",
        f"{text}: the light flickers",
        "use DC light or daylight; lamps on the mains change 100 or 120 times a second",
    )


def dirt(pairs: Sequence[PairMeasurement], limits: Limits) -> Check:
    """Whether the ratio has spots on a flat; elsewhere it cannot be told."""
    name = "splitter"
    spots = [pair.dirt for pair in pairs if pair.dirt is not None]
    if not spots:
        return Check(name, "ok", "not judged: only a flat shows dirt")
    depth = statistics.median(each[0] for each in spots)
    share = statistics.median(each[1] for each in spots)
    if depth <= limits.dirt_depth or share <= limits.dirt_blocks_share:
        return Check(name, "ok", f"the ratio is smooth over the view (spots at most {depth:.1%})")
    return Check(
        name,
        "warning",
        f"spots on {share:.1%} of the view change C1/C2 by up to {depth:.0%}",
        "clean splitter, filter, plate and sensors with a blower; then show the flat again",
    )


def _ratio_remedy(value: float) -> str:
    brighter, darker = ("C1", "sharp") if value > 1 else ("C2", "blurry")
    if abs(math.log(value)) <= _GAIN_RANGE:
        gain_db = abs(20 * math.log10(value))
        return (
            f"{brighter} is brighter: add {gain_db:.2f} dB to cameras.{darker}.settings Gain in"
            " rig.yaml; or stop stray light; under lamps on the mains use DC light first"
        )
    return (
        f"{brighter} is brighter: is the right ND filter before C1 (12.5 %), and none before C2?"
        " Are both exposures and gains as planned? Under lamps on the mains use DC light"
    )


def _focus_remedy(camera: str) -> str:
    return f"focus {camera} on a target that stands still: python -m acquisition.preview, zoom"


def _channel(name: str) -> str:
    return {"R": "red", "G": "green", "B": "blue"}.get(name, "grey")
