"""Scores against frame number as charts: what a recurrent model gains as its memory fills."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.charts import Line, line_chart
from benchmark.result import IDENTITY, Result
from benchmark.summary import Who, by_frame_number
from bsd.page import Block, Figure, FigureRow


def against_frame_number(results: Sequence[Result]) -> Block:
    """PSNR and gain at each frame number; further results of the same test set and mode join."""
    first = results[0]
    alike = [
        result
        for result in results
        if (result.test_set.identity, result.test_set.split, result.mode)
        == (first.test_set.identity, first.test_set.split, first.mode)
    ]
    names = _line_names(alike)
    scores = [_curve(first, "identity", "blurry", role=1)]
    gains = []
    for result, name, role in zip(alike, names, (0, *range(2, 2 + len(alike))), strict=False):
        if result.model.name == IDENTITY:
            continue
        scores.append(_curve(result, "model", name, role))
        gains.append(_curve(result, "difference", name, role))
    ends = " Every frame, the first and last repeated as context." if _is_whole(first) else ""
    figures = [
        Figure(
            line_chart(scores, "frame number", "PSNR, dB"),
            "PSNR against frame number, mean over sequences. Band: 95 % t interval over"
            f" sequences, wide because scenes differ.{ends}",
            "Curves of PSNR against frame number for the blurry and the restored frames.",
        )
    ]
    if gains:
        figures.append(
            Figure(
                line_chart(gains, "frame number", "PSNR gain, dB", zero_line=True),
                "Gain against frame number: each sequence against itself, so the band is narrower."
                " A recurrent model starts from an empty memory.",
                "Curve of the PSNR gain against frame number.",
            )
        )
    return FigureRow(figures)


def _curve(result: Result, who: Who, label: str, role: int) -> Line:
    points = by_frame_number(result, who)
    means = [point.interval.mean for point in points]
    lows = [_or_nan(point.interval.low) for point in points]
    highs = [_or_nan(point.interval.high) for point in points]
    return Line(label, [point.index for point in points], means, lows, highs, role)


def _is_whole(result: Result) -> bool:
    return any(sequence.all_frames for sequence in result.sequences)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _line_names(results: Sequence[Result]) -> list[str]:
    """Names for the legend: the model's, with the checkpoint's first digits where two share it."""
    if len(results) == 1:
        return ["restored"]
    return [
        " ".join((result.model.name, (result.checkpoint_sha256 or "")[:6])).strip()
        for result in results
    ]
