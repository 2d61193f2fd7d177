"""Features of a camera by name: what can be asked of them, and what older cameras call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

Value = bool | int | float | str
Kind = Literal["integer", "real", "choice", "switch", "text", "action", "other"]


class Refused(Exception):
    """A feature could not be read, written or run now; says what the device said."""


@dataclass(frozen=True)
class Limits:
    """Of a number; `step` is 0 where the device tells none."""

    least: float
    most: float
    step: float


class FeatureTree(Protocol):
    """The features of a device. Every method but `has` raises `Refused`."""

    def has(self, name: str) -> bool:
        """Whether there is such a feature, and it is available now."""

    def kind(self, name: str) -> Kind:
        """What it is."""

    def read(self, name: str) -> Value:
        """Its value, asked of the device."""

    def write(self, name: str, value: Value) -> None:
        """Set it."""

    def run(self, name: str) -> None:
        """Run a command."""

    def entries(self, name: str) -> list[str]:
        """Names that a choice can take now."""

    def implemented(self, name: str) -> list[str]:
        """Names that a choice can take, now or when other features stand otherwise."""

    def limits(self, name: str) -> Limits:
        """Of a number, now."""


FALLBACKS: Final[dict[str, tuple[str, ...]]] = {
    "AcquisitionFrameRate": ("AcquisitionFrameRateAbs",),
    "AcquisitionFrameRateEnable": ("AcquisitionFrameRateEnabled",),
    "BalanceRatio": ("BalanceRatioAbs",),
    "BlackLevel": ("BlackLevelAbs", "BlackLevelRaw"),
    "DeviceFirmwareVersion": ("DeviceVersion",),
    "DeviceSerialNumber": ("DeviceID",),
    "DeviceTemperature": ("TemperatureAbs", "DeviceTemperatureRaw"),
    "ExposureTime": ("ExposureTimeAbs", "ExposureTimeRaw"),
    "Gain": ("GainAbs", "GainRaw"),
    "GammaEnable": ("GammaEnabled",),
    "LUTEnable": ("LUTEnabled",),
    "ResultingFrameRate": ("ResultingFrameRateAbs", "AcquisitionResultingFrameRate"),
    "SensorShutterMode": ("ShutterMode",),
    "TimestampLatch": ("GevTimestampControlLatch",),
    "TimestampLatchValue": ("GevTimestampValue",),
    "TriggerDelay": ("TriggerDelayAbs",),
}
"""Name of the SFNC 2.x → names of cameras that are older than it, or a vendor's own."""


def found(tree: FeatureTree, name: str) -> str | None:
    """The name under which a device has a feature; None where it has not."""
    for known in (name, *FALLBACKS.get(name, ())):
        if tree.has(known):
            return known
    return None
