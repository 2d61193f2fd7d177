"""Gain: 0 dB unless the rig says otherwise, and never what an automatic function left behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from acquisition.camera.assignment import Assignment, Special
from acquisition.camera.feature import FALLBACKS, FeatureTree, Value, found
from bsd.errors import UserMistake

if TYPE_CHECKING:
    from collections.abc import Mapping

GAINS: Final = ("Gain", *FALLBACKS["Gain"])
"""Under whichever name a rig's settings may set it."""

LEVELS: Final = (*GAINS, "BlackLevel", *FALLBACKS["BlackLevel"])
"""What a dark frame's value depends on beside its format, as a readback names it."""

_RULED_OVER: Final = (*GAINS, "GainSelector")
_WHOLE_GAINS: Final = ("All", "AnalogAll", "DigitalAll")
_NEAR_DB: Final = 0.1
_REMEDY: Final = "say its gain in rig.yaml: settings: {Gain: …}"


def gain_plan(tree: FeatureTree, extras: Mapping[str, Value]) -> Iterator[Assignment]:
    """0 dB, or the least that there is; nothing where the rig's settings say a gain."""
    if any(name in extras for name in _RULED_OVER):
        return
    name = found(tree, "Gain")
    entries = tree.entries("GainSelector") if tree.has("GainSelector") else []
    whole = [entry for entry in _WHOLE_GAINS if entry in entries]
    if name == "GainRaw":
        whole = whole[:1]  # the least digital one would be no gain but a loss
    for entry in whole:
        yield Assignment("Gain", Special.UNITY, "if_there", "", _REMEDY, "GainSelector", entry,
                         near=_NEAR_DB)  # fmt: skip
    if not whole:
        yield Assignment("Gain", Special.UNITY, remedy=_REMEDY, near=_NEAR_DB)


def gain_left(readback: Mapping[str, Value], extras: Mapping[str, Value]) -> list[str]:
    """What is to be said of a gain in dB that could not become 0 dB."""
    if any(name in extras for name in _RULED_OVER):
        return []
    return [
        f"{key} is {value:g} dB: it takes no 0 dB"
        for key, value in readback.items()
        if key.partition("[")[0] in ("Gain", "GainAbs")
        and isinstance(value, int | float)
        and abs(value) > _NEAR_DB
    ]


def check_unit(tree: FeatureTree, name: str, camera: str) -> None:
    """A number with a unit is not written into a feature that counts in another.

    Raises
    ------
    UserMistake
        The rig's settings name `name`; the camera has only an older feature in its own units.
    """
    there = found(tree, name)
    if name in ("Gain", "BlackLevel") and there not in (name, None):
        raise UserMistake(
            f"rig file: {camera}: settings: the camera has no {name}, but {there}, which counts in"
            f" units of its own; name {there} itself, with a value from the camera's manual"
        )


def levels(readback: Mapping[str, Value]) -> dict[str, Value]:
    """Gains and black levels of a readback, as they were read."""
    return {key: value for key, value in readback.items() if key.partition("[")[0] in LEVELS}
