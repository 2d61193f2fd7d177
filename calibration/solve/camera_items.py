"""The figures of one camera without the other, judged."""

from __future__ import annotations

from collections.abc import Iterator

from acquisition.rig import Role
from calibration.bundle.document import CameraPhotometry, Item
from calibration.photometry.linearity import NONLINEARITY_MOST, OFFSET_MOST_US, Linearity
from calibration.photometry.response import Response
from calibration.solve.judgement import judged
from calibration.solve.options import SolveOptions


def camera_items(role: Role, found: CameraPhotometry, options: SolveOptions) -> Iterator[Item]:
    """Defects, response, linearity, exposure offset and noise of one camera."""
    defects = found.defects
    yield judged(
        f"defects, {role}",
        100.0 * defects.total / defects.pixels,
        options.defect_percent,
        "%",
        f"{defects.hot} hot, {defects.noisy} noisy, {defects.dead} dead of {defects.pixels} pixels",
    )
    response = found.response
    if response is not None:
        yield judged(
            f"response, {role}",
            response.deviation_percent,
            None,
            "%",
            f"{response.method}, {response.levels} exposures, RMS between them{_seen(response)}",
        )
    linearity = found.linearity
    if linearity is None:
        text = "no exposure series: linearity, exposure offset and noise are not known"
        yield judged(f"linearity, {role}", None, None, "%", text)
        return
    yield judged(
        f"linearity, {role}",
        linearity.nonlinearity_percent,
        100.0 * NONLINEARITY_MOST,
        "%",
        f"{linearity.levels_used} of {len(linearity.exposures_us)} levels used{_bend(linearity)}",
    )
    yield _offset(role, found, linearity, options.offset_us)
    noise = found.noise
    if noise is not None:
        bound = "at most " if noise.is_bound else ""
        gain = 1.0 / noise.gain_dn_per_e
        yield judged(
            f"system gain, {role}",
            gain,
            None,
            "e⁻/DN",
            f"± {noise.gain_sigma * gain**2:.2g} (one σ); dark noise {bound}"
            f"{noise.dark_noise_dn:.2f} DN, rounding inside",
        )


def _seen(response: Response) -> str:
    if response.known is None:
        return ""
    low, high = response.known
    return (
        f"; the series shows codes {low} to {high}, beyond them the curve is extrapolated: for"
        " highlights record it up to where samples clip"
    )


def _bend(line: Linearity) -> str:
    if line.curvature_percent is None:
        return ""
    return f"; the series bends, by {line.curvature_percent:+.2g} % at its brightest level"


def _offset(role: Role, found: CameraPhotometry, line: Linearity, limit_us: float) -> Item:
    """Broken only where the offset is beyond the limit by more than twice its standard error."""
    sure_us = 2.0 * line.offset_sigma_us
    text = f"real less predicted exposure, ± {line.offset_sigma_us:.2f} µs (one σ)"
    passed: bool | None = abs(line.offset_us) - sure_us <= limit_us
    if passed and sure_us > limit_us:
        passed = None
        mends = "record at 12 bit"
        if line.curvature_percent is not None:
            mends = "the series bends: gamma 1, no processing in the camera, DC light"
        text = f"not known better than ± {sure_us:.1f} µs (two σ); {mends}"
    if found.response is not None:
        passed = None
        text = "not told: the response of encoded colour was made from the same exposures"
    elif abs(line.offset_us) > OFFSET_MOST_US and passed is False:
        text += (
            "; more than a camera's timing: look for light in the dark clip, or a lamp that drifts"
        )
    elif found.rig_advice is not None:
        text += f"; in rig.yaml set {found.rig_advice}"
    return judged(f"exposure offset, {role}", line.offset_us, limit_us, "µs", text).model_copy(
        update={"passed": passed}
    )
