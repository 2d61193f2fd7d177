"""Drift: how far the map at the session's end lies from that at its start."""

from __future__ import annotations

from bsd.document import Part
from calibration.geometry.view_map import ViewMap


class Drift(Part):
    """The two calibrations of a session, one against the other, over C1's view.

    Attributes
    ----------
    rms_px, max_px
        In C1's pixels.
    limit_px
        Above it in the RMS the session's clips are withheld; below, clips between the two
        calibrations take the map between them (`view_map.between`).
    withheld
        Whether they are.
    """

    rms_px: float
    max_px: float
    limit_px: float
    withheld: bool

    def text(self) -> str:
        """One line, for reports."""
        verdict = "clips are withheld" if self.withheld else "interpolated"
        return (
            f"start against end of the session {self.rms_px:.3f} px RMS, {self.max_px:.3f} px at"
            f" most (limit {self.limit_px:g} px RMS): {verdict}"
        )


def drift(start: ViewMap, end: ViewMap, limit_px: float = 0.1) -> Drift:
    """How far the views have moved against each other between two calibrations."""
    moved = start.displacement(end)
    return Drift(
        rms_px=moved.rms_px,
        max_px=moved.max_px,
        limit_px=limit_px,
        withheld=moved.rms_px > limit_px,
    )
