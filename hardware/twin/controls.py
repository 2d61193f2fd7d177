"""The settings of a camera and its rules: limits, steps, locks, what one does to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from hardware.twin.device import AccessDenied, InvalidValue
from hardware.twin.feature import Action, Choice, Feature, Integer, Real, Switch, Value
from hardware.twin.feature_catalogue import GAIN_STEP_DB
from hardware.twin.optics import Region
from hardware.twin.pixel_formats import PIXEL_FORMATS, Phase, PixelFormat, phase_of, rephased

_PARTNERS: Final = {
    "Width": ("WidthMax", "OffsetX"),
    "OffsetX": ("WidthMax", "Width"),
    "Height": ("HeightMax", "OffsetY"),
    "OffsetY": ("HeightMax", "Height"),
}
"""A region's size and offset together stay within the sensor."""

_FIXED_BEFORE_TRIGGER: Final = ("TriggerSource", "TriggerActivation")
_COLOUR_FILTERS: Final = "PixelColorFilter"


class Controls:
    """The settings of one camera, by key.

    Parameters
    ----------
    features
        What the camera offers.
    readings
        Values that the camera works out when it is asked.
    actions
        What its commands do.
    colour
        Whether there are colour filters on the pixels.
    """

    def __init__(
        self,
        features: Sequence[Feature],
        readings: dict[str, Callable[[], Value]],
        actions: dict[str, Callable[[], None]],
        *,
        colour: bool,
    ) -> None:
        self._features = {feature.meaning: feature for feature in features}
        self._readings = {**readings, _COLOUR_FILTERS: self._colour_filters}
        self._actions = actions
        self._colour = colour
        self._values: dict[str, Value] = {}
        self.acquiring = False
        self.reset()

    def reset(self) -> None:
        """All settings as at power-up, except what the transport layer has locked."""
        locked = self._values.get("TLParamsLocked", 0)
        self._values = {
            key: feature.initial
            for key, feature in self._features.items()
            if feature.initial is not None
        }
        self._values["TLParamsLocked"] = locked

    def get(self, key: str) -> Value:
        """The value of a feature now."""
        reading = self._readings.get(key)
        return self._values[key] if reading is None else reading()

    def set(self, key: str, value: Value) -> None:
        """Change a setting, or run a command.

        Raises
        ------
        AccessDenied
            It is locked now, or can only be read.
        InvalidValue
            Out of its limits, between its steps, or not available.
        """
        feature = self._features[key]
        if feature.access == "RO":
            raise AccessDenied(f"{feature.name} can only be read")
        if self.locked(key):
            raise AccessDenied(f"{feature.name} is locked{self._why_locked(key)}")
        if isinstance(feature, Action):
            self._actions[key]()
            return
        self._values[key] = self._accepted(feature, value)
        if key in ("ReverseX", "ReverseY"):
            self._values["PixelFormat"] = rephased(self.text("PixelFormat"), self._phase())

    def limits(self, key: str) -> tuple[float, float]:
        """Least and greatest value of a number now."""
        feature = self._features[key]
        if not isinstance(feature, Integer | Real):
            raise TypeError(f"{feature.name} is no number")
        if key in _PARTNERS:
            most, other = _PARTNERS[key]
            return feature.minimum, self.whole(most) - self.whole(other)
        if isinstance(feature, Real) and feature.step:
            steps = -int(-(feature.minimum - 1e-9) // feature.step)
            return steps * feature.step, feature.maximum
        return feature.minimum, feature.maximum

    def locked(self, key: str) -> bool:
        """Whether a feature cannot be written now."""
        if not self._features[key].may_lock:
            return False
        if key == "ExposureTime":
            return self.get("ExposureMode") == "TriggerWidth"
        if key in _FIXED_BEFORE_TRIGGER:
            return self.get("TriggerMode") == "On"
        return self.acquiring or self.get("TLParamsLocked") != 0

    def available(self, key: str, entry: str) -> bool:
        """Whether an entry of a choice can be taken now."""
        if key != "PixelFormat" or not self._features[key].may_lock:
            return True
        return PIXEL_FORMATS[entry].phase in (None, self._phase())

    def text(self, key: str) -> str:
        """A choice's entry."""
        return str(self.get(key))

    def whole(self, key: str) -> int:
        """A whole number."""
        return int(self.get(key))

    def real(self, key: str) -> float:
        """A number."""
        return float(self.get(key))

    def on(self, key: str) -> bool:
        """A switch; off where the camera has none."""
        return key in self._features and bool(self.get(key))

    @property
    def gain_db(self) -> float:
        """Gain, under whichever name."""
        if "GainRaw" in self._features:
            return round(self.whole("GainRaw") * GAIN_STEP_DB, 3)
        return self.real("Gain")

    @property
    def black_level_dn12(self) -> float | None:
        """Black level in DN of 12 bit; None where the camera does not let it be set."""
        return self.real("BlackLevel") if "BlackLevel" in self._features else None

    @property
    def gamma(self) -> float:
        """Exponent of the delivered values; 1 where there is none."""
        return self.real("Gamma") if "Gamma" in self._features else 1.0

    @property
    def pixel_format(self) -> PixelFormat:
        """The format that frames are delivered in."""
        return PIXEL_FORMATS[self.text("PixelFormat")]

    @property
    def region(self) -> Region:
        """The region in raw pixels of the sensor, before any mirroring."""
        width, height = self.whole("Width"), self.whole("Height")
        x, y = self.whole("OffsetX"), self.whole("OffsetY")
        if self.on("ReverseX"):
            x = self.whole("WidthMax") - width - x
        if self.on("ReverseY"):
            y = self.whole("HeightMax") - height - y
        return Region(x, y, width, height)

    def _accepted(self, feature: Feature, value: Value) -> Value:
        if isinstance(feature, Choice):
            if value not in feature.entries or not self.available(feature.meaning, str(value)):
                raise InvalidValue(f"{feature.name} {value}: not available now")
            return value
        if isinstance(feature, Switch):
            return bool(value)
        number = float(value)
        least, most = self.limits(feature.meaning)
        if not least <= number <= most:
            raise InvalidValue(f"{feature.name} {value}: from {least:g} to {most:g} now")
        if isinstance(feature, Integer):
            if (int(value) - feature.minimum) % feature.increment:
                raise InvalidValue(f"{feature.name} {value}: in steps of {feature.increment}")
            return int(value)
        if isinstance(feature, Real) and feature.step:
            return round(round(number / feature.step) * feature.step, 6)
        return number

    def _phase(self) -> Phase:
        return phase_of(self.on("ReverseX"), self.on("ReverseY"))

    def _colour_filters(self) -> str:
        return f"Bayer{self._phase()}" if self._colour else "None"

    def _why_locked(self, key: str) -> str:
        if key == "ExposureTime":
            return ": the width of the trigger decides"
        if key in _FIXED_BEFORE_TRIGGER:
            return ": set TriggerMode Off first"
        return " while frames flow"
