"""Limits of the geometry: from where on a map between the views is refused or withheld."""

from __future__ import annotations

from pydantic import Field

from bsd.document import Part


class GeometryLimits(Part):
    """What a laboratory may change.

    Attributes
    ----------
    least_poses
        One is held out at a time: two others must remain.
    least_points
        Of a pose; four would fit any homography without a residual.
    least_cover_share
        Of C1's view inside the convex hull of all points: beyond it the map is extrapolated.
    least_thickness
        Of a pose: its points' smaller over their larger spread; below it they are a line.
    residual_rms_px, residual_p95_px
        Of held-out points, in C1's pixels. A shift of 0.2 px costs a pair all but 39 dB.
    blunder_px
        A corner further off than this within its own pose is not that corner of the board.
    channel_px
        Lateral colour below it is left alone.
    parallax_px, drift_px
        Neglected below, stated or withheld above: 0.1 px alone is a ceiling of 45 dB.
    """

    least_poses: int = Field(default=3, ge=3)
    least_points: int = Field(default=8, ge=6)
    least_cover_share: float = Field(default=0.4, gt=0, le=1)
    least_thickness: float = Field(default=0.05, gt=0, lt=1)
    residual_rms_px: float = Field(default=0.20, gt=0)
    residual_p95_px: float = Field(default=0.40, gt=0)
    blunder_px: float = Field(default=3.0, gt=0)
    channel_px: float = Field(default=0.05, gt=0)
    parallax_px: float = Field(default=0.1, gt=0)
    drift_px: float = Field(default=0.1, gt=0)
