"""Setting many features that lock one another, and comparing what the device made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from acquisition.camera.feature import FeatureTree, Refused, Value, found

Need = Literal["must", "unless_absent", "should", "if_there"]
"""What follows where a feature is missing, or does not take its value.

============= ================= ==============================================
need          missing           differs
============= ================= ==============================================
must          refused           refused
unless_absent said in words     refused
should        said in words     refused, or said in words with no trigger
if_there      nothing           refused, or said in words with no trigger
============= ================= ==============================================
"""

_ROUNDS: Final = 3
OFF_NAMES: Final = ("Off", "None", "Disabled", "Disable", "False")
"""What a choice may call its being off."""
_NO_STEP_SHARE: Final = 1e-3  # a device that tells no step may round to its lines or clock


class Special(Enum):
    """Values that depend on the feature; `UNITY` is 0 dB, or the nearest that it takes."""

    OFF = "off"
    LARGEST = "largest"
    UNITY = "unity"


@dataclass(frozen=True)
class Assignment:
    """One feature and the value that it shall have.

    Attributes
    ----------
    name
        Of the SFNC 2.x; `acquisition.camera.feature.FALLBACKS` apply.
    selector, entry
        Of the selector that has to stand at `entry` for this.
    near
        How far what is read back may be off where the step is smaller.
    note
        Words for what is lost where it is missing.
    remedy
        Words for what to do where it does not take its value.
    """

    name: str
    value: Value | Special
    need: Need = "if_there"
    note: str = ""
    remedy: str = ""
    selector: str = ""
    entry: str = ""
    near: float = 0.0

    @property
    def key(self) -> str:
        """Names it, with its selector's entry."""
        return f"{self.name}[{self.selector}={self.entry}]" if self.selector else self.name


@dataclass(frozen=True)
class Difference:
    """An assignment that the device did not take.

    Attributes
    ----------
    asked
        As a value of this feature.
    got
        Its value instead; None where it is missing or cannot be read.
    missing
        There is no such feature.
    reason
        The device's own words, where it gave some.
    """

    assignment: Assignment
    asked: Value | None
    got: Value | None
    missing: bool
    reason: str


def assign(
    tree: FeatureTree, assignments: Sequence[Assignment]
) -> tuple[dict[str, Value], list[Difference]]:
    """Set features in this order, and again what was refused while something else stood wrong.

    The last assignment of a key counts; those before it only prepare. What stands right already is
    not written. At the end everything is read back and compared: numbers within the device's step,
    or 0.1 % where it tells none.

    Returns
    -------
    dict
        Key → value read back, of all that are there.
    list of Difference
        What is missing or otherwise.
    """
    last: dict[str, Assignment] = {}
    for assignment in assignments:
        last.pop(assignment.key, None)  # compared where it was set last
        last[assignment.key] = assignment
    reasons: dict[str, str] = {}
    asked: dict[str, Value] = {}
    with selectors_kept(tree, {each.selector for each in assignments if each.selector}):
        pending = list(assignments)
        for turn in range(_ROUNDS):
            refused = []
            for assignment in pending:
                try:
                    _set(tree, assignment, asked)
                except Refused as refusal:
                    reasons[assignment.key] = str(refusal)
                    refused.append(assignment)
            again = [each for each in refused if last[each.key] is each]
            if not again or (turn and len(again) == len(pending)):
                break
            pending = again
        return _compare(tree, list(last.values()), asked, reasons)


@contextmanager
def selectors_kept(tree: FeatureTree, names: set[str]) -> Iterator[None]:
    """What selectors point at is afterwards as before."""
    before = {name: tree.read(name) for name in sorted(names) if tree.has(name)}
    try:
        yield
    finally:
        for name, value in before.items():
            if tree.read(name) != value:
                tree.write(name, value)


def select(tree: FeatureTree, selector: str, entry: str) -> bool:
    """Point a selector at an entry; False where it has no such entry.

    A device without the selector has only one thing to select: True.
    """
    if not selector or not tree.has(selector):
        return True
    if entry not in tree.entries(selector):
        return False
    if tree.read(selector) != entry:
        tree.write(selector, entry)
    return True


def _set(tree: FeatureTree, assignment: Assignment, asked: dict[str, Value]) -> None:
    if not select(tree, assignment.selector, assignment.entry):
        return
    name = found(tree, assignment.name)
    if name is None:
        return
    value = asked[assignment.key] = _converted(tree, name, assignment.value)
    if not _same(tree, name, value, tree.read(name)):
        tree.write(name, value)


def _compare(
    tree: FeatureTree,
    assignments: list[Assignment],
    asked: dict[str, Value],
    reasons: dict[str, str],
) -> tuple[dict[str, Value], list[Difference]]:
    readback: dict[str, Value] = {}
    differences = []
    for each in assignments:
        reason = reasons.get(each.key, "")
        there = select(tree, each.selector, each.entry)
        name = found(tree, each.name) if there else None
        if name is None:
            differences.append(Difference(each, None, None, missing=True, reason=reason))
            continue
        value = asked.get(each.key)
        try:
            got = tree.read(name)
        except Refused as refusal:
            differences.append(Difference(each, value, None, missing=False, reason=str(refusal)))
            continue
        key = f"{name}[{each.entry}]" if each.selector else name
        readback[key] = got
        if value is None or not _same(tree, name, value, got, each.near):
            differences.append(Difference(each, value, got, missing=False, reason=reason))
    return readback, differences


def _converted(tree: FeatureTree, name: str, value: Value | Special) -> Value:
    """The value as this feature takes it."""
    match tree.kind(name):
        case "choice":
            return _as_choice(tree, name, value)
        case "switch":
            if isinstance(value, str):
                return value.lower() in ("on", "true", "1")
            return False if isinstance(value, Special) else bool(value)
        case "integer" | "real" as kind:
            number = _as_number(tree, name, value)
            return round(number) if kind == "integer" else number
        case "text":
            return str(value)
    raise Refused(f"{name} is nothing that can be set")


def _as_choice(tree: FeatureTree, name: str, value: Value | Special) -> str:
    entries = tree.entries(name)
    if value is Special.OFF or value is False:
        off = [entry for entry in OFF_NAMES if entry in entries]
        return off[0] if off else OFF_NAMES[0]
    return "On" if value is True else str(value)


def _as_number(tree: FeatureTree, name: str, value: Value | Special) -> float:
    if value is Special.OFF:
        return 0.0
    if value is Special.UNITY:
        limits = tree.limits(name)
        least = limits.least if name.endswith("Raw") else 0.0
        return min(max(least, limits.least), limits.most)
    if value is Special.LARGEST:
        limits = tree.limits(name)
        step = limits.step or 1.0
        return limits.least + (limits.most - limits.least) // step * step
    try:
        return float(value) if not isinstance(value, Special) else 0.0
    except ValueError as error:
        raise Refused(f"{name} is a number, not {value!r}") from error


def _same(tree: FeatureTree, name: str, asked: Value, got: Value, near: float = 0.0) -> bool:
    if isinstance(asked, str) or isinstance(got, str | bool):
        return asked == got
    step = tree.limits(name).step
    near = max(near, step if step else max(abs(asked) * _NO_STEP_SHARE, 1e-9))
    return abs(asked - got) <= near * (1 + 1e-9) if isinstance(got, float) else asked == got
