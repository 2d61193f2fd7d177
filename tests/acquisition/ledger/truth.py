"""A rig whose truth is known: which pulse exposed each frame, and what its devices tell of it.

Nothing here is taken from the code under test but its types: true time runs, the trigger's
resonator and the cameras' crystals count it each at its own rate and from its own begin.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from acquisition.arrival import ARRIVAL, NO_ID, NO_TIME
from acquisition.ledger.joining import PULSE, Expected
from acquisition.rig import ROLES, Role

TICK_NS = 500
NOBODY = -1


@dataclass(frozen=True)
class Fault:
    """What happens to one camera at a pulse.

    `kind`: miss, lose, truncate, extra (at `size` periods after the pulse), late (the first
    `pulse` pulses unseen), early (those from `pulse` on unseen), twice, foreign, untimed, reset
    (its clock counts from 0), jump (its clock, by `size` periods), drift (`size` ppm from there
    on), stall (host time only).
    """

    kind: str
    role: Role
    pulse: int
    size: float = 0.0


@dataclass(frozen=True)
class Bench:
    """Devices as they stand; what stays from take to take."""

    rate_hz: Fraction = Fraction(15)
    resonator_ppm: float = 0.0
    crystal_ppm: dict[Role, float] = field(default_factory=lambda: dict.fromkeys(ROLES, 0.0))
    trigger_since_ns: int = -40_000_000_000
    camera_since_ns: dict[Role, int] = field(
        default_factory=lambda: {"blurry": -77_000_000_000, "sharp": -50_000_000_001}
    )
    latch_ns: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(ROLES, 0))
    begin_ns: dict[Role, int] = field(default_factory=lambda: {"blurry": 8_000, "sharp": 7_008_000})
    jitter_ns: float = 5_000.0
    ids: str = "long"
    first_id: int = 0
    times: dict[Role, bool] = field(default_factory=lambda: dict.fromkeys(ROLES, True))

    @property
    def period(self) -> Fraction:
        return 1_000_000_000 / (TICK_NS * self.rate_hz)

    def with_(self, **changes: object) -> Bench:
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass
class Take:
    """What the devices told, and the truth."""

    expected: Expected
    pulses: NDArray[np.void]
    arrivals: dict[Role, NDArray[np.void]]
    truth: dict[Role, list[int]]
    """Pulse that exposed each arrival, or `NOBODY`."""


@dataclass
class _Frame:
    at_ns: float
    pulse: int
    frame_id: int
    flags: int = 1
    device_ns: int = 0
    arming: int = 7
    host_ns: int = 0
    skipped: int = 0


def take(
    bench: Bench,
    pulses: int,
    faults: tuple[Fault, ...] = (),
    *,
    start_ns: int = 0,
    seed: int = 0,
    words_lost: tuple[int, ...] = (),
    asked: int | None = None,
    skipped_told: bool = False,
    bookend: int = 0,
) -> Take:
    """Run a take of so many pulses that begins at a true time."""
    rng = np.random.default_rng(seed)
    tick_true_ns = TICK_NS / (1 + bench.resonator_ppm * 1e-6)
    origin = round((start_ns - bench.trigger_since_ns) / tick_true_ns)
    period = bench.period
    ticks = [origin + k * period.numerator // period.denominator for k in range(pulses)]
    true_ns = [bench.trigger_since_ns + tick * tick_true_ns for tick in ticks]
    expected = Expected(
        pulses=pulses,
        frames=(pulses if asked is None else asked) - 2 * bookend,
        bookend=bookend,
        tick_ns=TICK_NS,
        period=period,
        exposure_begin_ns=bench.begin_ns,
        timestamps=bench.times,
        arming=7,
    )
    told = [(k, tick % 2**48) for k, tick in enumerate(ticks) if k not in words_lost]
    arrivals, truth = {}, {}
    for role in ROLES:
        own = [fault for fault in faults if fault.role == role]
        frames = _frames(bench, role, true_ns, own, rng, skipped_told)
        rows = np.zeros(len(frames), dtype=ARRIVAL)
        for index, frame in enumerate(frames):
            rows[index] = (
                frame.arming,
                frame.flags,
                index,
                frame.frame_id,
                frame.device_ns,
                frame.host_ns,
                100,
                frame.skipped,
            )
        arrivals[role], truth[role] = rows, [frame.pulse for frame in frames]
    return Take(expected, np.array(told, dtype=PULSE), arrivals, truth)


def _frames(
    bench: Bench,
    role: Role,
    true_ns: list[float],
    faults: list[Fault],
    rng: np.random.Generator,
    skipped_told: bool,
) -> list[_Frame]:
    period_ns = float(bench.period) * TICK_NS / (1 + bench.resonator_ppm * 1e-6)
    exposed = [
        _Frame(at + bench.begin_ns[role], pulse, 0)
        for pulse, at in enumerate(true_ns)
        if not _unseen(pulse, faults)
    ]
    for fault in faults:
        if fault.kind == "extra":
            at = true_ns[0] + bench.begin_ns[role] + (fault.pulse + fault.size) * period_ns
            exposed.append(_Frame(at, NOBODY, 0))
    exposed.sort(key=lambda frame: frame.at_ns)
    for number, frame in enumerate(exposed):
        frame.frame_id = _id(bench, number)
        frame.device_ns = _stamp(bench, role, frame.at_ns, true_ns, faults, rng)
        frame.host_ns = round(frame.at_ns + rng.exponential(5e6))
    return _delivered(exposed, faults, skipped_told)


def _unseen(pulse: int, faults: list[Fault]) -> bool:
    return any(
        (fault.kind == "miss" and fault.pulse == pulse)
        or (fault.kind == "late" and pulse < fault.pulse)
        or (fault.kind == "early" and pulse >= fault.pulse)
        for fault in faults
    )


def _id(bench: Bench, number: int) -> int:
    if bench.ids == "none":
        return NO_ID
    if bench.ids == "gige":
        return (bench.first_id - 1 + number) % 65535 + 1
    return (bench.first_id + number) % 2**64


def _stamp(
    bench: Bench,
    role: Role,
    at_ns: float,
    true_ns: list[float],
    faults: list[Fault],
    rng: np.random.Generator,
) -> int:
    if not bench.times[role]:
        return NO_TIME
    period_ns = float(bench.period) * TICK_NS
    counted = (at_ns - bench.camera_since_ns[role]) * (1 + bench.crystal_ppm[role] * 1e-6)
    for fault in faults:
        if fault.kind not in ("reset", "jump", "drift"):
            continue
        since_ns = at_ns - (true_ns[min(fault.pulse, len(true_ns) - 1)] - 0.3 * period_ns)
        if since_ns > 0:
            if fault.kind == "reset":
                counted = since_ns
            elif fault.kind == "jump":
                counted += fault.size * period_ns
            else:
                counted += since_ns * fault.size * 1e-6
    exact = round(counted) + bench.latch_ns[role] + round(rng.normal(0, bench.jitter_ns))
    return (exact + 2**63) % 2**64 - 2**63


def _delivered(exposed: list[_Frame], faults: list[Fault], skipped_told: bool) -> list[_Frame]:
    """What arrives of what was exposed."""
    of = {(fault.kind, fault.pulse) for fault in faults}
    frames: list[_Frame] = []
    lost = 0
    for frame in exposed:
        if ("lose", frame.pulse) in of:
            lost += 1
            continue
        if ("truncate", frame.pulse) in of:
            frame.flags = 2
        if ("untimed", frame.pulse) in of:
            frame.device_ns = NO_TIME
        if ("foreign", frame.pulse) in of:
            frame.arming = 6
        if ("stall", frame.pulse) in of:
            frame.host_ns += 700_000_000
        frame.skipped = lost if skipped_told else 0
        lost = 0
        frames.append(frame)
        if ("twice", frame.pulse) in of:
            frames.append(replace(frame, skipped=0))
    return frames
