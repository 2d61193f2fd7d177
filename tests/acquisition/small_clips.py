"""Small clips as a capture leaves them, with losses that the test chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from acquisition.arrival import ARRIVAL, ArrivalFlag
from acquisition.camera.message import CameraIdentity, Configured
from acquisition.clip.reader import ClipCamera, ClipHead, ClipTail
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import ClipWriter, seal
from acquisition.exposure import plan
from acquisition.ledger.row import LEDGER, NO_INDEX, NO_PULSE, PREFIX, PULSE, Verdict
from acquisition.rig import ROLES, Rig, Role
from acquisition.session.session import Session
from acquisition.session.take import Take
from bsd.setting import Setting

WIDTH, HEIGHT = 64, 48
SETTING = Setting.parse("2ms16ms")
TICK_NS = 500
PERIOD_NS = 66_666_666

RIG_FIELDS: dict[str, Any] = {
    "format": "bsd-rig",
    "format_version": 1,
    "name": "bench-1",
    "optics": {"lens": "shared_lens"},
    "trigger": {"port": "/dev/ttyACM0"},
    "cameras": {
        "blurry": {
            "producer": "/opt/vendor.cti",
            "serial": "0022",
            "timing": {"exposure": "trigger_width", "readout_us": 5000},
        },
        "sharp": {
            "producer": "/opt/vendor.cti",
            "serial": "0023",
            "flip": "horizontal",
            "timing": {"exposure": "trigger_width", "readout_us": 5000},
        },
    },
}

Loss = tuple[int, Role, Verdict]
"""Pulse, camera, and what became of its frame."""

Light = Callable[[Role, int], NDArray[Any]]
"""Frame of a camera at a pulse."""


def write_rig(path: Path, **fields: Any) -> Path:
    path.write_text(yaml.safe_dump({**RIG_FIELDS, **fields}))
    return path


def textured(role: Role, pulse: int) -> NDArray[np.uint8]:
    """A mosaic with edges; the reflected view is mirrored; the whole moves by the pulse."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    shown = 90 + 50 * np.sign(np.sin((x + pulse) / 5.0) * np.sin(y / 6.0))
    noise = np.random.default_rng([7, pulse, ROLES.index(role)]).normal(0, 2, shown.shape)
    frame: NDArray[np.uint8] = np.clip(shown + noise, 0, 255).astype(np.uint8)
    return frame[:, ::-1].copy() if role == "sharp" else frame


def level(value: float, noise: float = 1.0) -> Light:
    """An even view."""

    def shown(role: Role, pulse: int) -> NDArray[np.uint8]:
        random = np.random.default_rng([11, pulse, ROLES.index(role)])
        return np.clip(random.normal(value, noise, (HEIGHT, WIDTH)), 0, 255).astype(np.uint8)

    return shown


def head_of(take: Take | None, **fields: Any) -> ClipHead:
    """A head as a capture writes it."""
    rig = Rig.from_fields(RIG_FIELDS, "rig")
    identity: dict[str, Any] = {}
    if take is not None:
        identity = {"name": take.clip, "session": take.session, "take": take.attempt}
    timing = rig.cameras.blurry.timing
    asked: dict[str, Any] = {
        "name": "clip-000",
        "purpose": "scene",
        "setting": SETTING,
        "rate_hz": "15",
        "frames_asked": 10,
        "sync": "trigger",
        "plan": plan(SETTING, 15, "centre", timing, timing).model_dump(mode="json"),
        "rig": rig.model_dump(mode="json"),
        "cameras": {role: _camera(rig, role) for role in ROLES},
        "trigger": {"firmware": "1.0"},
        "tick_ns": TICK_NS,
        "operator": "A. Operator",
        "motion": "hand shake",
    }
    return ClipHead(**{**asked, **identity, **fields})


def _camera(rig: Rig, role: Role) -> ClipCamera:
    serial = rig.camera(role).serial
    identity = CameraIdentity("Maker", "Model", serial, "1.2", "p", True, True, True, True, True)
    readback: dict[str, Any] = {
        "TriggerMode": "On",
        "GainAuto": "Off",
        "Gain": 0.0,
        "ExposureMode": "TriggerWidth",
    }
    configured = Configured(
        WIDTH, HEIGHT, "BayerRG8", "uint8", 8, 1, "RGGB", WIDTH * HEIGHT, 64, readback,
        4.0, 0.0, 41.5, None, ["LUTEnable: the camera has no such feature"],
    )  # fmt: skip
    fields = {"identity": asdict(identity), "configured": asdict(configured)}
    return ClipCamera(**fields, temperature_c=41.5)


