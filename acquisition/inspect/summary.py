"""A clip or a session in a few lines of a terminal: names and texts."""

from __future__ import annotations

from acquisition.inspect.clip_evidence import NAMES
from acquisition.inspect.clip_inspection import ClipInspection
from acquisition.inspect.clip_page import rate_text, size_text
from acquisition.inspect.session_inspection import SessionInspection
from acquisition.rig import ROLES
from bsd.page import MINUS
from bsd.phrase import counted

_MOST_LOSSES = 12

Lines = list[tuple[str, str]]


def clip_summary(seen: ClipInspection) -> Lines:
    """What a person wants to know of a clip."""
    lines = [
        ("clip", f"{seen.file}, {seen.purpose}, {seen.setting or '–'} at {seen.rate_hz} fps"),
        ("verdict", seen.verdict),
    ]
    lines += [("finding", finding) for finding in seen.findings]
    bookends = seen.pairs - seen.scene_pairs
    still = f", {bookends} of them bookends" if bookends else ""
    lines.append(("pairs", f"{seen.pairs} of {counted(seen.rows, 'row')}{still}"))
    lines.append(("pulses", rate_text(seen.pulses)))
    for role in ROLES:
        camera = seen.cameras[role]
        parts = [f"{camera.stored} frames", f"serial {camera.serial}", camera.pixel_format]
        if camera.clock is not None:
            ppm = f"{camera.clock.ppm or 0.0:+.2f}".replace("-", MINUS)
            parts.append(f"clock {ppm} ppm, jitter {camera.clock.jitter_us:.3g} µs rms")
        else:
            parts.append("tells no time")
        if (end := camera.temperature_c[1]) is not None:
            parts.append(f"{end:.1f} °C")
        lines.append((NAMES[role], ", ".join(parts)))
        lines += [("", text) for text in camera.without]
    lines.append(("size", size_text(seen.size_bytes)))
    if seen.sync == "trigger":
        lines += _losses(seen)
    else:
        lines.append(("caution", "no trigger drove the cameras: nothing here is a pair"))
    return lines


def session_summary(seen: SessionInspection) -> Lines:
    """What a person wants to know of a session."""
    record = seen.record
    document = record.document
    lines = [
        ("session", f"{document.name}, {document.operator}, {document.created_utc}"),
        ("rig", document.rig),
        ("persons", "not stated" if record.consent is None else record.consent.summary()),
        ("scenes", f"{counted(len(seen.scenes), 'clip')}, {seen.pairs} pairs"),
    ]
    aside = f", {size_text(seen.discarded_bytes)} discarded" if seen.discarded_bytes else ""
    lines.append(("disk", size_text(seen.sealed_bytes) + aside))
    for clip in seen.clips:
        plan = clip.plan
        what = f"{plan.step} ({plan.when})" if plan.step else plan.purpose
        words = ", ".join(filter(None, (what, plan.setting, plan.motion)))
        lines.append((clip.clip, f"{words}: {clip.pairs} pairs, {clip.verdict}"))
    lines += [(f"{each.clip}.{each.attempt}", f"discarded: {each.why}") for each in seen.discarded]
    lines += [("open", f"{take}: being recorded, or interrupted") for take in seen.open_takes]
    lines += [("gap", text) for text in seen.gaps]
    for need in seen.needs:
        if need.standing != "there":
            mark = "missing" if need.standing == "missing" else "optional"
            have = f"{need.have} of {need.need}"
            lines.append((mark, f"{need.item} at the {need.when}, {have}: {need.without}"))
    if not seen.missing:
        lines.append(("calibration", "all clips that it needs are there"))
    return lines


def _losses(seen: ClipInspection) -> Lines:
    lines = []
    for loss in seen.losses[:_MOST_LOSSES]:
        pulse = "no pulse" if loss.pulse is None else f"pulse {loss.pulse}"
        lines.append(("loss", f"{pulse}: C1 {loss.blurry}, C2 {loss.sharp}"))
    rest = len(seen.losses) - _MOST_LOSSES
    if rest > 0:
        lines.append(("loss", f"{rest} more rows, see --out"))
    return lines
