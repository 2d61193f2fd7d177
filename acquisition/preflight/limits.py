"""From where on a preflight or a running take warns: every threshold, in one place."""

from __future__ import annotations

from pydantic import Field

from bsd.document import Part


class Limits(Part):
    """Thresholds of `acquisition.preflight.preflight` and `acquisition.preflight.live_watch`.

    Attributes
    ----------
    ratio_tolerance
        Of the linear ratio C1/C2, around 1.
    ratio_sigmas
        So many standard errors beyond the tolerance a ratio must lie to count as outside.
    clipped_share
        Largest share of clipped samples in a channel.
    level_share
        Least mean of C2, a share of full scale.
    focus_quotient
        Least score of a view's focus over the other's.
    focus_floors
        A score tells something from so many times its floor on.
    flicker_spread
        Largest standard deviation of the ratio from frame to frame, a share.
    dirt_depth, dirt_blocks_share
        Deepest local deviation of the ratio on a flat, and the share of blocks that have one.
    still_px
        Largest shift from one sharp frame of a bookend to the next.
    drift_px
        Largest change of the views' alignment anywhere in the picture.
    disk_reserve, speed_reserve
        Free space over the estimate, and measured writing speed over the data rate.
    speed_test_bytes, speed_test_s
        What is written at most to measure the speed, and for how long.
    ring_s
        Least time that a ring's slots last.
    warmup_minutes
        Since the cameras were powered.
    drift_c_per_minute
        Largest change of a camera's temperature.
    """

    ratio_tolerance: float = Field(default=0.05, gt=0)
    ratio_sigmas: float = Field(default=2.0, ge=0)
    clipped_share: float = Field(default=0.01, ge=0)
    level_share: float = Field(default=0.03, ge=0)
    focus_quotient: float = Field(default=0.8, gt=0, lt=1)
    focus_floors: float = Field(default=1.5, ge=1)
    flicker_spread: float = Field(default=0.03, gt=0)
    dirt_depth: float = Field(default=0.03, gt=0)
    dirt_blocks_share: float = Field(default=0.002, ge=0)
    still_px: float = Field(default=0.1, gt=0)
    drift_px: float = Field(default=0.5, gt=0)
    disk_reserve: float = Field(default=1.2, ge=1)
    speed_reserve: float = Field(default=1.2, ge=1)
    speed_test_bytes: int = Field(default=256_000_000, gt=0)
    speed_test_s: float = Field(default=3.0, gt=0)
    ring_s: float = Field(default=1.0, gt=0)
    warmup_minutes: float = Field(default=30.0, ge=0)
    drift_c_per_minute: float = Field(default=0.2, gt=0)
