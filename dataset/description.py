"""``dataset.json``: what a published dataset is, in one small file that is written last."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from bsd.document import Document, Part
from bsd.errors import UserMistake
from bsd.provenance import sha256_document, sha256_file, toolkit_version
from dataset.manifest import MANIFEST_NAME
from dataset.splits import SPLITS_NAME, Split

DESCRIPTION_NAME = "dataset.json"
DatasetName = Annotated[
    str, Field(max_length=100, pattern=r"^[A-Za-z0-9]([A-Za-z0-9 ._-]*[A-Za-z0-9_-])?$")
]
"""Becomes a part of file names: letters, digits, space and ``._-``, and no path."""


class Count(Part):
    """How many sequences a split has, and how many pairs of frames in all of them."""

    sequences: int = Field(ge=0)
    frames: int = Field(ge=0)


class LeftOut(Part):
    """Material that was given but is not in the dataset, and why."""

    scene: str
    reason: str


class Step(Part):
    """How far the picture of one sequence moves from one source frame to the next.

    Attributes
    ----------
    split, sequence
        The sequence.
    step_px
        The largest of `pairs` pairs of neighbours spread over the frames that are averaged; None
        where none shows enough texture.
    pairs
        How many pairs were looked at.
    """

    split: Split
    sequence: str
    step_px: float | None = Field(ge=0)
    pairs: int = Field(ge=0)


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
    steps
        Measured motion of each sequence's source; empty where none was measured.
    plan_sha256, manifest_sha256, splits_sha256
        Of the writer's plan and of the two files beside this one.
    own_sha256
        Of this document with this field empty: an edit by hand shows.
    """

    format: Literal["bsd-dataset"] = "bsd-dataset"
    format_version: Literal[1] = 1
    name: DatasetName
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
    steps: tuple[Step, ...] = ()
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


def read_sealed(root: Path) -> DatasetDescription:
    """The description of a published dataset whose three documents are as they were published.

    Raises
    ------
    UserMistake
        One of them is missing, damaged, or was changed.
    """
    way_out = "restore it from a copy, or make the dataset again in another folder"
    path = root / DESCRIPTION_NAME
    try:
        described = DatasetDescription.read(path)
    except UserMistake as error:
        raise UserMistake(f"{error}; {way_out}") from error
    if not described.is_sealed():
        raise UserMistake(
            f"{path}: was edited after it was published (own_sha256 differs); {way_out}"
        )
    for name, expected in (
        (MANIFEST_NAME, described.manifest_sha256),
        (SPLITS_NAME, described.splits_sha256),
    ):
        if not (root / name).is_file():
            raise UserMistake(f"{root / name}: missing; {way_out}")
        if sha256_file(root / name) != expected:
            raise UserMistake(
                f"{root / name}: changed since the dataset was published (python -m dataset.verify"
                f" {root} says more); {way_out}"
            )
    return described
