"""Defaults of a document, for whatever a file leaves out of a group that it names.

A group's default may differ from what its class alone would give: camera 1 has a filter, camera 2 a
mirror. Whoever writes one field of such a group means to change that field only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import model_validator

from bsd.document import Part


class FilledPart(Part):
    """A group of fields whose groups are filled up from its own defaults."""

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, fields: Any) -> Any:
        return filled(cls, fields)


def filled(model: type[Part], fields: Any) -> Any:
    """Raw fields of a model, groups filled up from the model's own defaults.

    Parameters
    ----------
    model
        Whose defaults hold.
    fields
        As they were given. Groups are merged at every depth; lists, single values and groups that
        are objects already replace the default whole. What is no mapping comes back as it is, for
        the model to refuse.
    """
    if not isinstance(fields, Mapping):
        return fields
    whole = dict(fields)
    for name, field in model.model_fields.items():
        if isinstance(field.default, Part) and isinstance(whole.get(name), Mapping):
            whole[name] = _merged(field.default.model_dump(), whole[name])
    return whole


def _merged(default: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**default, **given}
    for name, value in given.items():
        before = default.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(before, value)
    return merged
