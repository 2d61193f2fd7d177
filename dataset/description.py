"""``dataset.json``: what a published dataset is, in one small file that is written last."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field

from bsd.document import Document, Part
from bsd.provenance import sha256_document, toolkit_version
from dataset.splits import Split

DESCRIPTION_NAME = "dataset.json"


class Count(Part):
    """How many sequences a split has, and how many pairs of frames in all of them."""

    sequences: int = Field(ge=0)
    frames: int = Field(ge=0)


class LeftOut(Part):
    """Material that was given but is not in the dataset, and why."""

    scene: str
    reason: str


class DatasetDescription(Document):
    """``dataset.json``.

    Attributes
    ----------
    name, kind
        What it is called, and whether its pairs were synthesized or captured.
    rate_hz
        Pairs per second; None where sequences differ.
    width_px, height_px, counts
        Of the frames; `dataset.tree.finish_tree` fills in what is left at its default.
    recipe
        The resolved recipe, or None.
    times
        Exposure times that the recipe stands for, or None.
    marks
        All marks that occur in the manifest, sorted.
    toolkit
        Version of the toolkit that wrote it.
    frames_left_out
        Scenes of which frames were not used.
    plan_sha256, manifest_sha256, splits_sha256
        Of the writer's plan and of the two files beside this one.
    own_sha256
        Of this document with this field empty: an edit by hand shows.
    """

    format: Literal["bsd-dataset"] = "bsd-dataset"
    format_version: Literal[1] = 1
    name: str = Field(min_length=1)
    kind: Literal["synthetic", "capture"]
    rate_hz: float | None = Field(default=None, gt=0)
    width_px: int = Field(default=0, ge=0)
    height_px: int = Field(default=0, ge=0)
    counts: dict[Split, Count] = Field(default_factory=dict)
    recipe: dict[str, Any] | None = None
    times: dict[str, Any] | None = None
    marks: tuple[str, ...] = ()
    toolkit: str = Field(default_factory=toolkit_version)
    frames_left_out: tuple[LeftOut, ...] = ()
    plan_sha256: str = ""
    manifest_sha256: str = ""
    splits_sha256: str = ""
    own_sha256: str = ""

    def sealed(self) -> Self:
        """The same with `own_sha256` filled in."""
        return self.model_copy(update={"own_sha256": self._own_hash()})

    def is_sealed(self) -> bool:
        """Whether nothing was changed since it was sealed."""
        return self.own_sha256 == self._own_hash()

    def _own_hash(self) -> str:
        return sha256_document(self.model_copy(update={"own_sha256": ""}))
