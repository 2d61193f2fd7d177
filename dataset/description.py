"""``dataset.json``: what a published dataset is, in one small file that is written last."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from bsd.document import Document, Part, load_fields
from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes, sha256_document, sha256_file, toolkit_version
from dataset.manifest import MANIFEST_NAME
from dataset.sequence_facts import SequenceFacts
from dataset.splits import SPLITS_NAME, Split

DESCRIPTION_NAME = "dataset.json"
DatasetName = Annotated[
    str, Field(max_length=100, pattern=r"^[A-Za-z0-9]([A-Za-z0-9 ._-]*[A-Za-z0-9_-])?$")
]
"""Becomes a part of file names: letters, digits, space and ``._-``, and no path."""
DocumentName = Annotated[str, Field(max_length=110, pattern=r"^(qc/)?[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""Path below the root."""


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


class Revision(Part):
    """An earlier state of a dataset that was added to since.

    Attributes
    ----------
    revision
        Its number, from 1.
    manifest_sha256, plan_sha256
        What was published then; the manifest's hash was the dataset's identity.
    toolkit
        Version that published it.
    """

    revision: int = Field(ge=1)
    manifest_sha256: str
    plan_sha256: str
    toolkit: str


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
    sequences
        What is known of each captured sequence, in the order of the splits.
    licence
        Of the data: its SPDX name or the name of the file that was given; None where none was.
    revision, history
        How often the dataset was published, each time with more in it; the states before.
    documents
        Name → SHA-256 of what else was published: the datasheet, the licence, the plan.
    plan_sha256, manifest_sha256, splits_sha256
        Of the writer's plan and of the two files beside this one.
    own_sha256
        Of this document with this field empty: an edit by hand shows.
    """

    upgrades: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {1: dict}

    format: Literal["bsd-dataset"] = "bsd-dataset"
    format_version: Literal[2] = 2
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
    sequences: tuple[SequenceFacts, ...] = ()
    licence: str | None = None
    revision: int = Field(default=1, ge=1)
    history: tuple[Revision, ...] = ()
    documents: dict[DocumentName, str] = Field(default_factory=dict)
    plan_sha256: str = ""
    manifest_sha256: str = ""
    splits_sha256: str = ""
    own_sha256: str = ""

    def sealed(self) -> Self:
        """The same with `own_sha256` filled in."""
        unsealed = self.model_copy(update={"own_sha256": ""})
        return self.model_copy(update={"own_sha256": sha256_document(unsealed)})

    def hashes(self, everything: bool = True) -> dict[str, str]:
        """Name → SHA-256 of what was published beside this; else of manifest and splits only."""
        return {
            MANIFEST_NAME: self.manifest_sha256,
            SPLITS_NAME: self.splits_sha256,
            **(self.documents if everything else {}),
        }


def is_sealed(path: Path) -> bool:
    """Whether a description is as it was published, by the version of the format that it is in.

    Raises
    ------
    UserMistake
        It cannot be read.
    """
    fields = load_fields(path)
    if not isinstance(fields, dict):
        return False
    # As `Document.to_json` writes: the fields of an older version are not today's.
    text = json.dumps({**fields, "own_sha256": ""}, indent=2, ensure_ascii=False) + "\n"
    return fields.get("own_sha256") == sha256_bytes(text.encode())


def read_sealed(root: Path, everything: bool = True) -> DatasetDescription:
    """The description of a published dataset whose documents are as they were published.

    Parameters
    ----------
    root
        Its folder.
    everything
        False compares only the manifest and the splits, which decide what is read.

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
    if not is_sealed(path):
        raise UserMistake(
            f"{path}: was edited after it was published (own_sha256 differs); {way_out}"
        )
    for name, expected in described.hashes(everything).items():
        if not (root / name).is_file():
            raise UserMistake(f"{root / name}: missing; {way_out}")
        if sha256_file(root / name) != expected:
            raise UserMistake(
                f"{root / name}: changed since the dataset was published (python -m dataset.verify"
                f" {root} says more); {way_out}"
            )
    return described
