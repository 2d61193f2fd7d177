"""What a published tree says of its sequences, from what the gates found."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from dataset.build.config import BuildConfig
from dataset.build.overlap import SCENE_GATE
from dataset.build.plan import PlannedClip
from dataset.build.selected_clip import SelectedClip
from dataset.gate.result import GateResult
from dataset.pair.encoding import LINEAR_OFFSET, Encoding
from dataset.sequence_facts import BlurLengths, GateValue, LinearScale, SequenceFacts


def sequence_facts(
    planned: PlannedClip, selected: SelectedClip, config: BuildConfig
) -> SequenceFacts:
    """Facts of one sequence."""
    found = selected.inspected.inspection
    marks = []
    if selected.clip.source.verdict == "marked":
        marks.append("marked-by-capture")
    if planned.frames < config.shape.of(planned.split).frames:
        marks.append("short")
    return SequenceFacts(
        split=planned.split,
        sequence=planned.sequence,
        scene=planned.scene,
        session=planned.session,
        clip=planned.clip,
        clip_uuid=planned.uuid,
        clip_sha256=planned.sha256,
        calibration_sha256=planned.calibration_sha256,
        setting=selected.clip.setting.name,
        frames=planned.frames,
        rate_hz=float(Fraction(selected.clip.head.rate_hz)),
        crop_px=found.crop_px,
        scale=config.scale,
        demosaic=config.demosaic,
        white_balance=planned.white_balance,
        white_dn=found.white_dn,
        linear=_scale(planned, found.white_dn) if "linear" in config.formats else None,
        blurry_blur_px=blur_lengths(found.facts.blur_blurry_px),
        sharp_blur_px=blur_lengths(found.facts.blur_sharp_px),
        gates=tuple(
            GateValue(
                gate=each.gate,
                passed=each.passed,
                value=each.value,
                limit=each.limit,
                unit=each.unit,
                text=each.text,
            )
            for each in _results(planned, selected)
        ),
        marks=tuple(marks),
    )


def _results(planned: PlannedClip, selected: SelectedClip) -> tuple[GateResult, ...]:
    """Of all gates; that on scenes as it was when the clip was planned, resumed or not."""
    matches = float(planned.matches)
    return tuple(
        each.model_copy(update={"value": matches}) if each.gate == SCENE_GATE else each
        for each in selected.results
    )


def _scale(planned: PlannedClip, white_dn: tuple[float, float, float]) -> LinearScale:
    coded = Encoding(planned.white_balance, white_dn)
    return LinearScale(counts_per_dn=coded.linear_codes_per_dn, offset_counts=LINEAR_OFFSET)


def blur_lengths(blurs_px: Mapping[int, float]) -> BlurLengths | None:
    """Median, 95th percentile and maximum over frames; None where nothing was measured."""
    if not blurs_px:
        return None
    values = np.array([blurs_px[number] for number in sorted(blurs_px)], dtype=np.float64)
    median, high, largest = np.percentile(values, (50, 95, 100))
    return BlurLengths(
        median_px=round(float(median), 3),
        p95_px=round(float(high), 3),
        largest_px=round(float(largest), 3),
    )
