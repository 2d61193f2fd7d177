"""What photometry refuses, and why: each message names the clip and the way out."""

from __future__ import annotations

from bsd.errors import FoundBad


class PhotometryFault(FoundBad):
    """Base of what is found bad in the clips for photometry."""


class MissingDark(PhotometryFault):
    """No dark clip at the exposures of a setting."""


class NotDark(PhotometryFault):
    """Light came in while a dark clip was taken."""


class SaturatedFlat(PhotometryFault):
    """A flat field or chart whose bright samples are clipped."""


class DarkFlat(PhotometryFault):
    """A flat field that tells too little."""


class FlickeringLight(PhotometryFault):
    """Frames of one clip differ by more than noise."""


class LightChanged(PhotometryFault):
    """The light of one clip is not that of another that it is compared with."""


class ShortSeries(PhotometryFault):
    """An exposure series of too few levels or frames."""


class NonLinear(PhotometryFault):
    """Signal is not proportional to exposure."""


class UnlikeClips(PhotometryFault):
    """Clips whose frames have other sizes or formats than those they are compared with."""
