"""What a camera is set to for a capture, in which order, and what is made of a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from acquisition.camera.assignment import Assignment, Difference, Special, assign
from acquisition.camera.fault import CameraFault, CameraUnfit
from acquisition.camera.feature import FALLBACKS, FeatureTree, Value, found
from acquisition.camera.gain import GAINS, check_unit, gain_left, gain_plan
from acquisition.camera.pixel_format import pixel_format
from acquisition.camera.trigger_plan import delay_remedy, of_trigger, triggers_off
from bsd.document import Part
from bsd.errors import UserMistake

AUTOMATICS: Final = (
    "ExposureAuto",
    "GainAuto",
    "BalanceWhiteAuto",
    "BlackLevelAuto",
    "BlackLevelBalanceAuto",
    "GainAutoBalance",
    "DigitalGainAuto",
    "ExposureCompensationAuto",
    "pgrExposureCompensationAuto",
    "AcquisitionFrameRateAuto",
    "SharpnessAuto",
    "SaturationAuto",
    "HueAuto",
)
"""Whatever a camera decides by itself."""

UNTOUCHED: Final = (
    "TestPattern",
    "TestImageSelector",
    "LUTEnable",
    "SharpeningEnable",
    "SharpnessEnable",
    "SaturationEnable",
    "HueEnable",
    "ColorTransformationEnable",
    "ColorTransformationMatrixFactor",
    "ColorCorrectionMode",
    "DefectCorrectionEnable",
    "DefectCorrectStaticEnable",
    "DefectCorrectDynamicEnable",
    "DefectPixelCorrectionEnable",
    "StaticDefectCorrectionEnable",
    "DynamicDefectCorrectionEnable",
    "BslDefectPixelCorrectionMode",
    "BslSharpnessEnhancement",
    "BslNoiseReduction",
    "BslColorSpace",
    "NoiseReduction",
    "NoiseReductionEnable",
    "DenoiseEnable",
    "SharpnessEnhancement",
    "ShadingCorrectionEnable",
    "ShadingCorrectionMode",
    "HDREnable",
    "ChunkModeActive",
)
"""Off, so that a sample is linear in light and belongs to one pixel."""

WHOLE: Final = (
    "BinningHorizontal",
    "BinningVertical",
    "DecimationHorizontal",
    "DecimationVertical",
)
"""1, so that a sample is one photosite."""

FROM_RIG: Final = ("TriggerSource", "TriggerActivation", "TriggerDelay", "ChunkModeActive", *GAINS)
"""Set by a capture, and still the rig's to say otherwise."""

REGION: Final = ("OffsetX", "OffsetY", "Width", "Height")


class CameraSettings(Part):
    """What a capture asks of a camera.

    Attributes
    ----------
    trigger
        ``none``: it runs freely; what it lacks is said in words then.
    exposure, exposure_us
        ``timed`` needs a length with a hardware trigger; without one None leaves it as it is.
    rate_hz
        Of a camera that runs freely; None leaves it as it is.
    region
        x, y, width, height in pixels of the delivered picture; None: all of it.
    extra
        The rig's settings, by GenICam names, set in their order.
    """

    trigger: Literal["hardware", "none"]
    exposure: Literal["trigger_width", "timed"]
    exposure_us: float | None = Field(default=None, gt=0)
    rate_hz: float | None = Field(default=None, gt=0)
    pixel_format: str = "BayerRG8"
    region: tuple[int, int, int, int] | None = None
    extra: dict[str, bool | int | float | str] = Field(default_factory=dict)
    line: str = "Line1"

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.trigger == "none" and self.exposure == "trigger_width":
            raise ValueError("exposure 'trigger_width' needs trigger 'hardware'; take 'timed'")
        if self.trigger == "hardware" and self.exposure == "timed" and self.exposure_us is None:
            raise ValueError("exposure 'timed' with a trigger needs exposure_us")
        if self.trigger == "hardware" and self.rate_hz is not None:
            raise ValueError("rate_hz belongs to trigger 'none'; the pulses set the rate")
        return self


