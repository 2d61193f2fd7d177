"""Where a result comes from: the test set, the model, its training, and the versions of it all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.charts import Line, line_chart
from benchmark.result import IDENTITY, Result
from bsd.errors import UserMistake
from bsd.page import (
    Block,
    Code,
    Column,
    Details,
    Facts,
    Figure,
    FigureRow,
    Paragraph,
    Table,
    grouped,
)
from bsd.phrase import counted

if TYPE_CHECKING:
    from benchmark.macs import Cost
    from dataset.tree import DatasetDescription, Tree

_RENDERED = (
    "This material is controlled, not real: its blur was computed by averaging sharp frames, its"
    " scenes and motion are known. A gain here shows that the chain from frames to a scored model"
    " works; it does not say how well the model deblurs what a camera recorded."
)
_SYNTHETIC = (
    "This material is synthetic: its blurry frames are averages of frames of a faster video, not"
    " exposures of a camera. A gain here does not say how well the model deblurs what a camera"
    " recorded."
)
RENDERED_RECIPE = "rendered"
"""Recipe of `dataset.render`'s clips, whose scenes and motion are known because it made them."""
_CURVES = (
    (
        ("train", "loss"),
        "loss",
        "Training loss, mean since the point before; 1 is the frames’ full range.",
    ),
    (("train", "lr"), "learning rate", "Learning rate."),
    (
        ("valid", "gain_db"),
        "PSNR gain, dB",
        "Gain over the blurry input on excerpts of the validation split.",
    ),
)


def caution(tree: Tree) -> str:
    """What a dataset's kind means for a number that was made on it; empty for recorded pairs."""
    about = tree.description
    if about is None:
        return "The test set has no manifest, so how it was made is not known here."
    if about.kind != "synthetic":
        return ""
    return _RENDERED if (about.recipe or {}).get("name") == RENDERED_RECIPE else _SYNTHETIC


def dataset_blocks(tree: Tree) -> tuple[Block, ...]:
    """Facts of a dataset: counts, recipe, times, marks, what was left out."""
    about = tree.description
    if about is None:
        rows = [
            (split, str(len(sequences)), str(sum(len(each) for each in sequences)))
            for split, sequences in tree.splits.items()
            if sequences
        ]
        return (
            Paragraph(f"{tree.name} is a plain tree, as published, without a manifest."),
            Table((Column("split"), Column("sequences"), Column("frames")), rows),
        )
    blocks: list[Block] = [_counts(tree, about)]
    blocks.append(facts_table("How the dataset was made.", _making(about)))
    if about.frames_left_out:
        left_out = [(each.scene, each.reason) for each in about.frames_left_out]
        columns = (Column("left-out scene"), Column("reason"))
        blocks.append(Table(columns, left_out, "Left out, and why."))
    else:
        blocks.append(Paragraph("No scene was left out."))
    if about.recipe is not None:
        blocks.append(Details("The recipe in full", (facts_table("", about.recipe),)))
    return tuple(blocks)


def model_blocks(result: Result, cost: Cost | None) -> tuple[Block, ...]:
    """The model's card: configuration, the skip by name, context, parameters, cost."""
    model = result.model
    if model.name == IDENTITY:
        return (Paragraph("No model: the blurry frames themselves were scored."),)
    facts: dict[str, object] = {
        "model": model.name,
        "skip": f"{model.skip}{_skip_meaning(model.skip)}",
        "context": f"{model.past} past and {counted(model.future, 'future frame')}",
        "latency": counted(model.future, "frame"),
        "frame sides padded to multiples of": f"{model.multiple} px",
        "parameters": grouped(model.parameters),
    }
    if cost is not None:
        at = f"at {cost.width_px} × {cost.height_px} px"
        facts["multiply-accumulates, exact"] = f"{cost.exact_macs / 1e9:.3f} G a frame {at}"
        facts["multiply-accumulates, papers’ rule"] = f"{cost.legacy_macs / 1e9:.3f} G a frame {at}"
        facts["state between frames"] = f"{cost.state_bytes / 2**20:.2f} MiB of float32"
    if model.note:
        facts["note"] = model.note
    for each in result.training_sets:
        facts[f"trained on {each.name}"] = f"identity {each.identity}"
    return (
        facts_table("", facts),
        Details("Its configuration", (facts_table("", model.config),)),
    )


def training_blocks(run: Path, result: Result) -> tuple[Block, ...]:
    """Curves of a RUN and the configuration that made it.

    Raises
    ------
    UserMistake
        No such folder, a file of it missing or damaged, or its weights are not the scored ones.
    """
    from benchmark.checkpoint import CARD_NAME, ModelCard
    from benchmark.run import CONFIG_NAME, ENVIRONMENT_NAME, METRICS_NAME, RunEnvironment

    if not run.is_dir():
        raise UserMistake(f"{run}: no such folder; give the folder of a training run")
    card = ModelCard.read(run / CARD_NAME)
    if result.checkpoint_sha256 not in (None, card.weights_sha256):
        raise UserMistake(
            f"{run}: holds other weights (SHA-256 {card.weights_sha256[:12]}…) than the result"
            f" was scored with ({str(result.checkpoint_sha256)[:12]}…); give the run of the result"
        )
    metrics = read_metrics(run / METRICS_NAME)
    figures = [_metric_figure(metrics, *curve) for curve in _CURVES]
    words = (
        f"{grouped(card.iterations)} iteration{'s' * (card.iterations != 1)} from seed"
        f" {card.seed}; settings’ SHA-256 {card.train_config_sha256[:12] or 'not known'}."
    )
    blocks: list[Block] = [
        Paragraph(words),
        FigureRow([figure for figure in figures if figure is not None]),
    ]
    if (run / CONFIG_NAME).is_file():
        text = read_text(run / CONFIG_NAME)
        blocks.append(Details("The training’s configuration", (Code(text),)))
    if (run / ENVIRONMENT_NAME).is_file():
        stretches = RunEnvironment.read(run / ENVIRONMENT_NAME).stretches
        tables = [facts_table("", stretch.model_dump()) for stretch in stretches]
        blocks.append(Details("The machine it was trained on", tables))
    return tuple(blocks)


