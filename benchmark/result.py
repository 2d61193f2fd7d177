"""The RESULT document: what a model scored on a test set, frame by frame, and how."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from benchmark.protocol import PROTOCOL, PSNR_CAP_DB, Mode, Version
from bsd.document import Document, Part, write_bytes
from bsd.provenance import Environment

Metric = Literal["psnr_db", "ssim"]
IDENTITY = "identity"
_WORD_CHARACTERS = 48

CSV_COLUMNS = (
    "sequence",
    "scene",
    "set",
    "frame",
    "psnr_db",
    "ssim",
    "identity_psnr_db",
    "identity_ssim",
)


class ModelFacts(Part):
    """The model that was scored; `past`, `future` and `multiple` are what it asks of a sequence."""

    name: str
    config: dict[str, JsonValue]
    skip: str | None
    past: int = Field(ge=0)
    future: int = Field(ge=0)
    multiple: int = Field(ge=1)
    parameters: int = Field(ge=0)
    note: str = ""


class TrainingSet(Part):
    """A dataset that a model was trained on, by name and identity hash."""

    name: str
    identity: str


class SetFacts(Part):
    """The test set: `identity` is its manifest's SHA-256, or for a plain tree the files' hash."""

    name: str
    identity: str
    split: str
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    sequences: int = Field(ge=1)
    frames: int = Field(ge=1)
    marks: tuple[str, ...] = ()


class FrameScore(Part):
    """One frame against its sharp partner; PSNR is capped at 100 dB."""

    index: int = Field(ge=0)
    psnr_db: float = Field(le=PSNR_CAP_DB)
    ssim: float = Field(ge=-1.0, le=1.0)


class SequenceScore(Part):
    """One sequence: the model's frames and, beside each, the blurry frame scored the same way.

    `frames` and `identity` hold the same indices; so do `all_frames` and `all_identity`, which
    are empty unless the secondary set was asked for.
    """

    name: str
    scene: str | None
    length: int = Field(ge=1)
    frames: tuple[FrameScore, ...] = Field(min_length=1)
    identity: tuple[FrameScore, ...] = Field(min_length=1)
    all_frames: tuple[FrameScore, ...] = ()
    all_identity: tuple[FrameScore, ...] = ()

    @model_validator(mode="after")
    def _pairs_fit(self) -> Self:
        for name, frames, identity in (
            ("frames", self.frames, self.identity),
            ("all_frames", self.all_frames, self.all_identity),
        ):
            indices = [frame.index for frame in frames]
            if indices != [frame.index for frame in identity]:
                raise ValueError(f"sequence {self.name}: {name} and identity are not of one set")
            if indices != sorted(set(indices)) or (indices and indices[-1] >= self.length):
                raise ValueError(f"sequence {self.name}: {name} are out of order or too many")
        if self.all_frames and len(self.all_frames) != self.length:
            raise ValueError(f"sequence {self.name}: all_frames are not all {self.length}")
        return self


class Interval(Part):
    """A mean over independent units with its confidence interval; ends are None where n is 1."""

    mean: float
    low: float | None
    high: float | None
    n: int = Field(ge=1)
    unit: Literal["recording", "sequence"]
    method: Literal["t", "bootstrap"]
    level: float


class Row(Part):
    """One line of the table; of each pair of intervals the first is t, the second bootstrap."""

    frame_psnr_db: float
    frame_ssim: float
    sequence_psnr_db: float
    sequence_ssim: float
    psnr_db: tuple[Interval, Interval]
    ssim: tuple[Interval, Interval]


class Difference(Part):
    """Model minus identity, each unit against itself; `better` counts units above 0 dB."""

    psnr_db: tuple[Interval, Interval]
    ssim: tuple[Interval, Interval]
    better: int = Field(ge=0)


class Summary(Part):
    """The table of one score set."""

    model: Row
    identity: Row
    difference: Difference


class SeedScore(Part):
    """Frame means of one seed's random patches."""

    seed: int
    psnr_db: float
    ssim: float
    identity_psnr_db: float
    identity_ssim: float


class Spread(Part):
    """Mean and sample standard deviation over the seeds."""

    mean: float
    deviation: float = Field(ge=0)


class Patches(Part):
    """What mode legacy-patch adds: each seed's score and how far seeds lie apart."""

    patch_px: int = Field(ge=1)
    seeds: tuple[SeedScore, ...] = Field(min_length=2)
    psnr_db: Spread
    ssim: Spread
    identity_psnr_db: Spread
    identity_ssim: Spread


