"""The plan of a dataset: all that decides its files, and how a later plan may add to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bsd.errors import UserMistake

_FREE = frozenset({"toolkit"})
"""May change from one revision to the next: each sequence records what built it."""


def plan_fields(content: bytes) -> dict[str, Any] | None:
    """The fields of a plan; None for what is no plan of ours."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def differing_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Names of the fields that are not the same, sorted; of a field of a field ``gates.ratio``."""
    found: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        one, other = old.get(name), new.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            found += [f"{name}.{below}" for below in differing_fields(one, other)]
        elif one != other:
            found.append(name)
    return found


def _is_new(old: Mapping[str, Any], name: str) -> bool:
    """Whether a plan has no such field: a version wrote it that did not know the option."""
    field, _, below = name.partition(".")
    if field not in old:
        return True
    inner = old[field]
    return bool(below) and isinstance(inner, dict) and _is_new(inner, below)


def refuse_shrinking(published: bytes, asked: bytes, growing: Sequence[str], where: str) -> None:
    """Raise `UserMistake` unless `asked` only adds to the published plan.

    An option that the published plan does not have is one of a later toolkit; what was published
    before stays as it is, so any value will do.

    Parameters
    ----------
    published, asked
        Plans as JSON text.
    growing
        Lists of the plan that may get items; the published ones stay, in their order.
    where
        The dataset's folder for the message.
    """
    old, new = plan_fields(published), plan_fields(asked)
    if old is None or new is None:
        raise UserMistake(f"{where}: the published plan cannot be read; give another folder")
    changed = [name for name in differing_fields(old, new) if name not in _FREE]
    known = [name for name in changed if not _is_new(old, name)]
    if options := [name for name in known if name not in growing]:
        raise UserMistake(
            f"{where}: holds a finished dataset that was built with other options (different:"
            f" {', '.join(options)}); it can only be added to with the same ones; give those, or"
            " another folder"
        )
    for name in changed:
        if name in growing and (lost := _first_lost(old.get(name), new.get(name))) is not None:
            raise UserMistake(
                f"{where}: holds a finished dataset of which the new plan lacks or moves"
                f" {_shortened(lost)} in '{name}'; what is published stays: give every earlier"
                " input again, unchanged, and the new ones, or another folder"
            )


def _first_lost(old: object, new: object) -> object | None:
    """The first item of `old` that `new` does not have behind those before it; None for none."""
    if not isinstance(old, list) or not isinstance(new, list):
        return f"the list ({type(old).__name__} and {type(new).__name__})"
    rest = iter(new)
    for item in old:
        if not any(other == item for other in rest):
            return item if item is not None else "null"
    return None


def _shortened(item: object) -> str:
    text = json.dumps(item, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:100]} …"
