"""Why the map between the views cannot be solved, each with one line that names the way out."""

from __future__ import annotations

from typing import ClassVar, Literal

from bsd.errors import FoundBad

Reason = Literal["too-few", "clustered", "degenerate", "parallax", "residual"]


class Unsolvable(FoundBad):
    """The points of a target do not give a map that could be trusted.

    Attributes
    ----------
    reason
        One word for reports.
    """

    reason: ClassVar[Reason]


class TooFewPoints(Unsolvable):
    """Too few points in a pose, or too few poses."""

    reason = "too-few"


class ClusteredPoints(Unsolvable):
    """The points lie in too small a part of the view."""

    reason = "clustered"


class DegeneratePoints(Unsolvable):
    """The points lie on a line, or the homography is near-singular or mirrors the view."""

    reason = "degenerate"


class ParallaxFound(Unsolvable):
    """Every pose has its homography, but no one map serves all: the views have a base."""

    reason = "parallax"


class ResidualTooLarge(Unsolvable):
    """Points that were held out lie too far from where the map puts them."""

    reason = "residual"