def configure(
    tree: FeatureTree, settings: CameraSettings, camera: str
) -> tuple[dict[str, Value], list[str]]:
    """Set everything, read it back, compare.

    Parameters
    ----------
    tree
        Of a camera that does not stream.
    camera
        For messages, such as ``camera TW0001``.

    Returns
    -------
    dict
        Name → value read back.
    list of str
        What could not be set, in words.

    Raises
    ------
    CameraUnfit
        Names the feature, what was asked and what was got.
    UserMistake
        A setting of the rig or a pixel format that does not exist.
    """
    pixel_format(settings.pixel_format)
    _check_extras(tree, settings, camera)
    readback, differences = assign(tree, list(_plan(tree, settings)))
    without, faults = [], []
    for difference in differences:
        fault = _judge(tree, difference, settings, camera)
        if isinstance(fault, str):
            without.append(fault)
        elif fault is not None:
            faults.append(fault)
    if faults:  # a camera without a trigger lacks more, and that is what it is about
        raise next((fault for fault in faults if "TriggerMode" in str(fault)), faults[0])
    return readback, list(dict.fromkeys([*without, *gain_left(readback, settings.extra)]))


def touched(tree: FeatureTree, extras: dict[str, Value]) -> list[Assignment]:
    """Everything that any configuration may set, whose values a snapshot keeps."""
    names = {
        "hardware": CameraSettings(trigger="hardware", exposure="timed", exposure_us=1.0),
        "none": CameraSettings(trigger="none", exposure="timed", exposure_us=1.0, rate_hz=1.0),
    }
    planned = [each for settings in names.values() for each in _plan(tree, settings)]
    planned.append(Assignment("BlackLevel", 0.0))  # an automatic function moves it
    planned += [Assignment(name, value) for name, value in extras.items()]
    return list({each.key: each for each in planned}.values())


def _plan(tree: FeatureTree, settings: CameraSettings) -> Iterator[Assignment]:
    """Trigger off before all, since some cameras lock the rest while it is on; on after all."""
    yield from triggers_off(tree)
    yield Assignment("AcquisitionMode", "Continuous")
    for name in AUTOMATICS:
        yield Assignment(name, Special.OFF, remedy="an automatic function cannot be switched off")
    yield from gain_plan(tree, settings.extra)
    yield from _linear(tree)
    yield from _geometry(settings)
    yield from _rate(settings)
    yield from _exposure(tree, settings)
    overridden = settings.extra
    if settings.trigger == "hardware":
        if "TriggerSource" not in overridden:
            yield of_trigger("TriggerSource", settings.line, "must")
        if "TriggerActivation" not in overridden:
            yield of_trigger("TriggerActivation", "RisingEdge", "should")
        if "TriggerDelay" not in overridden:
            yield of_trigger("TriggerDelay", 0.0, "if_there", remedy=delay_remedy(tree))
    for name, value in settings.extra.items():
        if name in FROM_RIG and name not in GAINS:
            yield of_trigger(name, value, "must") if "Trigger" in name else Assignment(name, value)
        else:
            yield Assignment(name, value, "must", remedy="mend it in the settings of rig.yaml")
    if settings.trigger == "hardware":
        yield of_trigger("TriggerMode", "On", "must")


def _linear(tree: FeatureTree) -> Iterator[Assignment]:
    for name in UNTOUCHED:
        yield Assignment(name, Special.OFF, remedy="its samples would not be raw")
    if found(tree, "GammaEnable"):
        yield Assignment("GammaEnable", Special.OFF, remedy="its samples would not be linear")
    else:
        yield Assignment("Gamma", 1.0, remedy="its samples would not be linear")
    if tree.has("BalanceRatioSelector"):
        for entry in tree.entries("BalanceRatioSelector"):
            if entry.startswith(("Red", "Green", "Blue")):
                yield Assignment("BalanceRatio", 1.0, selector="BalanceRatioSelector", entry=entry)
    yield Assignment(
        "SensorShutterMode",
        "Global",
        "unless_absent",
        note="whether all rows expose together (global shutter) is not told",
        remedy="rows that expose one after another cannot be paired; use a global shutter",
    )


_REGION_REMEDY: Final = (
    "mend region: [x, y, width, height] in rig.yaml; x + width and y + height end on the sensor"
)


