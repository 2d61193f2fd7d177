"""From fast video to a published dataset of blurry and sharp pairs."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from bsd import command
from bsd.document import Part
from bsd.errors import FoundBad, UserMistake
from bsd.provenance import sha256_document, toolkit_version
from bsd.threads import available_cores
from dataset.blur import Window, blur_windows
from dataset.description import DESCRIPTION_NAME, DatasetDescription
from dataset.executor import Advance, ahead, run_jobs
from dataset.folder import Frame
from dataset.manifest import SyntheticSource
from dataset.probe import Cut, Probe, ProbeRequest, probe
from dataset.recipe import Recipe
from dataset.splits import Split, Splits, assign
from dataset.tree import SequenceWriter, finish_tree, open_tree
from dataset.video import Source

log = logging.getLogger(__name__)

_FRAMES_AHEAD = 6


class SynthesisOptions(Part):
    """How to use the inputs.

    Attributes
    ----------
    name
        The dataset's; default: recipe and variant.
    ratio
        Shares of train, valid and test.
    only
        Give every scene to this split.
    splits
        Scene → split, for those that a person decided.
    sequence_frames
        Pairs of a sequence; default: each input is one sequence.
    rate_hz, shutter_us
        Of all inputs, where the files do not say it or say it wrongly.
    allow_rate_mismatch, keep_stepped
        Use sources of another rate, and sequences above the recipe's step; both are marked.
    workers
        Cores to use. The files do not depend on it.
    """

    name: str | None = None
    ratio: tuple[float, float, float] = (60, 20, 20)
    only: Split | None = None
    splits: dict[str, Split] | None = None
    sequence_frames: int | None = Field(default=None, ge=1)
    rate_hz: float | None = Field(default=None, gt=0)
    shutter_us: float | None = Field(default=None, ge=0)
    allow_rate_mismatch: bool = False
    keep_stepped: bool = False
    workers: int = Field(default_factory=available_cores, ge=1)


@dataclass(frozen=True)
class SequenceJob:
    """One sequence of a source: where it goes and what it is made from."""

    split: Split
    sequence: str
    cut: Cut


@dataclass(frozen=True)
class SceneJob:
    """All sequences of one source, made in one pass over it."""

    root: Path
    source: Source
    recipe: Recipe
    recipe_sha256: str
    sequences: tuple[SequenceJob, ...]


def synthesize(
    inputs: Sequence[Path], recipe: Recipe, out: Path, options: SynthesisOptions
) -> DatasetDescription:
    """Make and publish a dataset; the same call again goes on after an interruption.

    Parameters
    ----------
    inputs
        Videos or folders of frames; the name of each, without its ending, is its scene.
    recipe
        How frames become pairs.
    out
        Folder to write; empty, absent, or begun by the same call.
    options
        See `SynthesisOptions`.

    Returns
    -------
    DatasetDescription
        As published.

    Raises
    ------
    UserMistake
        An input, an option or the folder does not fit; nothing was written.
    FoundBad
        No sequence is left that may be used; nothing was written.
    """
    probes = _probed(inputs, recipe, options)
    splits = assign(
        None,
        [(found.source.name, len(found.cuts)) for found in probes],
        options.ratio,
        options.only,
        options.splits,
    )
    state = open_tree(out, _plan(probes, recipe, splits, options))
    if state == "finished":
        log.info("%s: is complete already", out)
        return DatasetDescription.read(out / DESCRIPTION_NAME)
    jobs = [job for found in probes if (job := _scene_job(found, recipe, splits, out)).sequences]
    total = sum(len(item.cut.windows) for job in jobs for item in job.sequences)
    with command.progress("synthesize", total) as advance:
        run_jobs(make_scene, jobs, options.workers, advance)
    return finish_tree(out, _description(probes, recipe, options), splits)


def _probed(inputs: Sequence[Path], recipe: Recipe, options: SynthesisOptions) -> tuple[Probe, ...]:
    if not inputs:
        raise UserMistake("no input: give at least one video or folder of frames")
    requests = [
        ProbeRequest(
            path,
            recipe,
            options.rate_hz,
            options.shutter_us,
            options.allow_rate_mismatch,
            options.keep_stepped,
            options.sequence_frames,
        )
        for path in inputs
    ]
    probes = run_jobs(probe, requests, options.workers)
    _check_together(probes)
    _tell(probes)
    if not any(found.cuts for found in probes):
        reasons = "; ".join(f"{item.scene}: {item.reason}" for p in probes for item in p.left_out)
        raise FoundBad(
            f"nothing to publish, all of it is left out: {reasons}; use other sources, or"
            " --keep-stepped where steps are wanted"
        )
    return tuple(sorted(probes, key=lambda found: found.source.name))


def _tell(probes: Sequence[Probe]) -> None:
    """Say the times once for all sources that share them, and what is left out."""
    sharing: dict[str, list[str]] = {}
    for found in probes:
        sharing.setdefault(found.times.sentence(), []).append(found.source.name)
    for sentence, names in sharing.items():
        who = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        log.info("%s: %s", who, sentence)
    for found in probes:
        for item in found.left_out:
            log.warning("%s: left out: %s", item.scene, item.reason)


def _check_together(probes: Sequence[Probe]) -> None:
    """One size, and each recording once."""
    names: dict[str, Source] = {}
    contents: dict[str, Source] = {}
    first = probes[0].source
    for found in probes:
        source = found.source
        if (other := names.setdefault(source.name, source)) is not source:
            raise UserMistake(
                f"{source.path} and {other.path}: both are scene '{source.name}'; rename one"
            )
        if (other := contents.setdefault(source.sha256, source)) is not source:
            raise UserMistake(
                f"{source.path} and {other.path}: are the same recording, which must not stand in"
                " two splits; give it once"
            )
        if source.shape != first.shape:
            raise UserMistake(
                f"{source.path}: is {_size(source)}, but {first.path} is {_size(first)}; a dataset"
                " has one size"
            )


def _size(source: Source) -> str:
    return f"{source.shape[1]}×{source.shape[0]}"


def _plan(
    probes: Sequence[Probe], recipe: Recipe, splits: Splits, options: SynthesisOptions
) -> str:
    """All that decides the files, as JSON: no path, no number of workers."""
    plan = {
        "verb": "dataset.synthesize",
        "toolkit": toolkit_version(),
        "name": _name(recipe, options),
        "recipe": recipe.model_dump(mode="json"),
        "inputs": [
            {
                "scene": found.source.name,
                "name": found.source.path.name,
                "sha256": found.source.sha256,
                "times": found.times.model_dump(mode="json"),
                "cuts": [
                    [cut.windows[0].first, len(cut.windows), list(cut.marks)] for cut in found.cuts
                ],
            }
            for found in probes
        ],
        "splits": splits.model_dump(mode="json")["sequences"],
    }
    return json.dumps(plan, indent=2, ensure_ascii=False) + "\n"


def _name(recipe: Recipe, options: SynthesisOptions) -> str:
    return options.name or f"{recipe.name}-{recipe.variant}"


def _scene_job(found: Probe, recipe: Recipe, splits: Splits, root: Path) -> SceneJob:
    places = splits.of_scene(found.source.name)
    sequences = tuple(
        SequenceJob(place.split, place.sequence, cut)
        for place, cut in zip(places, found.cuts, strict=True)
    )
    return SceneJob(root, found.source, recipe, sha256_document(recipe), sequences)


def _description(
    probes: Sequence[Probe], recipe: Recipe, options: SynthesisOptions
) -> DatasetDescription:
    used = [found for found in probes if found.cuts]
    rates = {found.times.output_rate_hz for found in used}
    marks = {mark for found in used for cut in found.cuts for mark in cut.marks}
    return DatasetDescription(
        name=_name(recipe, options),
        kind="synthetic",
        rate_hz=rates.pop() if len(rates) == 1 else None,
        recipe=recipe.model_dump(mode="json"),
        times={found.source.name: found.times.model_dump(mode="json") for found in used},
        marks=tuple(sorted(marks)),
        frames_left_out=tuple(item for found in probes for item in found.left_out),
    )


def make_scene(job: SceneJob, threads: int, advance: Advance) -> None:
    """Write all sequences of one source that are not complete yet.

    Parameters
    ----------
    job
        The source and its sequences.
    threads
        Threads for each of decoding, blurring and encoding.
    advance
        Is told of every pair, those of an earlier run included.
    """
    todo: list[tuple[SequenceJob, tuple[Window, ...]]] = []
    for item in job.sequences:
        with SequenceWriter(job.root, item.split, item.sequence, threads) as writer:
            done = writer.frames_done
        advance(done)
        if done < len(item.cut.windows):
            todo.append((item, item.cut.windows[done:]))
    if not todo:
        return
    windows = [window for _, rest in todo for window in rest]
    table = job.recipe.response.sum_table(job.recipe.window.frames)
    with closing(ahead(_numbered(job.source, windows, threads), _FRAMES_AHEAD)) as frames:
        pairs = blur_windows(frames, windows, table, threads)
        for item, rest in todo:
            with SequenceWriter(job.root, item.split, item.sequence, threads) as writer:
                # A frame that was lost since the first look begins earlier than was planned for.
                if len(item.cut.windows) - writer.frames_done != len(rest):
                    raise UserMistake(
                        f"{job.root}: is being changed while it is written; run again"
                    )
                for _, (window, blurry, sharp) in zip(rest, pairs, strict=False):
                    writer.append(blurry, sharp, _origin(job, item, window))
                    advance(1)
        for _ in frames:  # the source checks at its end that it was whole
            pass


def _numbered(
    source: Source, windows: Sequence[Window], threads: int
) -> Iterator[tuple[int, Frame]]:
    """The frames that some window needs, with their numbers."""
    needed = np.zeros(source.frame_count, dtype=np.bool_)
    for window in windows:
        needed[window.first : window.first + window.frames] = True
    numbers = np.flatnonzero(needed)
    source = copy.copy(source)
    source.threads = threads
    frames = source.frames(int(numbers[0]), needed.__getitem__)
    return zip(map(int, numbers), frames, strict=True)


def _origin(job: SceneJob, item: SequenceJob, window: Window) -> SyntheticSource:
    return SyntheticSource(
        scene=job.source.name,
        input_name=job.source.path.name,
        input_sha256=job.source.sha256,
        recipe=job.recipe.title,
        recipe_sha256=job.recipe_sha256,
        first_frame=window.first,
        frame_count=window.frames,
        sharp_frame=window.sharp,
        rate_hz=float(job.source.rate_hz),
        shutter_us=job.source.shutter_us,
        marks=item.cut.marks,
    )


def parse_splits(rules: Sequence[str]) -> Mapping[str, object]:
    """Fields of `SynthesisOptions` from ``train``, ``60:20:20`` and ``SCENE=test`` rules.

    Raises
    ------
    UserMistake
        A rule of another form, or two general ones.
    """
    fields: dict[str, object] = {}
    chosen: dict[str, str] = {}
    for rule in rules:
        scene, sign, split = rule.rpartition("=")
        if sign and scene and split in ("train", "valid", "test"):
            chosen[scene] = split
        elif rule in ("train", "valid", "test") and not fields:
            fields["only"] = rule
        elif rule.count(":") == 2 and not fields:
            fields["ratio"] = _ratio(rule)
        else:
            raise UserMistake(
                f"--split {rule}: write train, valid or test, or shares such as 60:20:20, once;"
                " and SCENE=test for single scenes"
            )
    return fields | ({"splits": chosen} if chosen else {})


def _ratio(rule: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in rule.split(":"))
    except ValueError as error:
        raise UserMistake(f"--split {rule}: shares are numbers, such as 60:20:20") from error
