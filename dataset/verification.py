"""What a check of a dataset found: findings, verdicts on pairing, and both in one document."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal

from bsd.document import Part
from bsd.phrase import counted
from dataset.pairing import Verdict
from dataset.splits import Split

Kind = Literal[
    "missing",
    "extra",
    "link",
    "changed",
    "truncated",
    "swapped",
    "damaged",
    "unfinished",
    "shape",
    "count",
    "splits",
    "pairing",
]
Advance = Callable[[int], None]
Progress = Callable[[str, int], AbstractContextManager[Advance]]


class Finding(Part):
    """One thing that is wrong: which file or sequence (relative to the root), how, and in words."""

    path: str
    kind: Kind
    text: str


class PairingResult(Part):
    """The verdict of `dataset.pairing.judge` on one sequence, with its numbers."""

    split: Split
    sequence: str
    verdict: Verdict
    offset: int | None = None
    gain: float = 0.0
    agreement: float = 0.5
    detail_ratio: float = 1.0
    frames: int = 0
    text: str


class Verification(Part):
    """All that `dataset.inspection.verify` found.

    Attributes
    ----------
    root
        The folder as it was given.
    plain
        Whether there was no manifest to check against.
    hashed
        Whether the files' hashes were compared.
    files
        Files that were checked.
    findings, pairings
        What is wrong; the verdict on every sequence.
    """

    root: str
    plain: bool
    hashed: bool
    files: int
    findings: tuple[Finding, ...]
    pairings: tuple[PairingResult, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong; undetermined sequences are not wrong."""
        return not self.findings

    @property
    def undetermined(self) -> int:
        """Sequences of which nobody can say whether their pairs belong together."""
        return sum(1 for item in self.pairings if item.verdict == "undetermined")

    def summary(self) -> str:
        """One line."""
        state = "good" if self.good else f"BAD, {counted(len(self.findings), 'finding')}"
        how = "hashes equal" if self.hashed and self.good else "hashes compared"
        if not self.hashed:
            how = "no manifest, files decoded" if self.plain else "hashes not compared"
        total = len(self.pairings)
        matched = sum(1 for item in self.pairings if item.verdict == "ok")
        pairs = f"pairing verified in {matched} of {total} sequences"
        if self.undetermined:
            pairs += f", {self.undetermined} of {total} undetermined"
        return f"{self.root}: {state}; {counted(self.files, 'file')}, {how}; {pairs}"