class Result(Document):
    """RESULT: one model on one split of one test set, by one protocol in one mode.

    Attributes
    ----------
    boundary_rule, replicated_before, replicated_after
        ``replicate`` where the model needs more context than the score set leaves it, with the
        number of copies at each end; else ``none``, 0 and 0.
    all_frames_rule
        Rule of the secondary set, None where it was not asked for.
    patches
        Present in mode legacy-patch only.
    """

    format: Literal["bsd-result"] = "bsd-result"
    format_version: Literal[1] = 1
    protocol: Version = PROTOCOL
    mode: Mode
    model: ModelFacts
    checkpoint_sha256: str | None
    training_sets: tuple[TrainingSet, ...] = ()
    seed: int | None
    test_set: SetFacts
    quantise: Literal["round", "truncate"]
    boundary_rule: Literal["none", "replicate"]
    replicated_before: int = Field(ge=0)
    replicated_after: int = Field(ge=0)
    all_frames_rule: Literal["replicate"] | None = None
    summary: Summary
    all_frames_summary: Summary | None = None
    patches: Patches | None = None
    sequences: tuple[SequenceScore, ...] = Field(min_length=1)
    environment: Environment
    toolkit: str

    @model_validator(mode="after")
    def _set_fits(self) -> Self:
        if (self.patches is not None) != (self.mode == "legacy-patch"):
            raise ValueError("patches belong to mode legacy-patch, and to no other")
        count = sum(len(sequence.frames) for sequence in self.sequences)
        if (len(self.sequences), count) != (self.test_set.sequences, self.test_set.frames):
            raise ValueError(
                f"{count} frames of {len(self.sequences)} sequences are listed, test_set says "
                f"{self.test_set.frames} of {self.test_set.sequences}"
            )
        return self

    @property
    def stem(self) -> str:
        """File name without suffix; see `result_stem`."""
        return result_stem(
            self.model.name,
            self.checkpoint_sha256,
            self.test_set.name,
            self.test_set.identity,
            self.test_set.split,
            self.seed,
            self.mode,
            patch_px=self.patches.patch_px if self.patches else None,
            patch_seeds=len(self.patches.seeds) if self.patches else None,
            all_frames=self.all_frames_rule is not None,
        )


def result_stem(
    model: str,
    checkpoint_sha256: str | None,
    test_set: str,
    identity: str,
    split: str,
    seed: int | None,
    mode: str,
    *,
    patch_px: int | None = None,
    patch_seeds: int | None = None,
    all_frames: bool = False,
) -> str:
    """File name of a RESULT without suffix: all that changes its numbers, save the machine.

    Hashes are cut to eight digits; names as in `file_word`.

    Parameters
    ----------
    model, checkpoint_sha256, seed
        Whose scores they are; None and None for identity.
    test_set, identity, split
        What was scored.
    mode, patch_px, patch_seeds, all_frames
        How; the patches' side and number of seeds in mode ``legacy-patch``, and whether the
        secondary set is in it too.

    Examples
    --------
    >>> result_stem("estrnn", "1a2b3c4d5e6f", "BSD_2ms16ms", "9f8e7d6c5b4a", "test", 0, "primary")
    'estrnn_1a2b3c4d_BSD-2ms16ms_9f8e7d6c_test_seed0_VDB-1_primary'
    """
    words = (
        model,
        (checkpoint_sha256 or "")[:8],
        test_set,
        identity[:8],
        split,
        "" if seed is None else f"seed{seed}",
        PROTOCOL,
        mode,
        "" if patch_px is None else f"{patch_px}px",
        "" if patch_seeds is None else f"{patch_seeds}seeds",
        "all-frames" if all_frames else "",
    )
    return "_".join(file_word(word) for word in words if word)


def file_word(text: str) -> str:
    """A text as part of a file name: what is no letter, digit, dot or hyphen becomes a hyphen.

    At most 48 characters are left; a hash beside it has to tell long names apart.

    Examples
    --------
    >>> file_word("../../a set")
    '..-..-a-set'
    """
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text)[:_WORD_CHARACTERS]


def write_csv(result: Result, path: Path) -> None:
    """Write one line for each scored frame, columns `CSV_COLUMNS`, atomically.

    `set` is the mode, or ``all-frames`` for the secondary set. Numbers are written in full.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for sequence in result.sequences:
        sets = (
            (result.mode, sequence.frames, sequence.identity),
            ("all-frames", sequence.all_frames, sequence.all_identity),
        )
        for name, frames, identity in sets:
            for frame, blurry in zip(frames, identity, strict=True):
                writer.writerow(
                    (
                        sequence.name,
                        sequence.scene or "",
                        name,
                        frame.index,
                        frame.psnr_db,
                        frame.ssim,
                        blurry.psnr_db,
                        blurry.ssim,
                    )
                )
    write_bytes(path, text.getvalue().encode())


def write_result(result: Result, folder: Path) -> Path:
    """Write ``STEM.csv``, then ``STEM.json``, into a folder that is made; return the JSON's path.

    A result of the same key is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Not with_suffix: a data set's name may hold a dot.
    write_csv(result, folder / f"{result.stem}.csv")
    path = folder / f"{result.stem}.json"
    result.write(path)
    return path
