"""What is set of a camera's triggers, and the way out where one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from acquisition.camera.assignment import Assignment
from acquisition.camera.feature import FeatureTree, Refused, Value, found


def of_trigger(
    name: str,
    value: Value,
    need: Literal["must", "should", "if_there"],
    entry: str = "FrameStart",
    remedy: str = "see the camera's manual",
) -> Assignment:
    """A feature of the trigger that begins a frame, or of another that `entry` names."""
    remedies = {
        "TriggerMode": "so it cannot follow the rig's trigger; record without trigger",
        "TriggerSource": "name the camera's line in rig.yaml: settings: {TriggerSource: …}",
    }
    note = "which edge of the trigger begins an exposure is not told" if need == "should" else ""
    remedy = remedies.get(name, remedy)
    return Assignment(name, value, need, note, remedy, "TriggerSelector", entry)


def delay_remedy(tree: FeatureTree) -> str:
    """A camera whose least delay is not 0 delays every exposure by it."""
    name = found(tree, "TriggerDelay")
    try:
        least_us = 0.0 if name is None else tree.limits(name).least
    except Refused:
        least_us = 0.0
    if least_us <= 0:
        return (
            "say the delay that it has: settings: {TriggerDelay: …} in rig.yaml, and add it to"
            " start_latency_ns in its timing"
        )
    return (
        f"say settings: {{TriggerDelay: {least_us!r}}} in rig.yaml, and add these"
        f" {round(least_us * 1000)} ns to start_latency_ns in its timing"
    )


def triggers_off(tree: FeatureTree) -> Iterator[Assignment]:
    """Every trigger off, since some cameras lock the rest while one is on."""
    yield of_trigger("TriggerMode", "Off", "if_there")
    if tree.has("TriggerSelector"):
        for entry in tree.entries("TriggerSelector"):
            if entry != "FrameStart":
                yield of_trigger("TriggerMode", "Off", "if_there", entry)