def _geometry(settings: CameraSettings) -> Iterator[Assignment]:
    for name in WHOLE:
        yield Assignment(name, 1)
    for name in ("ReverseX", "ReverseY"):
        yield Assignment(name, Special.OFF, remedy="the rig file says how a view is mirrored")
    yield Assignment("PixelFormat", settings.pixel_format, "must", remedy="see rig.yaml")
    yield Assignment("OffsetX", 0)
    yield Assignment("OffsetY", 0)
    if settings.region is None:
        yield Assignment("Width", Special.LARGEST, "should", "its width cannot be set")
        yield Assignment("Height", Special.LARGEST, "should", "its height cannot be set")
        return
    x, y, width, height = settings.region
    for name, size in (("Width", width), ("Height", height), ("OffsetX", x), ("OffsetY", y)):
        need: Literal["must", "if_there"] = (
            "if_there" if size == 0 else "must"
        )  # 0 needs no feature
        yield Assignment(name, size, need, remedy=_REGION_REMEDY)


def _rate(settings: CameraSettings) -> Iterator[Assignment]:
    if settings.trigger == "hardware":
        yield Assignment("AcquisitionFrameRateEnable", Special.OFF)
    elif settings.rate_hz is not None:
        note = f"its rate cannot be set to {settings.rate_hz:g} Hz"
        yield Assignment("AcquisitionFrameRateEnable", True)
        yield Assignment("AcquisitionFrameRate", settings.rate_hz, "should", note)


def _exposure(tree: FeatureTree, settings: CameraSettings) -> Iterator[Assignment]:
    triggered = settings.trigger == "hardware"
    if settings.exposure == "trigger_width":
        remedy = "say exposure: timed in its timing in rig.yaml, or use another camera"
        yield Assignment("ExposureMode", "TriggerWidth", "must", remedy=remedy)
        return
    yield Assignment("ExposureMode", "Timed")
    if settings.exposure_us is not None:
        name = found(tree, "ExposureTime")
        value = settings.exposure_us / exposure_unit_us(tree, name)
        note = f"its exposure cannot be set to {settings.exposure_us:g} us"
        need: Literal["must", "should"] = "must" if triggered else "should"
        yield Assignment("ExposureTime", value, need, note, remedy="so its exposure is not known")


def exposure_unit_us(tree: FeatureTree, name: str | None) -> float:
    """Length of one unit of the exposure feature; a raw one has a time base."""
    if name == "ExposureTimeRaw" and tree.has("ExposureTimeBaseAbs"):
        return float(tree.read("ExposureTimeBaseAbs"))
    return 1.0


def _check_extras(tree: FeatureTree, settings: CameraSettings, camera: str) -> None:
    plain = CameraSettings.model_copy(settings, update={"extra": {}})
    own = {each.name for each in _plan(tree, plain)} | {"TriggerSelector", "AcquisitionFrameRate"}
    own |= {other for name in own for other in FALLBACKS.get(name, ())}
    for name in settings.extra:
        check_unit(tree, name, camera)
        if name in own and name not in FROM_RIG:
            raise UserMistake(
                f"rig file: {camera}: settings: {name} is set by the capture itself; remove it"
            )
        if found(tree, name) is None:
            raise UserMistake(
                f"rig file: {camera}: settings: the camera has no feature {name}; mend its name or"
                " remove it"
            )


def _judge(
    tree: FeatureTree, difference: Difference, settings: CameraSettings, camera: str
) -> CameraFault | str | None:
    """A fault, words, or nothing."""
    asked = difference.assignment
    if difference.missing:
        if asked.need == "if_there":
            return None
        if asked.need != "must":
            return asked.note
        return CameraUnfit(f"{camera}: has no {asked.name}: {asked.remedy}")
    wanted = difference.asked if difference.asked is not None else asked.value
    if difference.got is None:
        what = f"{asked.key}: asked for {wanted!r}, it cannot be read: {difference.reason}"
    else:
        what = f"{asked.key}: asked for {wanted!r}, got {difference.got!r}"
        what += _why(tree, difference)
    if settings.trigger == "none" and asked.need in ("should", "if_there"):
        return what
    return CameraUnfit(f"{camera}: {what}; {asked.remedy or 'see its manual'}")


def _why(tree: FeatureTree, difference: Difference) -> str:
    """What it offers, or what it said, in brackets."""
    name = found(tree, difference.assignment.name)
    if name is not None and tree.kind(name) == "choice":
        return f" (it offers {', '.join(tree.entries(name))})"
    if name is not None and tree.kind(name) in ("integer", "real"):
        limits = tree.limits(name)
        step = f" in steps of {limits.step:g}" if limits.step else ""
        return f" (it takes {limits.least:g} to {limits.most:g}{step})"
    return f" ({difference.reason})" if difference.reason else ""
