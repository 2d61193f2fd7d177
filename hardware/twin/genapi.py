"""The GenApi description of a camera (schema 1.1), written from its features.

Every feature owns a block of registers; limits, locks and the availability of entries are
registers too, so that the camera alone decides them and the description only points at them.
Nothing may be cached: what the camera changes by itself is seen at the next look.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from xml.sax.saxutils import escape, quoteattr

from hardware.twin.feature import Action, Choice, Feature, Integer, Real, Switch, Text

PORT: Final = "Device"
"""Name of the port that the registers are reached through."""

FIRST_ADDRESS: Final = 0x1_0000
BLOCK_BYTES: Final = 0x100
NUMBER_BYTES: Final = 8
TEXT_BYTES: Final = 64

Part = Literal["Value", "Min", "Max", "Locked", "Entries"]
_PLACES: Final[dict[Part, int]] = {
    "Value": 0,
    "Min": 0x40,
    "Max": 0x48,
    "Locked": 0x50,
    "Entries": 0x58,
}
_NAME_SPACE: Final = uuid.UUID("3d9a3f0e-7a6d-5c58-8d0f-1f1c54f6a4f2")
_SFNC: Final = "Standard"


@dataclass(frozen=True)
class Register:
    """A place in the camera's memory and what it stands for."""

    address: int
    length: int
    feature: Feature
    part: Part


def registers(features: Sequence[Feature]) -> list[Register]:
    """The registers of features, in the order of their addresses."""
    found = []
    for index, feature in enumerate(features):
        base = FIRST_ADDRESS + index * BLOCK_BYTES
        length = TEXT_BYTES if isinstance(feature, Text) else NUMBER_BYTES
        for part, place in _PLACES.items():
            if _has(feature, part):
                found.append(Register(base + place, length, feature, part))
    return found


def description(features: Sequence[Feature], *, model: str, vendor: str, standard: str) -> bytes:
    """The XML.

    Parameters
    ----------
    features
        All that the camera offers, in the order of the tree.
    model, vendor
        Words without spaces, as the schema wants them.
    standard
        Version of the naming convention, as ``2.4.0``.
    """
    body = [_category("Root", _categories(features), "")]
    for category in _categories(features):
        names = [feature.name for feature in features if feature.category == category]
        body.append(_category(category, names, category))
    for feature in features:
        body.append(_node(feature))
    for place in registers(features):
        body.append(_register(place))
    text = "\n".join([*body, f'<Port Name="{PORT}" NameSpace="Standard"/>'])
    guids = (uuid.uuid5(_NAME_SPACE, model), uuid.uuid5(_NAME_SPACE, text))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f"<RegisterDescription ModelName={quoteattr(model)} VendorName={quoteattr(vendor)}"
        f' ToolTip="Camera of a virtual rig, naming convention {standard}" StandardNameSpace="None"'
        ' SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0"'
        ' MajorVersion="1" MinorVersion="0" SubMinorVersion="0"'
        f' ProductGuid="{guids[0]}" VersionGuid="{guids[1]}"'
        ' xmlns="http://www.genicam.org/GenApi/Version_1_1">\n'
        f"{text}\n</RegisterDescription>\n"
    ).encode()


def _categories(features: Sequence[Feature]) -> list[str]:
    """Categories in the order in which features name them first."""
    return list(dict.fromkeys(feature.category for feature in features))


def _has(feature: Feature, part: Part) -> bool:
    if part == "Value":
        return True
    if part in ("Min", "Max"):
        return isinstance(feature, Integer | Real) and feature.access == "RW"
    if part == "Locked":
        return feature.may_lock
    return isinstance(feature, Choice) and feature.may_lack


def _category(name: str, features: Sequence[str], tip: str) -> str:
    inside = "".join(f"<pFeature>{feature}</pFeature>" for feature in features)
    tips = f"<ToolTip>{tip}</ToolTip>" if tip else ""
    return f'<Category Name="{name}" NameSpace="Standard">{tips}{inside}</Category>'


def _node(feature: Feature) -> str:
    lock = f"<pIsLocked>{feature.name}_Locked</pIsLocked>" if feature.may_lock else ""
    head = (
        f"<ToolTip>{escape(feature.tip)}</ToolTip><Visibility>{feature.visibility}</Visibility>"
        f"{lock}"
    )
    kind, inside = _kind_and_inside(feature)
    return f'<{kind} Name="{feature.name}" NameSpace="{_SFNC}">{head}{inside}</{kind}>'


def _kind_and_inside(feature: Feature) -> tuple[str, str]:
    value = f"<pValue>{feature.name}_Value</pValue>"
    limits = (
        f"<pMin>{feature.name}_Min</pMin><pMax>{feature.name}_Max</pMax>"
        if _has(feature, "Min")
        else ""
    )
    match feature:
        case Integer():
            step = f"<Inc>{feature.increment}</Inc>" if limits else ""
            return "Integer", f"{value}{limits}{step}{_unit(feature.unit)}"
        case Real():
            return "Float", f"{value}{limits}{_unit(feature.unit)}"
        case Choice():
            selected = "".join(f"<pSelected>{name}</pSelected>" for name in feature.selects)
            return "Enumeration", f"{_entries(feature)}{value}{selected}"
        case Switch():
            return "Boolean", f"{value}<OnValue>1</OnValue><OffValue>0</OffValue>"
        case Action():
            return "Command", f"{value}<CommandValue>1</CommandValue>"
        case _:
            return "String", value


def _unit(unit: str) -> str:
    return f"<Unit>{unit}</Unit>" if unit else ""


def _entries(feature: Choice) -> str:
    return "".join(
        f'<EnumEntry Name="{name}" NameSpace="{_SFNC}">'
        + (f"<pIsAvailable>{feature.name}_Has_{name}</pIsAvailable>" if feature.may_lack else "")
        + f"<Value>{number}</Value></EnumEntry>"
        for name, number in feature.entries.items()
    )


def _register(place: Register) -> str:
    feature = place.feature
    name = f"{feature.name}_{place.part}"
    written = place.part == "Value" and not isinstance(feature, Text)
    access = "RO" if not written else "WO" if isinstance(feature, Action) else feature.access
    where = (
        f"<Address>0x{place.address:X}</Address><Length>{place.length}</Length>"
        f"<AccessMode>{access}</AccessMode><pPort>{PORT}</pPort><Cachable>NoCache</Cachable>"
    )
    order = "<Endianess>LittleEndian</Endianess>"
    if isinstance(feature, Text):
        return f'<StringReg Name="{name}">{where}</StringReg>'
    if place.part == "Entries" and isinstance(feature, Choice):
        return "\n".join(
            f'<MaskedIntReg Name="{feature.name}_Has_{entry}">{where}<Bit>{bit}</Bit>'
            f"<Sign>Unsigned</Sign>{order}</MaskedIntReg>"
            for bit, entry in enumerate(feature.entries)
        )
    if isinstance(feature, Real) and place.part != "Locked":
        return f'<FloatReg Name="{name}">{where}{order}</FloatReg>'
    return f'<IntReg Name="{name}">{where}<Sign>Signed</Sign>{order}</IntReg>'