def read_metrics(path: Path) -> tuple[Mapping[str, Any], ...]:
    """Lines of a RUN's ``metrics.jsonl``: each holds ``kind``, ``iteration`` and numbers.

    Raises
    ------
    UserMistake
        No such file, or a line (named by its number) that is damaged.
    """
    if not path.is_file():
        raise UserMistake(f"{path}: no such file; give the folder of a training run")
    lines = []
    for number, text in enumerate(read_text(path).splitlines(), start=1):
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserMistake(f"{path}: line {number} is not JSON; the run is damaged") from error
        if not isinstance(fields, dict) or not _is_number(fields.get("iteration")):
            raise UserMistake(f"{path}: line {number} holds no 'iteration'; the run is damaged")
        lines.append(fields)
    return tuple(lines)


def read_text(path: Path) -> str:
    """A text file; `UserMistake` where it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserMistake(f"{path}: is not a text file") from error


def provenance_blocks(results: Sequence[Result], commands: str) -> tuple[Block, ...]:
    """Commands, hashes and versions: what someone else needs to get the same numbers."""
    blocks: list[Block] = []
    if commands.strip():
        blocks.append(Code(commands.strip(), "What was run."))
    first = results[0]
    hashes: dict[str, object] = {
        "protocol": f"{first.protocol}, mode {first.mode}",
        "test set": f"{first.test_set.name}, split {first.test_set.split}",
        "test set’s identity": first.test_set.identity,
    }
    for number, result in enumerate(results, start=1):
        name = result.model.name if len(results) == 1 else f"{number}, {result.model.name}"
        hashes[f"checkpoint of {name}"] = result.checkpoint_sha256
        hashes[f"seed of {name}"] = result.seed
    blocks.append(facts_table("What was scored: SHA-256 of the files.", hashes))
    facts = first.environment.model_dump()
    packages = facts.pop("packages")
    blocks.append(facts_table("The machine that scored it.", {**facts, **packages}))
    return tuple(blocks)


def facts_table(caption: str, facts: Mapping[str, Any]) -> Facts:
    """Names and values; groups are written ``group.name``."""
    return Facts(_flat(facts, ""), caption)


def _flat(facts: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    rows = []
    for name, value in facts.items():
        if isinstance(value, Mapping) and value:
            rows.extend(_flat(value, f"{prefix}{name}."))
        else:
            rows.append((f"{prefix}{name}", _plain(value)))
    return rows


def _plain(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(each) for each in value) or "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_plain(each)}" for name, each in value.items()) or "none"
    return str(value)


def _counts(tree: Tree, about: DatasetDescription) -> Table:
    rows = []
    for split, count in about.counts.items():
        scenes = sorted({each.scene for each in tree.splits[split] if each.scene})
        rows.append((split, count.sequences, count.frames, ", ".join(scenes) or None))
    columns = (Column("split"), Column("sequences", "d"), Column("frames", "d"), Column("scenes"))
    return Table(columns, rows, "Splits are by scene: none is in two of them.")


def _making(about: DatasetDescription) -> dict[str, object]:
    return {
        "name": about.name,
        "kind": about.kind,
        "frame size": f"{about.width_px} × {about.height_px} px",
        "rate": None if about.rate_hz is None else f"{about.rate_hz:g} Hz",
        "marks": about.marks,
        **({"times": about.times} if about.times else {}),
        "toolkit": about.toolkit,
        "manifest SHA-256": about.manifest_sha256,
        "splits SHA-256": about.splits_sha256,
    }


def _skip_meaning(skip: str | None) -> str:
    return {
        "none": " (the papers’ form)",
        "centre": " (ours: the blurry centre frame is added to the output)",
    }.get(skip or "", "")


def _metric_figure(
    metrics: Sequence[Mapping[str, Any]], which: tuple[str, str], label: str, caption: str
) -> Figure | None:
    kind, name = which
    points = [
        (float(line["iteration"]), float(line[name]))
        for line in metrics
        if line.get("kind") == kind and _is_number(line.get(name))
    ]
    if not points:
        return None
    x, y = zip(*points, strict=True)
    chart = line_chart(
        [Line(label, x, y)],
        "iteration",
        label,
        log_y=name == "loss" and min(y) > 0,
        zero_line=name == "gain_db",
    )
    return Figure(chart, caption, f"Curve of {label} against iteration; last value {y[-1]:.4g}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
