"""Scores a candidate on a test set by VDB-1: streams frames, scores beside the restoration."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numba

from benchmark import protocol, restoration
from benchmark.candidate import Candidate
from benchmark.judge import Judge, Keep, Verdict, frame_score, seed_scores
from benchmark.protocol import Mode, Pass, PatchRule
from benchmark.restoration import Frame
from benchmark.result import Patches, Result, SequenceScore, SetFacts, result_stem
from benchmark.summary import summarise, summarise_patches
from bsd.errors import UserMistake
from bsd.provenance import environment, toolkit_version
from dataset.splits import SPLITS
from dataset.tree import SequenceFiles, Tree
from models.errors import ModelMistake

PACKAGES = ("numba", "numpy", "opencv-python-headless", "scipy", "torch")
Advance = Callable[[int], None]


@dataclass
class _Run:
    """What stays the same over all sequences of one evaluation."""

    candidate: Candidate
    mode: Mode
    pool: ThreadPoolExecutor
    threads: int
    advance: Advance
    keep: Keep | None
    patches: PatchRule | None
    verdicts: list[Verdict] = field(default_factory=list)


def evaluate(
    candidate: Candidate,
    tree: Tree,
    split: str = "test",
    mode: Mode = "primary",
    *,
    all_frames: bool = False,
    patches: PatchRule | None = None,
    keep: Keep | None = None,
    threads: int = 1,
    advance: Advance | None = None,
) -> Result:
    """Score a candidate on one split; memory does not grow with the length of a sequence.

    Parameters
    ----------
    candidate
        A model or `Candidate.identity()`.
    tree, split
        The test set. All its sequences are scored, in the tree's order.
    mode
        See `benchmark.protocol`.
    all_frames
        Score the secondary set too, at the price of a second run over each sequence.
    patches
        Side and number of seeds of mode legacy-patch; default 256 px and 20.
    keep
        Frames of the scored set that are written as PNG while they come.
    threads
        Threads that read and score beside the restoration. No score depends on it.
    advance
        Called with 1 for each scored frame; `frames_to_score` gives the total.

    Raises
    ------
    UserMistake
        Where the split is missing, a sequence or frame is too short, small, damaged or of
        another size, the model does not fit, or a frame to keep is not scored. Lengths and
        sizes are checked before anything is restored.
    """
    rule = _patch_rule(mode, patches, all_frames)
    sequences = _sequences(tree, split)
    facts = _check(candidate, tree, split, sequences, mode, rule)
    _check_keep(candidate, sequences, mode, keep)
    pool = ThreadPoolExecutor(threads, "score", initializer=_one_thread_each)
    with pool:
        run = _Run(candidate, mode, pool, threads, advance or (lambda _: None), keep, rule)
        scores = [_sequence(run, i, files, all_frames) for i, files in enumerate(sequences)]
    first = protocol.primary_pass(len(sequences[0]), candidate.facts.past, candidate.facts.future)
    copies = (0, 0) if mode == "legacy-window" else (first.before, first.after)
    return Result(
        mode=mode,
        model=candidate.facts,
        checkpoint_sha256=candidate.checkpoint_sha256,
        training_sets=candidate.training_sets,
        seed=candidate.seed,
        test_set=facts,
        quantise="truncate" if mode == "legacy-window" else "round",
        boundary_rule="replicate" if any(copies) else "none",
        replicated_before=copies[0],
        replicated_after=copies[1],
        all_frames_rule="replicate" if all_frames else None,
        summary=summarise(scores),
        all_frames_summary=summarise(scores, all_frames=True) if all_frames else None,
        patches=_patches(run.verdicts, rule),
        sequences=tuple(scores),
        environment=environment(PACKAGES),
        toolkit=toolkit_version(),
    )


def _patches(verdicts: Sequence[Verdict], rule: PatchRule | None) -> Patches | None:
    return summarise_patches(rule.patch_px, seed_scores(verdicts, rule)) if rule else None


def frames_to_score(
    candidate: Candidate, tree: Tree, split: str, mode: Mode, all_frames: bool = False
) -> int:
    """How often `evaluate` will call `advance`."""
    total = 0
    for files in _sequences(tree, split):
        with _naming(files):
            total += len(_frames(candidate, files, mode)) + (len(files) if all_frames else 0)
    return total


def stem(
    candidate: Candidate,
    tree: Tree,
    split: str,
    mode: Mode,
    *,
    all_frames: bool = False,
    patches: PatchRule | None = None,
) -> str:
    """File name, without suffix, of the RESULT that `evaluate` gives for the same arguments."""
    rule = _patch_rule(mode, patches, all_frames)
    return result_stem(
        candidate.facts.name,
        candidate.checkpoint_sha256,
        tree.name,
        tree.identity,
        split,
        candidate.seed,
        mode,
        patch_px=rule.patch_px if rule else None,
        patch_seeds=rule.seeds if rule else None,
        all_frames=all_frames,
    )


def _one_thread_each() -> None:
    # Here and not in bsd.threads: this holds for the calling thread only, torch keeps its own.
    numba.set_num_threads(1)


def _patch_rule(mode: Mode, patches: PatchRule | None, all_frames: bool) -> PatchRule | None:
    if all_frames and mode != "primary":
        raise UserMistake(f"all frames are scored in mode primary only, not in {mode}")
    if mode != "legacy-patch":
        if patches is not None:
            raise UserMistake(f"patches belong to mode legacy-patch, not to {mode}")
        return None
    rule = patches or PatchRule()
    if rule.seeds < protocol.PATCH_SEEDS:
        raise UserMistake(
            f"{rule.seeds} seeds of random patches; mode legacy-patch needs at least "
            f"{protocol.PATCH_SEEDS} to say how far they spread"
        )
    return rule


def _sequences(tree: Tree, split: str) -> tuple[SequenceFiles, ...]:
    for name in SPLITS:
        if name == split:
            return tree.sequences(name)
    raise UserMistake(f"no split is called '{split}'; choose {', '.join(SPLITS)}")


@contextmanager
def _naming(files: SequenceFiles) -> Iterator[None]:
    """Put the sequence's folder in front of what the protocol refuses."""
    try:
        yield
    except (ModelMistake, protocol.ProtocolMistake) as error:
        raise UserMistake(f"{files.blurry[0].parent}: {error}") from error


