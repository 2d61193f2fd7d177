"""A clip whose own gates were asked."""

from __future__ import annotations

from dataclasses import dataclass

from dataset.build.inspection_job import Inspected
from dataset.build.survey import SurveyedClip
from dataset.gate.result import GateResult


@dataclass(frozen=True)
class SelectedClip:
    """A clip that was inspected.

    Attributes
    ----------
    clip, inspected
        What it is, and what its gates said.
    tree
        Name of the tree of its setting and rate.
    overlap
        The word of the gate on scenes: None where another gate had failed before.
    """

    clip: SurveyedClip
    inspected: Inspected
    tree: str
    overlap: GateResult | None = None

    @property
    def results(self) -> tuple[GateResult, ...]:
        """Of all gates."""
        own = self.inspected.inspection.results
        return own if self.overlap is None else (*own, self.overlap)
