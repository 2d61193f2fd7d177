"""What a ledger is made from and what it says: expectation, anchor, finding, ledger, decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal

from acquisition.ledger.row import PREFIX, Verdict
from acquisition.rig import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Policy = Literal["discard_clip", "mark", "abort"]

FindingKind = Literal[
    "pulses",
    "stopped",
    "foreign",
    "repeated",
    "absent",
    "missed",
    "incomplete",
    "late-armed",
    "ended-early",
    "untriggered",
    "extra",
    "slipped",
    "drifting",
    "clock",
    "anchor",
    "count",
    "undecided",
    "free-running",
]

STRAY_PPM: Final = 50.0
"""How far the rate of camera clock over trigger clock may wander from one take to the next: a
ceramic resonator's, by some degrees."""


@dataclass(frozen=True)
class Expected:
    """What a take should have given, by the plan and by the trigger's own counts.

    Attributes
    ----------
    pulses
        Pulses that both channels completed, as DONE told: min(n1, n2). None: nobody told, and what
        the count alone would have decided stays undecided.
    frames, bookend
        Frames asked for the scene, and for each of the two bookends about it. With `frames` 0
        nothing was asked, and no end bookend is known.
    tick_ns, period
        The trigger's tick, and the frame period in ticks, exact.
    exposure_begin_ns
        Begin of each camera's exposure after its pulse's begin.
    timestamps
        Whether a camera's producer gives device times.
    sync
        ``none``: no trigger, free-running cameras.
    exposure_ns
        Length of each camera's exposure. Cameras that stamp its end are off an anchor by the
        change of it; where it is not given it is taken as never changed.
    completed
        Pulses that each channel completed, n1 and n2, where they differ.
    cut
        Whether DONE told of a pulse that had not its width; also where nobody told.
    arming
        Number of this take's arming; None: the greatest there is.
    """

    pulses: int | None
    frames: int
    bookend: int
    tick_ns: int
    period: Fraction
    exposure_begin_ns: Mapping[Role, int]
    timestamps: Mapping[Role, bool]
    sync: Literal["trigger", "none"] = "trigger"
    exposure_ns: Mapping[Role, int] = field(default_factory=dict)
    completed: Mapping[Role, int] | None = None
    cut: bool = False
    arming: int | None = None

    @property
    def asked(self) -> int:
        """Frames asked in all."""
        return self.frames + 2 * self.bookend if self.frames else 0

    @property
    def period_ns(self) -> float:
        """The frame period by the trigger's clock."""
        return float(self.period * self.tick_ns)

    def completed_by(self, role: Role) -> int | None:
        """Pulses that the channel of a camera completed."""
        return self.pulses if self.completed is None else self.completed[role]

    def most_exposures(self, role: Role) -> int | None:
        """Pulses that a camera may have seen: the completed ones, and one that was cut short."""
        completed = self.completed_by(role)
        if completed is None or not self.cut:
            return completed
        least = completed if self.completed is None else min(self.completed.values())
        return completed + (completed == least)


@dataclass(frozen=True)
class Anchor:
    """A camera's clock on the trigger's, from a take in which the two were joined for certain.

    It holds as long as neither of the two devices is reset, and loses sharpness by `STRAY_PPM`.

    Attributes
    ----------
    device_ns
        Stamp of a frame, smoothed.
    trigger_ns
        Begin of that frame's exposure by the trigger's clock, ticks since its reset times
        `tick_ns`.
    slope_ppm
        How much faster the camera's clock is than the trigger's.
    uncertainty_ns, slope_uncertainty_ppm
        Of `device_ns` and of `slope_ppm`.
    exposure_ns
        Length of the exposure, None where unknown.
    """

    device_ns: int
    trigger_ns: int
    slope_ppm: float
    uncertainty_ns: float
    slope_uncertainty_ppm: float = 0.0
    exposure_ns: int | None = None

    def device_ns_after(self, elapsed_ns: float) -> float:
        """What the camera's clock counts while the trigger's counts `elapsed_ns`."""
        return elapsed_ns * (1 + self.slope_ppm * 1e-6)

    def uncertainty_after_ns(self, elapsed_ns: float, exposure_ns: int | None) -> float:
        """Of a stamp that is so far away, of an exposure of such length."""
        latch_ns = 0
        if exposure_ns is not None and self.exposure_ns is not None:
            latch_ns = abs(exposure_ns - self.exposure_ns)
        rate = (STRAY_PPM + self.slope_uncertainty_ppm) * 1e-6
        return self.uncertainty_ns + abs(elapsed_ns) * rate + latch_ns


@dataclass(frozen=True)
class Finding:
    """One line about a take.

    Attributes
    ----------
    kind
        For programs.
    role, pulse
        Camera and first pulse that it is about, where it is about one.
    text
        For people: camera, pulse, what it means.
    bad
        Whether the take is not good because of it; else it is a remark.
    """

    kind: FindingKind
    role: Role | None
    pulse: int | None
    text: str
    bad: bool = True


@dataclass(frozen=True)
class Ledger:
    """What became of every pulse and every frame of a take.

    Attributes
    ----------
    rows
        `acquisition.ledger.row.LEDGER`: a row for each pulse in their order, then one for each
        frame that belongs to no pulse. Each frame stands in exactly one row.
    findings
        What is to be said.
    anchors
        For the next take, *instead of* those given to this one: an anchor that is not here any
        more was found not to hold.
    counts
        Rows by the name of their verdict, ``pulses``, ``frames_blurry``, ``frames_sharp``.
    good
        Nothing is missing, in excess or in doubt.
    """

    rows: NDArray[np.void]
    findings: tuple[Finding, ...]
    anchors: dict[Role, Anchor]
    counts: dict[str, int]
    good: bool

    def of(self, role: Role, field_name: str) -> NDArray[Any]:
        """Column of a camera, such as ``index`` or ``verdict``."""
        column: NDArray[Any] = self.rows[f"{PREFIX[role]}_{field_name}"]
        return column

    @property
    def paired(self) -> int:
        """Number of pairs."""
        return int((self.rows["verdict"] == Verdict.PAIRED).sum())


@dataclass(frozen=True)
class Decision:
    """What is to be done with a take.

    Attributes
    ----------
    keep
        Whether the clip is kept.
    verdict
        Of the clip.
    stop_session
        Whether the session ends here.
    reason
        One line.
    """

    keep: bool
    verdict: Literal["good", "marked", "discarded", "free-running"]
    stop_session: bool
    reason: str
