"""The registers of a camera: bytes on one side, features on the other."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from hardware.twin.controls import Controls
from hardware.twin.device import AccessDenied, InvalidAddress, InvalidValue
from hardware.twin.feature import Action, Choice, Feature, Real, Switch, Text, Value
from hardware.twin.genapi import TEXT_BYTES, Register, registers

_WHOLE: Final = struct.Struct("<q")
_REAL: Final = struct.Struct("<d")


class Registers:
    """What is read and written through a camera's port.

    Parameters
    ----------
    features
        Those that the description was written from, in the same order.
    controls
        The camera's settings and rules.
    """

    def __init__(self, features: Sequence[Feature], controls: Controls) -> None:
        self._places = {place.address: place for place in registers(features)}
        self._controls = controls

    def read(self, address: int, length: int) -> bytes:
        """Bytes of one register.

        Raises
        ------
        InvalidAddress
            No register of this length begins there.
        AccessDenied
            It can only be written.
        """
        place = self._place(address, length)
        if isinstance(place.feature, Action) and place.part == "Value":
            raise AccessDenied(f"{place.feature.name} can only be written")
        return self._encoded(place)

    def write(self, address: int, data: bytes) -> str:
        """Write one register; the key of the feature that was written is returned.

        Raises
        ------
        InvalidAddress
            No register of this length begins there.
        AccessDenied
            It can only be read, or is locked.
        InvalidValue
            The camera does not take this value.
        """
        place = self._place(address, len(data))
        feature = place.feature
        if place.part != "Value" or isinstance(feature, Text):
            raise AccessDenied(f"{feature.name}: its register 0x{address:x} can only be read")
        self._controls.set(feature.meaning, _decoded(feature, data))
        return feature.meaning

    def _place(self, address: int, length: int) -> Register:
        place = self._places.get(address)
        if place is None or place.length != length:
            raise InvalidAddress(f"no register of {length} bytes at 0x{address:x}")
        return place

    def _encoded(self, place: Register) -> bytes:
        feature, controls = place.feature, self._controls
        key = feature.meaning
        match place.part:
            case "Locked":
                return _WHOLE.pack(controls.locked(key))
            case "Entries":
                names = feature.entries if isinstance(feature, Choice) else {}
                bits = sum(controls.available(key, name) << bit for bit, name in enumerate(names))
                return _WHOLE.pack(bits)
            case "Min" | "Max":
                limit = controls.limits(key)[place.part == "Max"]
                return _REAL.pack(limit) if isinstance(feature, Real) else _WHOLE.pack(int(limit))
        value = controls.get(key)
        match feature:
            case Text():
                return str(value).encode()[: TEXT_BYTES - 1].ljust(TEXT_BYTES, b"\0")
            case Real():
                return _REAL.pack(float(value))
            case Choice():
                return _WHOLE.pack(feature.entries[str(value)])
        return _WHOLE.pack(int(value))


def _decoded(feature: Feature, data: bytes) -> Value:
    if isinstance(feature, Real):
        return float(_REAL.unpack(data)[0])
    number = int(_WHOLE.unpack(data)[0])
    if isinstance(feature, Choice):
        for name, known in feature.entries.items():
            if known == number:
                return name
        raise InvalidValue(f"{feature.name}: no entry has the number {number}")
    return bool(number) if isinstance(feature, Switch) else number
