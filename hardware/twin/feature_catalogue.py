"""The features of the virtual cameras: names of the SFNC 2.x, and those of an older camera."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hardware.twin.camera_config import MODELS, CameraConfig
from hardware.twin.feature import Action, Choice, Feature, Integer, Real, Switch, Text
from hardware.twin.pixel_formats import PIXEL_FORMATS
from hardware.twin.world_config import SensorConfig

WIDTH_STEP: Final = 8
HEIGHT_STEP: Final = 2
OFFSET_X_STEP: Final = 4
OFFSET_Y_STEP: Final = 2
"""Even, so that every region begins on the same colour of the mosaic."""

SHORTEST_EXPOSURE_US: Final = 20.0
LONGEST_EXPOSURE_US: Final = 10_000_000.0
GAIN_STEP_DB: Final = 0.1
MOST_GAIN_DB: Final = 24.0
_NS_PER_US: Final = 1000.0


def features_of(config: CameraConfig) -> list[Feature]:
    """All features of a camera, in the order of its feature tree."""
    groups = (
        ("DeviceControl", _device(config)),
        ("ImageFormatControl", _image_format(config)),
        ("AcquisitionControl", _acquisition(config)),
        ("AnalogControl", _analog(config)),
        ("TransportLayerControl", _transport()),
        ("UserSetControl", _user_set()),
    )
    return [_placed(feature, category) for category, group in groups for feature in group]


def readable_size(sensor: SensorConfig) -> tuple[int, int]:
    """The largest (width, height) that the steps allow."""
    width = sensor.width_px // WIDTH_STEP * WIDTH_STEP
    return width, sensor.height_px // HEIGHT_STEP * HEIGHT_STEP


def _placed(feature: Feature, category: str) -> Feature:
    fields = {name: getattr(feature, name) for name in feature.__dataclass_fields__}
    return type(feature)(**{**fields, "category": category})


def _device(config: CameraConfig) -> Iterable[Feature]:
    yield Text(name="DeviceVendorName", tip="Who made it", default="BSD toolkit")
    yield Text(name="DeviceModelName", tip="Its model", default=MODELS[config.guise])
    yield Text(name="DeviceVersion", tip="Version of the device", default="1.0.0")
    yield Text(name="DeviceUserID", tip="What its owner calls it", default=config.name)
    temperature = "Temperature of the sensor"
    if config.guise == "older":
        yield Text(name="DeviceID", tip="Serial number", default=config.serial)
        yield Real(name="TemperatureAbs", key="Temperature", tip=temperature, access="RO", unit="C")
        yield Action(
            name="GevTimestampControlLatch", key="TimestampLatch", tip="Hold the clock's reading"
        )
        yield Integer(
            name="GevTimestampValue", key="TimestampLatchValue", tip="Held reading", access="RO"
        )
        yield Integer(
            name="GevTimestampTickFrequency",
            tip="Ticks of the clock per second",
            default=10**9,
            access="RO",
            unit="Hz",
        )
        return
    yield Text(name="DeviceSerialNumber", tip="Serial number", default=config.serial)
    yield Text(name="DeviceFirmwareVersion", tip="Version of the firmware", default="1.0.0")
    yield Text(name="DeviceManufacturerInfo", tip="More about it", default="virtual camera")
    yield Choice(name="DeviceScanType", tip="Area or line", entries={"Areascan": 0}, access="RO")
    yield Choice(
        name="DeviceTemperatureSelector",
        tip="Where",
        entries={"Sensor": 0},
        selects=("DeviceTemperature",),
    )
    yield Real(name="DeviceTemperature", key="Temperature", tip=temperature, access="RO", unit="C")
    yield Action(name="TimestampLatch", tip="Hold the clock's reading")
    yield Integer(name="TimestampLatchValue", tip="Held reading", access="RO", unit="ns")
    yield Action(name="TimestampReset", tip="Set the clock to 0", may_lock=True)


def _image_format(config: CameraConfig) -> Iterable[Feature]:
    sensor = config.sensor
    width, height = readable_size(sensor)
    for name, size in (("SensorWidth", sensor.width_px), ("SensorHeight", sensor.height_px)):
        yield Integer(name=name, tip="Pixels of the sensor", default=size, access="RO")
    for name, size in (("WidthMax", width), ("HeightMax", height)):
        yield Integer(name=name, tip="Largest region", default=size, access="RO")
    sizes = (("Width", width, WIDTH_STEP, WIDTH_STEP), ("Height", height, HEIGHT_STEP, HEIGHT_STEP))
    for name, size, least, step in sizes:
        yield Integer(
            name=name,
            tip="Of the region, in pixels",
            default=size,
            minimum=least,
            maximum=size,
            increment=step,
            may_lock=True,
        )
    offsets = (("OffsetX", width, OFFSET_X_STEP), ("OffsetY", height, OFFSET_Y_STEP))
    for name, size, step in offsets:
        yield Integer(
            name=name,
            tip="Begin of the region in the picture as it is delivered",
            default=0,
            maximum=size,
            increment=step,
            may_lock=True,
        )
    yield _pixel_format(config)
    yield Choice(
        name="PixelColorFilter",
        tip="Filters on the pixels, in the picture as it is delivered",
        entries={"None": 0, "BayerRG": 1, "BayerGB": 2, "BayerGR": 3, "BayerBG": 4},
        access="RO",
    )
    if config.guise == "older":
        return
    for axis in "XY":
        yield Switch(
            name=f"Reverse{axis}",
            tip="Mirror the picture; a mosaic's PixelFormat takes the name of its new phase",
            may_lock=True,
        )
    yield Choice(
        name="SensorShutterMode",
        tip="All lines expose together",
        entries={"Global": 0},
        access="RO",
    )


def _pixel_format(config: CameraConfig) -> Choice:
    mono = config.sensor.colour == "mono"
    older = config.guise == "older"
    names = [
        name
        for name, known in PIXEL_FORMATS.items()
        if (known.output == "mono" if mono else name != "Mono12" and name != "Mono12p")
        and not (older and (known.phase not in (None, "RG") or known.bytes_per_pixel == 1.5))
    ]
    return Choice(
        name="PixelFormat",
        tip="How a pixel travels",
        entries={name: PIXEL_FORMATS[name].code for name in names},
        default="Mono8" if mono else "BayerRG8",
        may_lock=True,
        may_lack=not mono and not older,
    )


def _acquisition(config: CameraConfig) -> Iterable[Feature]:
    older = config.guise == "older"
    suffix = "Abs" if older else ""
    yield Choice(
        name="AcquisitionMode",
        tip="How many frames follow a start",
        entries={"SingleFrame": 1, "MultiFrame": 2, "Continuous": 0},
        default="Continuous",
        may_lock=True,
    )
    yield Action(name="AcquisitionStart", tip="Begin")
    yield Action(name="AcquisitionStop", tip="End with the frame under way")
    yield Integer(
        name="AcquisitionFrameCount",
        tip="Frames of MultiFrame",
        default=1,
        minimum=1,
        maximum=65_535,
        may_lock=True,
    )
    yield Switch(name="AcquisitionFrameRateEnable", tip="Limit the rate of frames without trigger")
    yield Real(
        name=f"AcquisitionFrameRate{suffix}",
        key="AcquisitionFrameRate",
        tip="Frames per second without trigger",
        default=30.0,
        minimum=1.0,
        maximum=1000.0,
        unit="Hz",
    )
    yield Real(
        name=f"ResultingFrameRate{suffix}",
        key="ResultingFrameRate",
        tip="Most frames per second with these settings",
        access="RO",
        unit="Hz",
    )
    yield from _trigger(older)
    yield Choice(
        name="ExposureMode",
        tip="By time, or by the width of the trigger",
        entries={"Timed": 1} if older else {"Timed": 1, "TriggerWidth": 2},
    )
    yield Real(
        name=f"ExposureTime{suffix}",
        key="ExposureTime",
        tip="Of Timed; locked while the trigger's width decides",
        default=10_000.0,
        minimum=SHORTEST_EXPOSURE_US,
        maximum=LONGEST_EXPOSURE_US,
        step=config.exposure_step_ns / _NS_PER_US,
        unit="us",
        may_lock=True,
    )
    yield Choice(name="ExposureAuto", tip="Automatic exposure", entries={"Off": 0})


def _trigger(older: bool) -> Iterable[Feature]:
    names = ("TriggerMode", "TriggerSource", "TriggerActivation", "TriggerDelay")
    yield Choice(
        name="TriggerSelector",
        tip="What is triggered",
        entries={"FrameStart": 0},
        selects=names[:3],
    )
    yield Choice(
        name="TriggerMode", tip="Frames on trigger, or by themselves", entries={"Off": 0, "On": 1}
    )
    yield Choice(
        name="TriggerSource",
        tip="Where the trigger comes from",
        entries={"Software": 0, "Line1": 1},
        may_lock=older,
    )
    yield Choice(
        name="TriggerActivation",
        tip="The edge that begins an exposure",
        entries={"RisingEdge": 0, "FallingEdge": 1},
        may_lock=older,
    )
    yield Real(
        name="TriggerDelayAbs" if older else "TriggerDelay",
        key="TriggerDelay",
        tip="From the trigger to what it does",
        default=0.0,
        maximum=1_000_000.0,
        step=1.0,
        unit="us",
    )
    yield Action(name="TriggerSoftware", tip="Trigger once")


def _analog(config: CameraConfig) -> Iterable[Feature]:
    if config.guise == "older":
        steps = round(MOST_GAIN_DB / GAIN_STEP_DB)
        yield Integer(name="GainRaw", tip="Gain in tenths of a dB", default=0, maximum=steps)
    else:
        yield Choice(name="GainSelector", tip="Which", entries={"All": 0}, selects=("Gain",))
        yield Real(
            name="Gain",
            tip="Gain before the converter",
            default=0.0,
            maximum=MOST_GAIN_DB,
            step=GAIN_STEP_DB,
            unit="dB",
        )
    yield Choice(name="GainAuto", tip="Automatic gain", entries={"Off": 0})
    if config.sensor.colour != "mono":
        yield Choice(name="BalanceWhiteAuto", tip="Automatic white balance", entries={"Off": 0})
    if config.guise == "older":
        return
    yield Choice(
        name="BlackLevelSelector", tip="Which", entries={"All": 0}, selects=("BlackLevel",)
    )
    yield Real(
        name="BlackLevel",
        tip="Value without light, in DN of 12 bit",
        default=config.sensor.black_level_dn12,
        maximum=max(1023.0, config.sensor.black_level_dn12),
    )
    yield Real(
        name="Gamma",
        tip="Delivered = linear to this power",
        default=1.0,
        minimum=0.25,
        maximum=4.0,
        step=0.01,
    )


def _transport() -> Iterable[Feature]:
    yield Integer(name="PayloadSize", tip="Bytes of a frame", access="RO", unit="B")
    yield Integer(
        name="TLParamsLocked",
        tip="Set by the transport layer while frames flow",
        default=0,
        maximum=1,
        visibility="Invisible",
    )


def _user_set() -> Iterable[Feature]:
    yield Choice(
        name="UserSetSelector", tip="Which", entries={"Default": 0}, selects=("UserSetLoad",)
    )
    yield Action(name="UserSetLoad", tip="All settings as at power-up", may_lock=True)
