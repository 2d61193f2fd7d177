"""What was measured on a clip, before anyone says whether it is good."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bsd.document import Part
from dataset.gate.alignment import ShiftGrid
from dataset.gate.bookend import SideName
from dataset.gate.ratio import LocalRatio
from dataset.gate.synchrony import Synchrony


@dataclass(frozen=True)
class SceneFrame:
    """Measures of one developed pair of the scene.

    Attributes
    ----------
    blur_px
        C1's, in most of the view (median over blocks); None without detail.
    most_blur_px
        Where it is longest (95th percentile).
    way_px
        Of what moved most since the developed pair before; None for the first.
    clipped_percent
        Share of clipped pixels.
    """

    number: int
    blur_px: float | None
    most_blur_px: float | None
    way_px: float | None
    clipped_percent: float


@dataclass(frozen=True)
class Sides:
    """What the still bookends tell; empty where they moved.

    Attributes
    ----------
    shifts
        By side.
    defocus_px
        By side that tells: how much C1 is softer than C2.
    edges_px
        Width of the edges of C1 and of C2, on the side where they are wider.
    moved_px
        By side that moved: its way from frame to frame.
    """

    shifts: dict[SideName, ShiftGrid] = field(default_factory=dict)
    defocus_px: dict[SideName, float] = field(default_factory=dict)
    edges_px: tuple[float | None, float | None] = (None, None)
    moved_px: dict[SideName, float] = field(default_factory=dict)

    @property
    def most_defocus_px(self) -> float | None:
        """Of the side where the views differ most."""
        return max(self.defocus_px.values(), key=abs, default=None)


@dataclass(frozen=True)
class DriftMean:
    """Mean shift of a clip's least blurred frames, (x, y), and its standard error."""

    shift_px: tuple[float, float]
    error_px: float
    count: int


class ClipFacts(Part):
    """Numbers of a clip that are published with it.

    Attributes
    ----------
    blur_blurry_px, blur_sharp_px
        Number of a frame → its blur over most of the view: C1's as measured, C2's that times the
        ratio of the exposures.
    ratio_percent
        C2/C1 against the calibration, less 1, over the whole view.
    flicker_percent
        Spread of C2/C1 over the frames.
    clipped_percent
        Mean share of clipped pixels.
    shift_px, shift_error_px
        (x, y), where C1 shows what C2 shows, less C2's place; and its standard error.
    shift_source
        "bookends", "scene" where they moved, or "none".
    defocus_px
        By how much C1 is softer than C2 on the bookend where they differ more; negative: C2 is
        softer.
    edge_px
        Width of edges of C1 and of C2 on the bookends.
    pairs_lost, longest_run
        Pairs of the scene that are missing; most neighbouring pulses that have one.
    """

    blur_blurry_px: dict[int, float]
    blur_sharp_px: dict[int, float]
    ratio_percent: float | None
    flicker_percent: float | None
    clipped_percent: float | None
    shift_px: tuple[float, float] | None
    shift_error_px: float | None
    shift_source: str
    defocus_px: float | None
    edge_px: tuple[float | None, float | None]
    pairs_lost: int | None
    longest_run: int | None


@dataclass(frozen=True)
class Evidence:
    """All that the verdicts rest on.

    Attributes
    ----------
    verdict
        Of the capture; None where the ledger was not given.
    duplicates
        Role → numbers of frames that repeat an earlier one.
    share
        C2's exposure over C1's.
    synchrony
        Whether neighbours fit better; None where that could not be seen.
    size_px
        Width and height of the developed view; None where nothing was developed.
    calibration_age_h
        Hours between the clip and its calibration; None where nobody told.
    """

    verdict: str | None
    pairs_lost: int
    longest_run: int
    sides: Sides
    drift: DriftMean | None
    ratio: LocalRatio | None
    flicker_percent: float | None
    duplicates: dict[str, tuple[int, ...]]
    scene: tuple[SceneFrame, ...]
    share: float
    synchrony: Synchrony | None = None
    size_px: tuple[int, int] | None = None
    calibration_age_h: float | None = None

    def facts(self) -> ClipFacts:
        """The numbers for the dataset's pages."""
        blurs = {each.number: each.blur_px for each in self.scene if each.blur_px is not None}
        shift, error, source = self._shift()
        clipped = [each.clipped_percent for each in self.scene]
        return ClipFacts(
            blur_blurry_px={number: round(px, 3) for number, px in blurs.items()},
            blur_sharp_px={number: round(px * self.share, 3) for number, px in blurs.items()},
            ratio_percent=self.ratio.mean_percent if self.ratio else None,
            flicker_percent=self.flicker_percent,
            clipped_percent=float(np.mean(clipped)) if clipped else None,
            shift_px=shift,
            shift_error_px=error,
            shift_source=source,
            defocus_px=self.sides.most_defocus_px,
            edge_px=self.sides.edges_px,
            pairs_lost=self.pairs_lost if self.verdict else None,
            longest_run=self.longest_run if self.verdict else None,
        )

    def _shift(self) -> tuple[tuple[float, float] | None, float | None, str]:
        grids = [grid for grid in self.sides.shifts.values() if grid.mean_px is not None]
        if grids:
            means = np.array([grid.mean_px for grid in grids])
            errors = [1 / np.sqrt((1 / (grid.error_px**2 + 0.02**2)).sum()) for grid in grids]
            x, y = means.mean(axis=0)
            return (float(x), float(y)), float(np.mean(errors) / np.sqrt(len(errors))), "bookends"
        if self.drift is not None:
            return self.drift.shift_px, self.drift.error_px, "scene"
        return None, None, "none"
