"""What a clip's ledger, clocks and settings come to: numbers for a summary, a page or a program."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from acquisition.arrival import NO_ID, NO_TIME
from acquisition.clip.reader import Clip
from acquisition.ledger.row import NO_INDEX, NO_PULSE, PREFIX, TakePart, Verdict
from acquisition.rig import ROLES, Role

_LEAST_POINTS: Final = 3
_NS_PER_US: Final = 1000.0


@dataclass(frozen=True)
class Rate:
    """How regular a train of times is.

    Attributes
    ----------
    rate_hz
        Mean rate.
    jitter_us, worst_us
        Root mean square and largest distance from a straight line, in µs.
    ppm
        Rate of this clock over the trigger's, less 1, in parts per million; None for the pulses.
    points
        How many times there are.
    """

    rate_hz: float
    jitter_us: float
    worst_us: float
    ppm: float | None
    points: int


@dataclass(frozen=True)
class CameraInspection:
    """One camera in one clip.

    Attributes
    ----------
    stored
        Frames in the file.
    verdicts
        Name of a verdict → rows.
    clock
        The device's clock over the trigger's, of paired frames; None where it tells no time.
    temperature_c
        At the begin and at the end.
    without
        What could not be set or is not known.
    readback
        Settings as read back.
    """

    name: str
    serial: str
    pixel_format: str
    size: str
    stored: int
    verdicts: dict[str, int]
    clock: Rate | None
    temperature_c: tuple[float | None, float | None]
    without: list[str]
    readback: dict[str, Any]


@dataclass(frozen=True)
class Loss:
    """A row of the ledger that pairs nothing."""

    pulse: int | None
    time_s: float | None
    part: str
    verdict: str
    blurry: str
    blurry_frame_id: int | None
    sharp: str
    sharp_frame_id: int | None


@dataclass(frozen=True)
class ClipInspection:
    """A clip in numbers.

    Attributes
    ----------
    rows, pairs, scene_pairs
        Of the ledger; pairs; those of them that are no bookends.
    pulses
        Regularity of the pulses as the controller told them; None without a trigger.
    losses
        Every row that pairs nothing.
    """

    file: str
    size_bytes: int
    name: str
    take: int
    purpose: str
    setting: str | None
    rate_hz: str
    sync: str
    verdict: str
    findings: list[str]
    created_utc: str
    motion: str
    notes: str
    rows: int
    pairs: int
    scene_pairs: int
    pulses: Rate | None
    cameras: dict[Role, CameraInspection]
    losses: list[Loss]

    def as_fields(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @property
    def good(self) -> bool:
        """Whether the clip is as it was meant."""
        return self.verdict in ("good", "free-running")

    @property
    def counts(self) -> bool:
        """Whether the clip is one of its session, if with losses."""
        return self.good or self.verdict == "marked"


def inspect_clip(clip: Clip) -> ClipInspection:
    """Measure an open clip; no frame is read."""
    head, ledger = clip.head, clip.ledger
    paired = ledger["verdict"] == Verdict.PAIRED
    return ClipInspection(
        file=clip.path.name,
        size_bytes=clip.path.stat().st_size,
        name=head.name,
        take=head.take,
        purpose=head.purpose,
        setting=None if head.setting is None else head.setting.name,
        rate_hz=head.rate_hz,
        sync=head.sync,
        verdict=clip.tail.verdict,
        findings=list(clip.tail.findings),
        created_utc=head.created_utc,
        motion=clip.tail.motion or head.motion,
        notes=clip.tail.notes or head.notes,
        rows=len(ledger),
        pairs=int(paired.sum()),
        scene_pairs=int((paired & (ledger["part"] == TakePart.SCENE)).sum()),
        pulses=_pulse_rate(clip),
        cameras={role: _camera(clip, role) for role in ROLES},
        losses=[_loss(row) for row in ledger[~paired]],
    )


def clock_residuals(
    clip: Clip, role: Role
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Device time of a camera's paired frames less the straight line through them.

    Returns
    -------
    tuple or None
        Trigger time in s and residual in µs, one each a pair; None where no time is told or there
        are fewer than three pairs.
    """
    rows = clip.ledger[clip.ledger["verdict"] == Verdict.PAIRED]
    device_ns = rows[f"{PREFIX[role]}_device_ns"]
    known = device_ns != NO_TIME
    if known.sum() < _LEAST_POINTS:
        return None
    trigger_ns, device_ns = rows["pulse_ns"][known], device_ns[known]
    _, rest_ns = _line(trigger_ns, device_ns)
    return trigger_ns / 1e9, rest_ns / _NS_PER_US


