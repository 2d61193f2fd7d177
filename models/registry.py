"""Models by name: a dictionary, a decorator, and entry points for third parties."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from torch import nn

from models.errors import ModelMistake

ENTRY_POINT_GROUP = "bsd.models"

Builder = Callable[[Mapping[str, Any]], nn.Module]

# Modules that register on import; named here so that asking for one model imports only that one.
_BUILT_IN = {"estrnn": "models.estrnn"}
_BUILDERS: dict[str, Builder] = {}


def register(name: str) -> Callable[[Builder], Builder]:
    """Enter a builder, a function from a plain configuration to a module, under a name.

    Raises
    ------
    ModelMistake
        If the name already belongs to another builder.
    """

    def enter(builder: Builder) -> Builder:
        known = _BUILDERS.get(name)
        if known is not None and known is not builder:
            raise ModelMistake(f"model '{name}' is registered twice; choose another name")
        _BUILDERS[name] = builder
        return builder

    return enter


def names() -> tuple[str, ...]:
    """Names that `create` accepts, sorted; nothing is imported to list them."""
    return tuple(sorted({*_BUILT_IN, *_BUILDERS, *_third_party()}))


def create(name: str, config: Mapping[str, Any]) -> nn.Module:
    """Build a model with fresh weights.

    Parameters
    ----------
    name
        One of `names()`. A built-in module or a third party's entry point is imported now.
    config
        The model's own fields, plain values; fields left out take the model's defaults.

    Raises
    ------
    ModelMistake
        If the name is unknown, or the configuration is refused by the model.
    """
    return _builder(name)(config)


def _third_party() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def _builder(name: str) -> Builder:
    if name not in _BUILDERS and name in _BUILT_IN:
        importlib.import_module(_BUILT_IN[name])
    if name in _BUILDERS:
        return _BUILDERS[name]
    point = _third_party().get(name)
    if point is None:
        raise ModelMistake(f"no model is called '{name}'; known are {', '.join(names())}")
    builder = point.load()
    if not callable(builder):
        raise ModelMistake(
            f"entry point '{name}' ({point.value}) is not callable; "
            "it must be a function from a configuration to a torch module"
        )
    return register(name)(builder)
