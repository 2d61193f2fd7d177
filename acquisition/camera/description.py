"""A camera put into words and numbers: who it is, and how it stands after it was configured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from acquisition.camera.configuration import exposure_unit_us
from acquisition.camera.feature import FeatureTree, Refused, Value, found
from acquisition.camera.gain import levels
from acquisition.camera.message import CameraIdentity, Configured
from acquisition.camera.pixel_format import pixel_format

if TYPE_CHECKING:
    from acquisition.camera.genicam import GenicamCamera
    from acquisition.ring import FrameRing

_TOLD_TOO: Final = (
    "Gain",
    "BlackLevel",
    "ExposureTime",
    "ResultingFrameRate",
    "PayloadSize",
    "PixelColorFilter",
    "TriggerOverlap",
    "DeviceLinkThroughputLimit",
)

_NEAR_SHARE: Final = 1e-6


def known(tree: FeatureTree, name: str) -> Value | None:
    """A feature's value under whichever name; None where it is missing or cannot be read."""
    try:
        there = found(tree, name)
        return None if there is None else tree.read(there)
    except Refused:
        return None


def number(tree: FeatureTree, name: str) -> float | None:
    """The same, of a number."""
    value = known(tree, name)
    return float(value) if isinstance(value, int | float) else None


def identity(camera: GenicamCamera, serial: str, producer: str) -> CameraIdentity:
    """Who it is and what it can do, as it stands now."""
    tree = camera.tree
    modes = _modes(tree)
    return CameraIdentity(
        vendor=camera.information("vendor"),
        model=camera.information("model"),
        serial=camera.information("serial_number") or serial,
        firmware=str(known(tree, "DeviceFirmwareVersion") or camera.information("version")),
        producer=producer,
        timestamps=None,
        hardware_trigger=tree.has("TriggerMode") and tree.has("TriggerSource"),
        trigger_width="TriggerWidth" in modes,
        timed="Timed" in modes or (not modes and found(tree, "ExposureTime") is not None),
        latch=found(tree, "TimestampLatch") is not None,
    )


def _modes(tree: FeatureTree) -> list[str]:
    """Exposure modes: some cameras offer TriggerWidth only while a trigger is on, and it is off."""
    if not tree.has("ExposureMode"):
        return []
    try:
        return tree.implemented("ExposureMode")
    except Refused:
        return ["Timed", "TriggerWidth"]  # the configuration finds out


def described(
    tree: FeatureTree, ring: FrameRing, readback: dict[str, Value], without: list[str]
) -> Configured:
    """How it stands; lays the ring out for its frames.

    Raises
    ------
    Refused
        It does not tell the size or format of its frames.
    UserMistake
        A format that cannot be recorded, or a ring too small.
    """
    form = pixel_format(str(tree.read("PixelFormat")))
    width, height = int(tree.read("Width")), int(tree.read("Height"))
    frame_bytes = form.frame_bytes(width, height)
    readback = dict(readback)
    for name in _TOLD_TOO:
        there, value = found(tree, name), known(tree, name)
        if there is not None and value is not None:
            readback[there] = value
    gain_db = number(tree, "Gain") if found(tree, "Gain") == "Gain" else None
    return Configured(
        width=width,
        height=height,
        pixel_format=form.name,
        dtype=form.dtype,
        bits=form.bits,
        channels=form.channels,
        cfa=form.cfa,
        frame_bytes=frame_bytes,
        slots=ring.lay_out(frame_bytes),
        readback=readback,
        black_level_dn=None,
        gain_db=gain_db,
        temperature_c=number(tree, "DeviceTemperature"),
        exposure_us=_exposure_us(tree),
        without=[*without, *_unknown(readback, gain_db, form.name)],
    )


def changes(before: Configured, now: Configured, *, exposure: bool = True) -> list[str]:
    """What of a picture's values is otherwise: format, size, gain, black level, exposure.

    Parameters
    ----------
    exposure
        Whether both were set to the same.
    """
    then: dict[str, Value | None] = {**_standing(before), **levels(before.readback)}
    since: dict[str, Value | None] = {**_standing(now), **levels(now.readback)}
    if exposure:
        then["exposure_us"], since["exposure_us"] = before.exposure_us, now.exposure_us
    return [
        f"{name} was {then.get(name)!r}, is {since.get(name)!r}"
        for name in {**then, **since}
        if not _alike(then.get(name), since.get(name))
    ]


def _standing(camera: Configured) -> dict[str, Value]:
    return {"pixel_format": camera.pixel_format, "width": camera.width, "height": camera.height}


def _alike(before: Value | None, now: Value | None) -> bool:
    if isinstance(before, float) and isinstance(now, float):
        return math.isclose(before, now, rel_tol=_NEAR_SHARE, abs_tol=_NEAR_SHARE)
    return before == now


def _exposure_us(tree: FeatureTree) -> float | None:
    if known(tree, "ExposureMode") not in (None, "Timed"):
        return None
    told = number(tree, "ExposureTime")
    return None if told is None else told * exposure_unit_us(tree, found(tree, "ExposureTime"))


def _unknown(readback: dict[str, Value], gain_db: float | None, form: str) -> list[str]:
    words = []
    if gain_db is None:
        words.append("its gain in dB is not told")
    words.append("its black level in DN of the frames is not told; dark frames measure it")
    filters = str(readback.get("PixelColorFilter", ""))
    if filters.startswith("Bayer") and form.startswith("Bayer") and not form.startswith(filters):
        words.append(f"its PixelColorFilter says {filters}, its PixelFormat {form}: check colours")
    return words