def pulse_times_ns(clip: Clip) -> NDArray[np.int64]:
    """Begins of the told pulses after the first, by the trigger's clock, unwrapped."""
    ticks = clip.pulses["ticks"].astype(np.int64)
    if not len(ticks):
        return np.zeros(0, np.int64)
    return np.asarray((ticks - ticks[0]) * (clip.head.tick_ns or 1))


def verdict_name(code: int) -> str:
    """A verdict in words: ``late armed``."""
    try:
        return Verdict(code).name.lower().replace("_", " ")
    except ValueError:
        return f"verdict {code}"


def part_name(code: int) -> str:
    """A part of a take in a word: ``bookend``."""
    try:
        return TakePart(code).name.lower()
    except ValueError:
        return f"part {code}"


def _pulse_rate(clip: Clip) -> Rate | None:
    times_ns = pulse_times_ns(clip)
    if len(times_ns) < _LEAST_POINTS:
        return None
    numbers = clip.pulses["n"].astype(np.int64)
    (slope, _), rest_ns = _line(numbers, times_ns)
    return _rate(1e9 / slope, rest_ns, None) if slope else None


def _camera(clip: Clip, role: Role) -> CameraInspection:
    told = clip.head.cameras[role]
    configured: dict[str, Any] = dict(told.configured)
    counts = Counter(verdict_name(code) for code in clip.ledger[f"{PREFIX[role]}_verdict"].tolist())
    without, readback = configured.get("without"), configured.get("readback")
    maker = (str(told.identity.get(key, "")) for key in ("vendor", "model"))
    return CameraInspection(
        name=" ".join(filter(None, maker)),
        serial=str(told.identity.get("serial", "")),
        pixel_format=str(configured.get("pixel_format", "")),
        size=f"{configured.get('width', '?')} × {configured.get('height', '?')}",
        stored=len(clip.frames(role)),
        verdicts=dict(sorted(counts.items())),
        clock=_clock(clip, role),
        temperature_c=(told.temperature_c, clip.tail.temperatures_c.get(role)),
        without=[str(each) for each in without] if isinstance(without, list) else [],
        readback=readback if isinstance(readback, dict) else {},
    )


def _clock(clip: Clip, role: Role) -> Rate | None:
    rows = clip.ledger[clip.ledger["verdict"] == Verdict.PAIRED]
    device_ns = rows[f"{PREFIX[role]}_device_ns"]
    known = device_ns != NO_TIME
    if known.sum() < _LEAST_POINTS:
        return None
    (slope, _), rest_ns = _line(rows["pulse_ns"][known], device_ns[known])
    if not slope:  # a clock that stands tells no rate
        return None
    return _rate(float(Fraction(clip.head.rate_hz)) / slope, rest_ns, 1e6 * (slope - 1))


def _line(x: NDArray[Any], y: NDArray[Any]) -> tuple[tuple[float, float], NDArray[np.float64]]:
    """Least squares on integers that are too large for floats: from the first point on."""
    dx, dy = (each.astype(np.int64) - int(each[0]) for each in (x, y))
    fx, fy = dx.astype(np.float64), dy.astype(np.float64)
    centred = fx - fx.mean()
    spread = float(centred @ centred)
    slope = float(centred @ (fy - fy.mean())) / spread if spread else 0.0
    begin = float(fy.mean() - slope * fx.mean())
    return (slope, begin), np.asarray(fy - begin - slope * fx)


def _rate(rate_hz: float, rest_ns: NDArray[np.float64], ppm: float | None) -> Rate:
    rest_us = rest_ns / _NS_PER_US
    return Rate(
        rate_hz,
        float(np.sqrt(np.mean(rest_us**2))),
        float(np.abs(rest_us).max()),
        ppm,
        len(rest_us),
    )


def _loss(row: np.void) -> Loss:
    has_pulse = int(row["pulse"]) != NO_PULSE

    def frame_id(prefix: str) -> int | None:
        there = int(row[f"{prefix}_index"]) != NO_INDEX
        number = int(row[f"{prefix}_frame_id"])
        return number if there and number != NO_ID else None

    return Loss(
        pulse=int(row["pulse"]) if has_pulse else None,
        time_s=int(row["pulse_ns"]) / 1e9 if has_pulse else None,
        part=part_name(int(row["part"])),
        verdict=verdict_name(int(row["verdict"])),
        blurry=verdict_name(int(row["c1_verdict"])),
        blurry_frame_id=frame_id("c1"),
        sharp=verdict_name(int(row["c2_verdict"])),
        sharp_frame_id=frame_id("c2"),
    )
