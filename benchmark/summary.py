"""From scores of frames to tables and curves: means, intervals, differences to identity.

Intervals are over independent recordings: where a test set names its scenes and one scene gave
several sequences, these are averaged first; else each sequence counts for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Literal

from benchmark import statistics
from benchmark.result import (
    Difference,
    FrameScore,
    Interval,
    Metric,
    Patches,
    Result,
    Row,
    SeedScore,
    SequenceScore,
    Spread,
    Summary,
)

Who = Literal["model", "identity", "difference"]
_METRICS: tuple[Metric, Metric] = ("psnr_db", "ssim")
_Pick = Callable[[SequenceScore], Sequence[FrameScore]]


@dataclass(frozen=True)
class FramePoint:
    """One point of a curve against frame number: `index`, 0-based, and the mean over sequences."""

    index: int
    interval: Interval


def summarise(sequences: Sequence[SequenceScore], all_frames: bool = False) -> Summary:
    """Table of the scored set, or with `all_frames` of the secondary one.

    Raises
    ------
    ValueError
        Where the sequences hold no score of that set.
    """
    model: _Pick = (lambda s: s.all_frames) if all_frames else (lambda s: s.frames)
    identity: _Pick = (lambda s: s.all_identity) if all_frames else (lambda s: s.identity)
    unit = _unit(sequences)
    psnr, ssim = (
        _difference(
            _units(sequences, model, metric, unit), _units(sequences, identity, metric, unit), unit
        )
        for metric in _METRICS
    )
    gains = _units(sequences, model, "psnr_db", unit)
    blurry = _units(sequences, identity, "psnr_db", unit)
    return Summary(
        model=_row(sequences, model, unit),
        identity=_row(sequences, identity, unit),
        difference=Difference(
            psnr_db=psnr, ssim=ssim, better=sum(gains[name] > blurry[name] for name in gains)
        ),
    )


def by_frame_number(
    result: Result, who: Who = "model", metric: Metric = "psnr_db"
) -> tuple[FramePoint, ...]:
    """Mean over sequences at each frame number, with n and a 95 % t interval.

    Sequences of several lengths give a smaller n at the end. The secondary set is taken where
    the result holds it, because it begins at frame 0.

    Parameters
    ----------
    result
        A RESULT.
    who
        The model, the blurry frames, or the model minus the blurry frames.
    metric
        ``psnr_db`` or ``ssim``.
    """
    values: dict[int, list[float]] = {}
    for sequence in result.sequences:
        whole = bool(sequence.all_frames)
        frames = sequence.all_frames if whole else sequence.frames
        identity = sequence.all_identity if whole else sequence.identity
        for frame, blurry in zip(frames, identity, strict=True):
            ours, theirs = float(getattr(frame, metric)), float(getattr(blurry, metric))
            value = {"model": ours, "identity": theirs, "difference": ours - theirs}[who]
            values.setdefault(frame.index, []).append(value)
    return tuple(
        FramePoint(index, _interval(statistics.t_interval(values[index]), "sequence"))
        for index in sorted(values)
    )


def summarise_patches(patch_px: int, seeds: Sequence[SeedScore]) -> Patches:
    """Mean and spread over the seeds of mode legacy-patch."""

    def spread(values: list[float]) -> Spread:
        return Spread(mean=fmean(values), deviation=stdev(values))

    return Patches(
        patch_px=patch_px,
        seeds=tuple(seeds),
        psnr_db=spread([seed.psnr_db for seed in seeds]),
        ssim=spread([seed.ssim for seed in seeds]),
        identity_psnr_db=spread([seed.identity_psnr_db for seed in seeds]),
        identity_ssim=spread([seed.identity_ssim for seed in seeds]),
    )


def _unit(sequences: Sequence[SequenceScore]) -> Literal["recording", "sequence"]:
    return "recording" if all(sequence.scene for sequence in sequences) else "sequence"


def _values(
    sequences: Sequence[SequenceScore], pick: _Pick, metric: Metric
) -> dict[str, list[float]]:
    return {s.name: [float(getattr(frame, metric)) for frame in pick(s)] for s in sequences}


def _units(
    sequences: Sequence[SequenceScore], pick: _Pick, metric: Metric, unit: str
) -> dict[str, float]:
    """One value for each independent unit: a sequence's mean, or the mean of a scene's means."""
    means = statistics.sequence_means(_values(sequences, pick, metric))
    if unit == "sequence":
        return means
    scenes: dict[str, list[float]] = {}
    for sequence in sequences:
        scenes.setdefault(str(sequence.scene), []).append(means[sequence.name])
    return {name: fmean(values) for name, values in scenes.items()}


def _row(sequences: Sequence[SequenceScore], pick: _Pick, unit: str) -> Row:
    psnr, ssim = (_values(sequences, pick, metric) for metric in _METRICS)
    intervals = [
        _both(list(_units(sequences, pick, metric, unit).values()), unit) for metric in _METRICS
    ]
    return Row(
        frame_psnr_db=statistics.mean_over_frames(psnr),
        frame_ssim=statistics.mean_over_frames(ssim),
        sequence_psnr_db=statistics.mean_over_sequences(psnr),
        sequence_ssim=statistics.mean_over_sequences(ssim),
        psnr_db=intervals[0],
        ssim=intervals[1],
    )


def _both(values: Sequence[float], unit: str) -> tuple[Interval, Interval]:
    return (
        _interval(statistics.t_interval(values), unit),
        _interval(statistics.bootstrap_interval(values), unit),
    )


def _difference(
    model: Mapping[str, float], reference: Mapping[str, float], unit: str
) -> tuple[Interval, Interval]:
    return (
        _interval(statistics.paired_difference(model, reference, method="t"), unit),
        _interval(statistics.paired_difference(model, reference, method="bootstrap"), unit),
    )


def _interval(estimate: statistics.Estimate, unit: str) -> Interval:
    return Interval.model_validate({**asdict(estimate), "unit": unit})
