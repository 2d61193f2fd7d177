"""The node map of a GenICam device as a tree of features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from genicam import genapi, gentl

from acquisition.camera.feature import Kind, Limits, Refused, Value

_KINDS: tuple[tuple[Any, Kind], ...] = (
    (genapi.IBoolean, "switch"),
    (genapi.IEnumeration, "choice"),
    (genapi.IInteger, "integer"),
    (genapi.IFloat, "real"),
    (genapi.ICommand, "action"),
    (genapi.IString, "text"),
)
# What the bindings raise beside their own: a value of the wrong type, an interface they lack.
_REFUSALS = (
    genapi.GenericException,
    gentl.GenericException,  # the device is gone
    TypeError,
    AttributeError,
    ValueError,
)


class NodeTree:
    """A `FeatureTree` over a node map; values are asked of the device, never of a cache."""

    def __init__(self, nodes: Any) -> None:
        self._nodes = nodes

    def has(self, name: str) -> bool:
        """Whether there is such a feature, and it is available now."""
        try:
            return bool(
                self._nodes.has_node(name) and genapi.is_available(self._nodes.get_node(name))
            )
        except _REFUSALS:
            return False

    def kind(self, name: str) -> Kind:
        """What it is."""
        node = self._node(name)
        return next((kind for interface, kind in _KINDS if isinstance(node, interface)), "other")

    def read(self, name: str) -> Value:
        """Its value now."""
        with _asking(name):
            value = self._node(name).get_value(False, True)
        if not isinstance(value, bool | int | float | str):
            raise Refused(f"{name} has no value")
        return value

    def write(self, name: str, value: Value) -> None:
        """Set it."""
        with _asking(name):
            self._node(name).value = value

    def run(self, name: str) -> None:
        """Run a command."""
        with _asking(name):
            self._node(name).execute()

    def entries(self, name: str) -> list[str]:
        """Names that a choice can take now."""
        with _asking(name):
            entries = self._node(name).entries
            return [str(entry.symbolic) for entry in entries if genapi.is_available(entry)]

    def implemented(self, name: str) -> list[str]:
        """Names that a choice can take, now or when other features stand otherwise."""
        with _asking(name):
            entries = self._node(name).entries
            return [str(entry.symbolic) for entry in entries if genapi.is_implemented(entry)]

    def limits(self, name: str) -> Limits:
        """Of a number, now."""
        with _asking(name):
            node = self._node(name)
            stepped = not isinstance(node, genapi.IFloat) or node.has_inc()
            return Limits(float(node.min), float(node.max), float(node.inc) if stepped else 0.0)

    def _node(self, name: str) -> Any:
        with _asking(name):
            return self._nodes.get_node(name)


@contextmanager
def _asking(name: str) -> Iterator[None]:
    try:
        yield
    except _REFUSALS as error:
        raise Refused(f"{name}: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """What a library said, without the places in its sources."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.partition(" (file ")[0].partition(" (ID: ")[0]
