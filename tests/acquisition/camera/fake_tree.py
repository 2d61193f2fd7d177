"""A camera's features without a camera: values, limits, steps, entries, locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from acquisition.camera.feature import Kind, Limits, Refused, Value

WIDE = Limits(-1e9, 1e9, 0.0)


@dataclass
class Fake:
    """One feature; `locked` says when it cannot be written, `takes` what becomes of a value.

    `hidden` are entries that it offers only when other features stand otherwise.
    """

    value: Value
    kind: Kind = "other"
    entries: list[str] = field(default_factory=list)
    limits: Limits = WIDE
    locked: Callable[[FakeTree], bool] = lambda _: False
    takes: Callable[[Any], Value] = lambda value: value
    selector: str = ""
    selected: dict[str, Value] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.kind == "other":
            kinds: dict[type, Kind] = {
                bool: "switch", int: "integer", float: "real", str: "choice",
            }  # fmt: skip
            self.kind = kinds[type(self.value)]
        if self.kind == "integer" and not self.limits.step:
            self.limits = Limits(self.limits.least, self.limits.most, 1.0)


class FakeTree:
    """A `FeatureTree`; `written` is what was written, in order."""

    def __init__(self, **features: Fake | Value) -> None:
        self.features = {
            name: each if isinstance(each, Fake) else Fake(each) for name, each in features.items()
        }
        self.written: list[tuple[str, Value]] = []

    def has(self, name: str) -> bool:
        return name in self.features

    def kind(self, name: str) -> Kind:
        return self._feature(name).kind

    def read(self, name: str) -> Value:
        each = self._feature(name)
        if each.selector:
            return each.selected.get(str(self.read(each.selector)), each.value)
        return each.value

    def write(self, name: str, value: Value) -> None:
        each = self._feature(name)
        if each.locked(self):
            raise Refused(f"{name} is locked")
        if each.kind == "choice" and value not in each.entries:
            raise Refused(f"{name}: no entry {value}")
        if not isinstance(value, str) and not each.limits.least <= value <= each.limits.most:
            raise Refused(f"{name}: {value} is out of range")
        self.written.append((name, value))
        taken = each.takes(value)
        if each.selector:
            each.selected[str(self.read(each.selector))] = taken
        else:
            each.value = taken

    def run(self, name: str) -> None:
        self.written.append((name, True))

    def entries(self, name: str) -> list[str]:
        return list(self._feature(name).entries)

    def implemented(self, name: str) -> list[str]:
        each = self._feature(name)
        return [*each.entries, *each.hidden]

    def limits(self, name: str) -> Limits:
        return self._feature(name).limits

    def names(self) -> Iterator[str]:
        """In the order of their first writing."""
        yield from dict.fromkeys(name for name, _ in self.written)

    def _feature(self, name: str) -> Fake:
        if name not in self.features:
            raise Refused(f"{name}: no such feature")
        return self.features[name]


def choice(value: str, *entries: str, **more: Any) -> Fake:
    return Fake(value, "choice", [value, *entries], **more)


def camera(**more: Fake | Value) -> FakeTree:
    """One that meets what a capture asks, left as badly as somebody might leave it."""

    def while_triggered(tree: FakeTree) -> bool:
        mode = tree.features.get("TriggerMode")
        return mode is not None and mode.selected.get("FrameStart") == "On"

    features: dict[str, Fake | Value] = {
        "TriggerSelector": choice("AcquisitionStart", "FrameStart"),
        "TriggerMode": choice(
            "Off",
            "On",
            selector="TriggerSelector",
            selected={"AcquisitionStart": "On", "FrameStart": "On"},
        ),
        "TriggerSource": choice("Software", "Line0", "Line1", locked=while_triggered),
        "TriggerActivation": choice("FallingEdge", "RisingEdge", locked=while_triggered),
        "ExposureMode": choice("Timed", "TriggerWidth", locked=while_triggered),
        "ExposureTime": Fake(5000.0, limits=Limits(20.0, 1e6, 0.0)),
        "ExposureAuto": choice("Continuous", "Off"),
        "GainAuto": choice("Continuous", "Off"),
        "Gamma": 2.2,
        "LUTEnable": True,
        "ReverseX": True,
        "SensorShutterMode": choice("Global"),
        "PixelFormat": choice("Mono8", "BayerRG8", "BayerRG12", locked=while_triggered),
        "OffsetX": Fake(16, limits=Limits(0, 640, 4.0)),
        "OffsetY": Fake(16, limits=Limits(0, 480, 2.0)),
        "Width": Fake(320, limits=Limits(8, 644, 8.0)),
        "Height": Fake(240, limits=Limits(2, 480, 2.0)),
        "BalanceRatioSelector": choice("Green", "Red", "Blue"),
        "BalanceRatio": Fake(
            1.0, selector="BalanceRatioSelector", selected={"Red": 1.7, "Blue": 1.4}
        ),
        "Gain": 3.0,
    }
    return FakeTree(**{**features, **more})