@dataclass
class Content:
    """What a clip holds.

    Attributes
    ----------
    pulses, bookend
        How many; the first and last `bookend` of them are still.
    losses
        What is not paired.
    light
        The frames.
    verdict
        Of the tail.
    """

    pulses: int = 10
    bookend: int = 0
    losses: list[Loss] = field(default_factory=list)
    light: Light = textured
    verdict: Any = "good"
    findings: list[str] = field(default_factory=list)
    head: Mapping[str, Any] = field(default_factory=dict)


def write_part(part: Path, content: Content, take: Take | None = None) -> NDArray[np.void]:
    """Frames and pulses of a take that is not sealed; its ledger."""
    head = head_of(take, frames_asked=max(1, content.pulses), **content.head)
    shape = FrameShape(HEIGHT, WIDTH)
    writer = ClipWriter(part, head, dict.fromkeys(ROLES, shape))
    rows = np.zeros(content.pulses, LEDGER)
    lost = {(pulse, role): verdict for pulse, role, verdict in content.losses}
    rng = np.random.default_rng(3)
    try:
        for prefix in PREFIX.values():
            rows[f"{prefix}_index"] = NO_INDEX
            for name in ("frame_id", "device_ns", "host_ns"):
                rows[f"{prefix}_{name}"] = np.array(-1).astype(rows[f"{prefix}_{name}"].dtype)
        for pulse in range(content.pulses):
            row = rows[pulse]
            row["pulse"], row["pulse_ns"] = pulse, pulse * PERIOD_NS
            row["part"] = pulse < content.bookend or pulse >= content.pulses - content.bookend
            for role, prefix in PREFIX.items():
                verdict = lost.get((pulse, role), Verdict.PAIRED)
                row[f"{prefix}_verdict"] = verdict
                if verdict in (Verdict.MISSED, Verdict.INCOMPLETE, Verdict.LATE_ARMED):
                    continue
                index = writer.stored[role]
                arrival = np.zeros(1, ARRIVAL)
                device_ns = int(7e9 + pulse * PERIOD_NS * (1 + 20e-6) + rng.normal(0, 800))
                arrival["arming"], arrival["flags"] = 1, ArrivalFlag.COMPLETE
                arrival["index"], arrival["frame_id"] = index, pulse
                arrival["device_ns"] = device_ns
                arrival["host_ns"] = int(9e9 + pulse * PERIOD_NS + rng.exponential(9e5))
                arrival["size"] = WIDTH * HEIGHT
                frame = content.light(role, pulse)
                writer.append(role, arrival[0], frame.reshape(-1).view(np.uint8))
                row[f"{prefix}_index"] = index
                for name in ("frame_id", "device_ns", "host_ns"):
                    row[f"{prefix}_{name}"] = arrival[name][0]
            both = [Verdict(row["c1_verdict"]), Verdict(row["c2_verdict"])]
            row["verdict"] = max(both)
            if max(both) != Verdict.PAIRED:
                for prefix, verdict in zip(PREFIX.values(), both, strict=True):
                    if verdict == Verdict.PAIRED:
                        row[f"{prefix}_verdict"] = Verdict.UNPAIRED
        told = np.zeros(content.pulses, PULSE)
        told["n"] = np.arange(content.pulses)
        told["ticks"] = 10_000 + rows["pulse_ns"] // TICK_NS
        if content.pulses:
            writer.pulses(told)
    finally:
        writer.close()
    assert NO_PULSE not in rows["pulse"]
    return rows


def seal_part(part: Path, rows: NDArray[np.void], content: Content) -> Path:
    pairs = int((rows["verdict"] == Verdict.PAIRED).sum())
    tail = ClipTail(
        verdict=content.verdict,
        findings=content.findings,
        counts={"pulses": len(rows), "pairs": pairs},
        temperatures_c={"blurry": 42.5, "sharp": 43.0},
    )
    return seal(part, rows, tail)


def write_clip(path: Path, content: Content | None = None, take: Take | None = None) -> Path:
    """A sealed clip of its own."""
    content = content or Content()
    part = path.with_name(path.name + ".part")
    return seal_part(part, write_part(part, content, take), content)


def recorded(session: Session, take: Take, content: Content | None = None) -> Take:
    """A take that was recorded, judged, sealed and kept, as a capture does it."""
    content = content or Content()
    rows = write_part(take.part, content, take)
    session.judge(take, content.verdict, content.findings)
    seal_part(take.part, rows, content)
    session.keep(take)
    return take
