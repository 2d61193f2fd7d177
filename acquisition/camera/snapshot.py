"""A camera's settings as somebody left them, to be given back after a session."""

from __future__ import annotations

import re
from typing import Final

from acquisition.camera.assignment import Assignment, assign, select, selectors_kept
from acquisition.camera.configuration import touched
from acquisition.camera.feature import FeatureTree, Refused, Value, found

_KEY: Final = re.compile(r"(?P<name>\w+)\[(?P<selector>\w+)=(?P<entry>\w+)\]")
_FIRST: Final = (
    Assignment("TriggerMode", "Off", selector="TriggerSelector", entry="FrameStart"),
    Assignment("OffsetX", 0),
    Assignment("OffsetY", 0),
)


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
    kept.sort(key=lambda each: each.name == "TriggerMode")  # last: it locks others
    _, differences = assign(tree, [*_FIRST, *kept])
    return [
        f"{each.assignment.key} was {each.assignment.value!r}, is {each.got!r}"
        for each in differences
        if each.assignment.key in snapshot
    ]


def _assignment(key: str, value: Value) -> Assignment:
    parts = _KEY.fullmatch(key)
    if parts is None:
        return Assignment(key, value)
    return Assignment(parts["name"], value, selector=parts["selector"], entry=parts["entry"])
