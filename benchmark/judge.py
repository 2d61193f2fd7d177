"""Scores one restored frame, and the blurry frame beside it, against the sharp partner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmark.protocol import PSNR_CAP_DB, PatchRule, patch_corner
from benchmark.restoration import Frame
from benchmark.result import FrameScore, SeedScore
from bsd.document import write_bytes
from bsd.errors import UserMistake
from calibration.fidelity import psnr, ssim
from dataset.png import encode_png
from dataset.tree import SequenceFiles

Fidelity = tuple[float, float]
"""PSNR in dB and SSIM."""


@dataclass(frozen=True)
class Keep:
    """Restored frames to be kept as PNG: `folder`/SEQUENCE/FRAME.png for each (sequence, frame)."""

    folder: Path
    frames: frozenset[tuple[str, int]]

    def path(self, sequence: str, frame: int) -> Path:
        """Where a kept frame lies; eight digits as in the dataset's tree."""
        return self.folder / sequence / f"{frame:08d}.png"


@dataclass(frozen=True)
class Verdict:
    """Scores of one frame: of the whole frame, or in mode legacy-patch one for each seed."""

    index: int
    model: tuple[Fidelity, ...]
    identity: tuple[Fidelity, ...]


@dataclass(frozen=True)
class Judge:
    """Reads and scores the frames of one sequence; holds none, so threads may share it.

    Attributes
    ----------
    files, number
        The sequence and its place in the split, which seeds the patches.
    is_identity
        Whether what is judged is the blurry frame itself.
    patches
        Score these patches instead of whole frames.
    keep
        Frames to write as they come.
    """

    files: SequenceFiles
    number: int
    is_identity: bool
    patches: PatchRule | None = None
    keep: Keep | None = None

    def read(self, index: int) -> Frame:
        """Blurry frame `index`, refused where its size is not the first frame's."""
        frame = self.files.read_blurry(index)
        expected = self.files.shape
        if frame.shape != expected:
            raise UserMistake(
                f"{self.files.blurry[index]}: {frame.shape[1]}x{frame.shape[0]} px, the sequence "
                f"has {expected[1]}x{expected[0]}; run python -m dataset.verify"
            )
        return frame

    def score(self, index: int, restored: Frame) -> Verdict:
        """Score restored frame `index`, (H, W, 3) uint8, and the blurry one the same way."""
        sharp = self.files.read_sharp(index)
        if sharp.shape != restored.shape:
            raise UserMistake(
                f"{self.files.sharp[index]}: {sharp.shape[1]}x{sharp.shape[0]} px, its blurry "
                f"partner has {restored.shape[1]}x{restored.shape[0]}; run python -m dataset.verify"
            )
        if self.keep is not None and (self.files.name, index) in self.keep.frames:
            path = self.keep.path(self.files.name, index)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, encode_png(restored))
        ours = self._fidelities(index, restored, sharp)
        if self.is_identity:
            return Verdict(index, ours, ours)
        # Read a second time: cheaper than holding frames until their restoration comes.
        return Verdict(index, ours, self._fidelities(index, self.read(index), sharp))

    def _fidelities(self, index: int, frame: Frame, sharp: Frame) -> tuple[Fidelity, ...]:
        if self.patches is None:
            return (fidelity(frame, sharp),)
        height, width = sharp.shape[:2]
        side = self.patches.patch_px
        found = []
        for seed in range(self.patches.seeds):
            row, column = patch_corner(seed, self.number, index, height, width, side)
            window = (slice(row, row + side), slice(column, column + side))
            found.append(fidelity(frame[window], sharp[window]))
        return tuple(found)


def fidelity(frame: Frame, sharp: Frame) -> Fidelity:
    """PSNR in dB, capped at 100, and SSIM of two (H, W, 3) uint8 frames, as VDB-1 defines them."""
    return psnr(frame, sharp, cap_db=PSNR_CAP_DB), ssim(frame, sharp)


def frame_score(index: int, found: Sequence[Fidelity]) -> FrameScore:
    """A frame's entry in a RESULT: its score, or the mean over the seeds of its patches."""
    return FrameScore(
        index=index,
        psnr_db=fmean(psnr_db for psnr_db, _ in found),
        ssim=fmean(similarity for _, similarity in found),
    )


def seed_scores(verdicts: Sequence[Verdict], rule: PatchRule) -> tuple[SeedScore, ...]:
    """Means over all frames for each seed of mode legacy-patch."""
    return tuple(
        SeedScore(
            seed=seed,
            psnr_db=fmean(verdict.model[seed][0] for verdict in verdicts),
            ssim=fmean(verdict.model[seed][1] for verdict in verdicts),
            identity_psnr_db=fmean(verdict.identity[seed][0] for verdict in verdicts),
            identity_ssim=fmean(verdict.identity[seed][1] for verdict in verdicts),
        )
        for seed in range(rule.seeds)
    )
