"""From fast video to a published dataset of blurry and sharp pairs."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError

from bsd import command
from bsd.document import Part, first_fault
from bsd.errors import FoundBad, UserMistake
from bsd.provenance import sha256_document, toolkit_version
from bsd.threads import available_cores
from dataset.description import DESCRIPTION_NAME, DatasetDescription, DatasetName, Step
from dataset.executor import run_jobs
from dataset.image import size_text
from dataset.probe import Probe, ProbeRequest, probe
from dataset.recipe import Recipe
from dataset.scenejob import SceneJob, SequenceJob, make_scene
from dataset.splits import SPLITS, Split, Splits, assign
from dataset.tree import finish_tree, held_tree
from dataset.video import Source

log = logging.getLogger(__name__)


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

    name: DatasetName | None = None
    ratio: tuple[float, float, float] = (60, 20, 20)
    only: Split | None = None
    splits: dict[str, Split] | None = None
    sequence_frames: int | None = Field(default=None, ge=1)
    rate_hz: float | None = Field(default=None, gt=0)
    shutter_us: float | None = Field(default=None, ge=0)
    allow_rate_mismatch: bool = False
    keep_stepped: bool = False
    workers: int = Field(default_factory=available_cores, ge=1)

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Validate what a person typed; `UserMistake` names the option that is wrong."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise UserMistake(f"options: {first_fault(error)}") from error


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
    jobs = [job for found in probes if (job := _scene_job(found, recipe, splits, out)).sequences]
    total = sum(len(item.cut.windows) for job in jobs for item in job.sequences)
    with held_tree(out, _plan(probes, recipe, splits, options)) as state:
        if state == "finished":
            log.info("%s: is complete already", out)
            return DatasetDescription.read(out / DESCRIPTION_NAME)
        with command.progress("synthesize", total) as advance:
            run_jobs(make_scene, jobs, options.workers, advance)
        return finish_tree(out, _description(probes, jobs, recipe, options), splits)


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
                f"{source.path}: is {size_text(source.shape)}, but {first.path} is"
                f" {size_text(first.shape)}; a dataset has one size"
            )


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
    probes: Sequence[Probe], jobs: Sequence[SceneJob], recipe: Recipe, options: SynthesisOptions
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
        steps=_steps(jobs),
    )


def _steps(jobs: Sequence[SceneJob]) -> tuple[Step, ...]:
    """What was measured of each sequence, in the order of the splits."""
    items = [item for job in jobs for item in job.sequences]
    items.sort(key=lambda item: (SPLITS.index(item.split), int(item.sequence)))
    return tuple(
        Step(
            split=item.split,
            sequence=item.sequence,
            step_px=None if item.cut.step_px is None else round(item.cut.step_px, 3),
            pairs=item.cut.sampled_pairs,
        )
        for item in items
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
        shares = tuple(float(share) for share in rule.split(":"))
    except ValueError as error:
        raise UserMistake(f"--split {rule}: shares are numbers, such as 60:20:20") from error
    if not all(math.isfinite(share) for share in shares):
        raise UserMistake(f"--split {rule}: shares are numbers, such as 60:20:20")
    return shares
