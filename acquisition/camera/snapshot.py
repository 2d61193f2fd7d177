"""A camera's settings as somebody left them, to be given back after a session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from acquisition.camera.assignment import (
    OFF_NAMES,
    Assignment,
    Difference,
    Special,
    assign,
    select,
    selectors_kept,
)
from acquisition.camera.configuration import AUTOMATICS, touched
from acquisition.camera.feature import FeatureTree, Refused, Value, found

_KEY: Final = re.compile(r"(?P<name>\w+)\[(?P<selector>\w+)=(?P<entry>\w+)\]")
_FIRST: Final = (
    Assignment("TriggerMode", "Off", selector="TriggerSelector", entry="FrameStart"),
    Assignment("OffsetX", 0),
    Assignment("OffsetY", 0),
)
_ENABLES: Final = ("Enabled", "Enable")
_RULED: Final = {
    "ExposureTime": "ExposureAuto",
    "Gain": "GainAuto",
    "BlackLevel": "BlackLevelAuto",
    "BalanceRatio": "BalanceWhiteAuto",
    "AcquisitionFrameRate": "AcquisitionFrameRateAuto",
}
"""A value, and the automatic function that moves it on."""


def take(tree: FeatureTree, extras: dict[str, Value]) -> dict[str, Value]:
    """Values of all features that a capture may set; JSON-able.

    Parameters
    ----------
    extras
        The rig's settings, which are set too.
    """
    values: dict[str, Value] = {}
    wanted = touched(tree, extras)
    selectors = {each.selector for each in wanted if each.selector}
    with selectors_kept(tree, selectors):
        for each in wanted:
            try:
                name = found(tree, each.name) if select(tree, each.selector, each.entry) else None
                if name is not None:
                    values[each.key] = tree.read(name)
            except Refused:  # cannot be read now, so it is not ours to give back
                continue
    return values


def give_back(tree: FeatureTree, snapshot: dict[str, Value]) -> list[str]:
    """Set a camera as a snapshot says.

    Returns
    -------
    list of str
        What could not be restored, in words.
    """
    kept = [_assignment(key, value) for key, value in snapshot.items()]
    kept.sort(key=_rank)
    _, differences = assign(tree, [*_FIRST, *_unlocked(kept), *kept])
    return [
        f"{each.assignment.key} was {each.assignment.value!r}, is {each.got!r}"
        for each in differences
        if each.assignment.key in snapshot and not _moved_on(tree, each, snapshot)
    ]


def _rank(kept: Assignment) -> int:
    """What locks others comes after them; what makes room comes before."""
    if kept.name == "TriggerMode":
        return 5
    if kept.name.endswith(_ENABLES):
        return 4
    if kept.name in AUTOMATICS:
        return 3
    if kept.name == "ExposureMode":
        return 2
    return 1 if kept.name.startswith("Offset") else 0


def _unlocked(kept: list[Assignment]) -> Iterator[Assignment]:
    """Steps that only prepare: automatic functions off, and on what a value is locked without."""
    for each in kept:
        if each.name in AUTOMATICS:
            yield replace(each, value=Special.OFF)
        elif each.name == "ExposureMode":
            yield replace(each, value="Timed")
        elif each.name.endswith(_ENABLES):
            stem = each.name.removesuffix("d").removesuffix("Enable")
            if any(other.name.startswith(stem) for other in kept if other is not each):
                yield replace(each, value=True)


def _moved_on(tree: FeatureTree, difference: Difference, snapshot: dict[str, Value]) -> bool:
    """Whether an automatic function that was given back is at work on the value again."""
    automatic = _RULED.get(difference.assignment.name)
    if automatic is None or automatic not in snapshot or not tree.has(automatic):
        return False
    return snapshot[automatic] not in OFF_NAMES and tree.read(automatic) == snapshot[automatic]


def _assignment(key: str, value: Value) -> Assignment:
    parts = _KEY.fullmatch(key)
    if parts is None:
        return Assignment(key, value)
    return Assignment(parts["name"], value, selector=parts["selector"], entry=parts["entry"])