def _frames(candidate: Candidate, files: SequenceFiles, mode: Mode) -> range:
    facts = candidate.facts
    return protocol.scored_frames(mode, len(files), facts.past, facts.future)


def _check(
    candidate: Candidate,
    tree: Tree,
    split: str,
    sequences: Sequence[SequenceFiles],
    mode: Mode,
    rule: PatchRule | None,
) -> SetFacts:
    height, width = sequences[0].shape[:2]
    total = 0
    for files in sequences:
        if files.shape[:2] != (height, width):
            raise UserMistake(
                f"{files.blurry[0].parent}: frames of {files.shape[1]}x{files.shape[0]} px, "
                f"sequence {sequences[0].name} has {width}x{height}; a test set has one size"
            )
        with _naming(files):
            protocol.check_size(mode, height, width, rule.patch_px if rule else protocol.PATCH_PX)
            total += len(_frames(candidate, files, mode))
    return SetFacts(
        name=tree.name,
        identity=tree.identity,
        split=split,
        width_px=width,
        height_px=height,
        sequences=len(sequences),
        frames=total,
        marks=tree.description.marks if tree.description else (),
    )


def _check_keep(
    candidate: Candidate, sequences: Sequence[SequenceFiles], mode: Mode, keep: Keep | None
) -> None:
    scored = {files.name: _frames(candidate, files, mode) for files in sequences}
    for name, frame in sorted(keep.frames if keep else ()):
        if name not in scored:
            raise UserMistake(f"frame {name}:{frame} cannot be kept: no sequence '{name}' here")
        if frame not in scored[name]:
            raise UserMistake(
                f"frame {name}:{frame} cannot be kept: frames {scored[name][0]} to "
                f"{scored[name][-1]} of it are scored"
            )


def _sequence(run: _Run, number: int, files: SequenceFiles, all_frames: bool) -> SequenceScore:
    facts, model = run.candidate.facts, run.candidate.model
    length = len(files)
    judge = Judge(files, number, model is None, run.patches, run.keep)
    if run.mode == "legacy-window":
        wanted = protocol.window_frames(length, facts.past, facts.future)
        source = restoration.restore_windows(model, judge.read, length)
        scored = _collect(run, judge, source, wanted)
    else:
        scored = _stream(run, judge, protocol.primary_pass(length, facts.past, facts.future))
    if run.patches:
        run.verdicts.extend(scored)
    whole: list[Verdict] = []
    if all_frames:
        plan = protocol.all_frames_pass(length, facts.past, facts.future)
        whole = _stream(run, replace(judge, keep=None), plan)
    return SequenceScore(
        name=files.name,
        scene=files.scene,
        length=length,
        frames=tuple(frame_score(verdict.index, verdict.model) for verdict in scored),
        identity=tuple(frame_score(verdict.index, verdict.identity) for verdict in scored),
        all_frames=tuple(frame_score(verdict.index, verdict.model) for verdict in whole),
        all_identity=tuple(frame_score(verdict.index, verdict.identity) for verdict in whole),
    )


def _stream(run: _Run, judge: Judge, plan: Pass) -> list[Verdict]:
    frames = (judge.read(index) for index in range(len(judge.files)))
    source = restoration.restore(run.candidate.model, frames, plan.before, plan.after)
    return _collect(run, judge, source, plan.frames)


def _collect(
    run: _Run, judge: Judge, source: Iterator[tuple[int, Frame]], wanted: range
) -> list[Verdict]:
    """Score what comes out of a restoration, at most two frames a thread waiting."""
    waiting: deque[Future[Verdict]] = deque()
    scored: list[Verdict] = []

    def take() -> None:
        scored.append(waiting.popleft().result())
        run.advance(1)

    try:
        with _naming(judge.files):
            for index, restored in source:
                if index in wanted:
                    waiting.append(run.pool.submit(judge.score, index, restored))
                if len(waiting) > 2 * run.threads:
                    take()
        while waiting:
            take()
    finally:
        for future in waiting:
            future.cancel()
    return scored
