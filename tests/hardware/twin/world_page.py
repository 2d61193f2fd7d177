"""The reference of world.yaml, from its models: `python -m tests.hardware.twin.world_page`.

Redirect it to ``docs/reference/world.md``; a test holds the page against it.
"""

from __future__ import annotations

import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hardware.twin.faults_config import FAULTS
from hardware.twin.presets import SCENES
from hardware.twin.world_config import SceneConfig, WorldConfig

_HEAD = f"""# world.yaml, version 1

What stands before the virtual rig's cameras, what they are, and what goes wrong.
`python -m hardware.twin --world world.yaml` reads it; every field has a default, so a file holds
only what differs, beside `format` and `format_version`. What it leaves out of a group, at any
depth, stays as in the default, which may differ from group to group (`view_1`, `view_2`); a list
replaces the default's whole. Unknown fields are refused; units stand in the names. Relative paths
of pictures are taken from the folder of `world.yaml`; in `--set`, from the present one. On the
command line `--set group.field=value` replaces one field, and `--scene` puts one
of the ready scenes before the rig: {", ".join(SCENES)}.

```yaml
format: bsd-world
format_version: 1
seed: 7
light: {{components: [{{share: 1.0, frequency_hz: 100, modulation: 0.3}}]}}
optics: {{view_1: {{nd_error: 0.04}}}}
faults:
  - {{kind: missed-trigger, camera: blurry, pulse: 40}}
```

World axes: x right, y down, z away from the rig. Camera 1 is the blurry one (C1), camera 2 the
sharp one (C2). How to use it: [the virtual rig](../how-to/virtual-rig.md); what it means:
[what the virtual rig models](../explanations/virtual-rig.md). This page is written by
`tests/hardware/twin/world_page.py` from the models in `hardware/twin/`.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for model in _models(WorldConfig, []):
        if "kind" in model.model_fields and model in FAULTS.values():
            continue
        parts.append(_section(model.__name__, model))
    parts.append("\n# Faults\n\nBy `kind`. " + _note(next(iter(FAULTS.values())).__mro__[2]) + "\n")
    parts += [_section(kind, model) for kind, model in FAULTS.items()]
    return "\n".join(parts)


def _models(model: type[BaseModel], seen: list[type[BaseModel]]) -> list[type[BaseModel]]:
    if model not in seen:
        seen.append(model)
        for field in model.model_fields.values():
            for inner in _inner(field.annotation):
                _models(inner, seen)
    return seen


def _inner(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _inner(argument)


def _section(title: str, model: type[BaseModel]) -> str:
    fields = [name for name in model.model_fields if name not in ("kind", "pulse", "acquisition")]
    if title not in FAULTS and "kind" in model.model_fields:
        fields = ["kind", *fields]
    rows = [_row(name, model.model_fields[name]) for name in fields]
    table = ["| field | takes | default |", "|---|---|---|", *rows] if rows else []
    return "\n".join([f"## {title}", "", _note(model), "", *table, ""])


def _note(model: type) -> str:
    """A docstring as prose: its attributes as a list."""
    text, _, attributes = inspect.cleandoc(model.__doc__ or "").partition("\nAttributes\n")
    lines = [" ".join(text.split())]
    for name, meaning in re.findall(r"^(\S.*)\n((?:    .*\n?)+)", attributes, re.MULTILINE):
        lines.append(f"- `{name.replace(', ', '`, `')}`: {' '.join(meaning.split())}")
    return "\n".join([lines[0], *([""] if lines[1:] else []), *lines[1:]]).replace("``", "`")


def _row(name: str, field: FieldInfo) -> str:
    default = field.default
    if default is PydanticUndefined:
        told = "required"
    elif isinstance(default, BaseModel | tuple) and _is_long(default):
        told = _own(default) if isinstance(default, BaseModel) else "`[...]`"
    else:
        told = f"`{_plain(default)}`"
    return f"| `{name}` | {_type(field.annotation)}{_limits(field.metadata)} | {told} |"


def _own(default: BaseModel) -> str:
    """A group's default, where it is not what the group's own table says."""
    if isinstance(default, SceneConfig):
        name = next((name for name in SCENES if SceneConfig.preset(name) == default), None)
        return "see there" if name is None else f"the ready scene `{name}`"
    fields = default.model_dump(mode="json", exclude_unset=True)
    return f"`{_plain(fields)}`, else see there" if fields else "see there"


def _is_long(value: object) -> bool:
    return isinstance(value, BaseModel) or len(str(value)) > 60


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_plain(item)}" for name, item in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def _type(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0]) + _limits(list(arguments[1:]))
    if origin is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"list of {_type(arguments[0])}"
        return f"{len(arguments)} × {_type(arguments[0])}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(argument) for argument in arguments)
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        name = annotation.__name__
        fault = next((kind for kind, model in FAULTS.items() if model is annotation), name)
        return f"[{fault}](#{fault.lower()})"
    names = {int: "whole number", float: "number", bool: "true or false", str: "text"}
    return "null" if annotation is type(None) else names.get(annotation, str(annotation))


def _limits(metadata: list[Any]) -> str:
    signs = {
        annotated_types.Ge: ("ge", "≥"),
        annotated_types.Gt: ("gt", ">"),
        annotated_types.Le: ("le", "≤"),
        annotated_types.Lt: ("lt", "<"),
        annotated_types.MinLen: ("min_length", "length ≥"),
        annotated_types.MaxLen: ("max_length", "length ≤"),
    }
    found = []
    for each in metadata:
        for inner in [each, *(each.metadata if isinstance(each, FieldInfo) else [])]:
            if type(inner) in signs:
                attribute, sign = signs[type(inner)]
                found.append(f"{sign} {getattr(inner, attribute):g}")
    return f" ({', '.join(found)})" if found else ""


if __name__ == "__main__":
    sys.stdout.write(page())
