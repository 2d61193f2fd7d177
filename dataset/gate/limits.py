"""The limits of the gates: every number in one place, with its unit and its reason."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from bsd.document import Part

Positive = Annotated[float, Field(gt=0)]
Magnitude = Annotated[float, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100)]


class GateLimits(Part):
    """What a clip may be and still be published.

    Attributes
    ----------
    pairs_lost
        Pairs of the scene that may be missing. None by default: a video model takes neighbouring
        frames for neighbours in time.
    marked
        Whether a clip that the capture marked (its ledger found something) may be used at all;
        `pairs_lost` counts in any case.
    alignment_px
        Distance between the two views that nine tenths of the view must keep, on still bookends,
        after two standard errors are taken off. A whole view 0.2 px off limits a perfect
        deblurring to 39 dB, 0.3 px to 36 dB; good models reach 34.
    alignment_error_px
        Two standard errors of a mean shift that is measured on the scene because the bookends
        moved: beyond, the alignment counts as unknown, and the clip fails.
    still_px
        Way of what moves most from frame to frame in a bookend that counts as still.
    synchrony_gain
        By how much a neighbouring sharp frame may fit a blurry one better than its own, over all
        frames of the scene, as a share of what changes in between. Pairs that are right have -0.7
        to -1, those of a camera that is late 0.8 to 1. A single frame may have 0.5.
    calibration_age_h
        Hours that a clip may lie before or after its calibration. What the gates measure on a clip
        tells a move of the cameras and of the light; dust, hot pixels and black levels of another
        day they hardly tell. Three days bridge a weekend.
    ratio_percent
        Deviation of C2/C1 from the calibration that nineteen twentieths of the view must keep.
        2 % costs 48 dB, 5 % 40 dB: beyond, the light is wrong in a way that models learn.
    flicker_percent
        Spread of C2/C1 over the frames of a clip, 5th to 95th percentile. A DC-lit clip shows
        0.1 to 1 %, more where hard shake carries things over a small view's border; a lamp at
        100 Hz with a tenth of modulation shows 10 % and more.
    clipped_percent
        Share of pixels that are clipped in either view. Highlights belong into a data set, white
        skies do not.
    defocus_px
        Gaussian blur (standard deviation) that one view may have more than the other on still
        bookends. 0.8 px is as soft as 3 px of motion, more than C2's own blur may be.
    edge_px
        Gaussian blur (standard deviation) of the sharper edges in a still view: twice what two
        cameras in focus show with their mosaic interpolated, half of the resolution lost.
    blur_least_px, blur_most_px
        C1's blur where the view moves most, in the median frame. A good still pair measures up to
        0.8 px, and what is shorter than 1.5 px there is nothing to deblur; a way of 48 px is 2 px
        per millisecond at the longest exposure, beyond which C2 is none.
    sharp_blur_px
        C2's own blur over most of the view, in all but the worst tenth of the frames: what is
        learnt as sharp must be. A hand that shakes hard has 1 px/ms, 3 px in 3 ms.
    static_px
        Way from frame to frame, and blur of C1, of what moves most, below which nothing moves.
    duplicates
        Frames that a camera may have delivered twice.
    overlap_matches
        Points that agree on one motion of the view, from which on two clips show one scene.
    """

    pairs_lost: Annotated[int, Field(ge=0)] = 0
    marked: bool = True
    alignment_px: Positive = 0.2
    alignment_error_px: Positive = 0.2
    still_px: Positive = 0.5
    synchrony_gain: Annotated[float, Field(gt=0, lt=1)] = 0.2
    calibration_age_h: Positive = 72.0
    ratio_percent: Positive = 3.0
    flicker_percent: Positive = 3.0
    clipped_percent: Percent = 5.0
    defocus_px: Positive = 0.8
    edge_px: Positive = 2.0
    blur_least_px: Magnitude = 1.5
    blur_most_px: Positive = 48.0
    sharp_blur_px: Positive = 3.0
    static_px: Positive = 1.0
    duplicates: Annotated[int, Field(ge=0)] = 0
    overlap_matches: Annotated[int, Field(ge=4)] = 20

    @model_validator(mode="after")
    def _blur_has_room(self) -> GateLimits:
        if self.blur_most_px <= self.blur_least_px:
            raise ValueError("blur_most_px must lie above blur_least_px")
        return self
