"""The devices of a session that is being written, and its takes."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.arrival import ARRIVAL, NO_ID, NO_TIME, ArrivalFlag
from acquisition.camera.message import CameraIdentity, Configured
from acquisition.camera.pixel_format import pixel_format
from acquisition.clip.reader import ClipCamera, ClipHead, ClipTail
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import ClipWriter, seal
from acquisition.ledger.row import LEDGER, NO_INDEX, PREFIX, PULSE, Verdict
from acquisition.rig import ROLES, Role
from acquisition.session.black_level import measured_black_dn
from acquisition.session.journal_entry import TakePlan
from acquisition.session.session import Session
from acquisition.session.take import Take
from bsd.setting import Setting
from tests.twin_session.eye import Eye
from tests.twin_session.filming import FIRST_NS, Filming
from tests.twin_session.spec import SceneClip, Spec


class Bench:
    """The devices of a session that is being written."""

    def __init__(self, session: Session, spec: Spec) -> None:
        self.session, self.spec = session, spec
        self.rig = spec.rig()
        world = spec.world()
        self.world = world
        self.eyes = {role: Eye(spec, world, role) for role in ROLES}
        self.configured: dict[Role, Configured] = {role: self._configured(role) for role in ROLES}
        self.arming = 0

    def record(
        self,
        take_plan: TakePlan,
        setting: Setting,
        filming: Filming,
        bookend: int = 0,
        clip: SceneClip | None = None,
    ) -> Take:
        """One take, kept."""
        session = self.session
        measured = measured_black_dn(session.record, session.folder, self.configured)
        for role, black_dn in measured.items():
            self.configured[role] = replace(self.configured[role], black_level_dn=black_dn)
        take = session.begin_take(take_plan)
        self.arming += 1
        head = self._head(take_plan, setting, filming, bookend, take)
        pulses = take_plan.frames + 2 * bookend
        rows = self._frames(take, head, filming, pulses, bookend, clip or SceneClip())
        paired = int((rows["verdict"] == Verdict.PAIRED).sum())
        counts = {"paired": paired, "pulses": pulses}
        counts |= {f"frames_{role}": int((rows[f"{PREFIX[role]}_index"] >= 0).sum())
                   for role in ROLES}  # fmt: skip
        verdict: Any = "good" if paired == pulses else "marked"
        findings = (
            [] if paired == pulses else [f"{pulses - paired} of {pulses} pulses have no pair"]
        )
        session.judge(take, verdict, findings)
        temperatures: dict[Role, float | None] = {
            role: self._temperature(role, filming) for role in ROLES
        }
        tail = ClipTail(
            verdict=verdict, findings=findings, counts=counts, temperatures_c=temperatures
        )
        seal(take.part, rows, tail)
        session.keep(take)
        return take

    def _frames(
        self, take: Take, head: ClipHead, filming: Filming, pulses: int, bookend: int,
        clip: SceneClip,
    ) -> NDArray[np.void]:  # fmt: skip
        shapes = {role: FrameShape.of(self.configured[role]) for role in ROLES}
        writer = ClipWriter(take.part, head, shapes)
        rows = np.zeros(pulses, LEDGER)
        last: dict[Role, NDArray[Any]] = {}
        try:
            for pulse in range(pulses):
                row = rows[pulse]
                at = filming.pulse_ns(pulse)
                row["pulse"], row["pulse_ns"] = pulse, at - filming.pulse_ns(0)
                row["part"] = pulse < bookend or pulse >= pulses - bookend
                lost = [role for role in ROLES if (pulse, role) in clip.losses]
                row["verdict"] = Verdict.MISSED if lost else Verdict.PAIRED
                for role in ROLES:
                    self._append(writer, row, role, filming, pulse, clip, last, lost)
            told = np.zeros(pulses, PULSE)
            told["n"] = np.arange(pulses)
            told["ticks"] = [filming.pulse_ns(pulse) // 500 for pulse in range(pulses)]
            writer.pulses(told)
        finally:
            writer.close()
        return rows

    def _append(
        self, writer: ClipWriter, row: Any, role: Role, filming: Filming, pulse: int,
        clip: SceneClip, last: dict[Role, NDArray[Any]], lost: list[Role],
    ) -> None:  # fmt: skip
        prefix = PREFIX[role]
        if role in lost:
            row[f"{prefix}_index"], row[f"{prefix}_verdict"] = NO_INDEX, Verdict.MISSED
            row[f"{prefix}_frame_id"], row[f"{prefix}_device_ns"] = NO_ID, NO_TIME
            row[f"{prefix}_host_ns"] = NO_TIME
            return
        identity = self.world.camera_1 if role == "blurry" else self.world.camera_2
        begin, end = filming.window(role, pulse)
        index = writer.stored[role]
        arrival = np.zeros(1, ARRIVAL)
        arrival["arming"], arrival["flags"], arrival["index"] = (
            self.arming, ArrivalFlag.COMPLETE, index
        )  # fmt: skip
        arrival["frame_id"] = pulse
        drift = 1 + identity.clock_drift_ppm * 1e-6
        arrival["device_ns"] = int(begin * drift) + identity.clock_offset_ns
        arrival["host_ns"] = end + 30_000_000 + self.arming
        frame = filming_frame = self.eyes[role].frame(filming, pulse)
        if (pulse, role) in clip.repeats and role in last:
            frame = last[role]
        last[role] = frame
        arrival["size"] = filming_frame.nbytes
        writer.append(role, arrival[0], np.ascontiguousarray(frame).reshape(-1).view(np.uint8))
        row[f"{prefix}_index"] = index
        for name in ("frame_id", "device_ns", "host_ns"):
            row[f"{prefix}_{name}"] = arrival[name][0]
        row[f"{prefix}_verdict"] = Verdict.UNPAIRED if lost else Verdict.PAIRED

    def _head(
        self, take_plan: TakePlan, setting: Setting, filming: Filming, bookend: int, take: Take
    ) -> ClipHead:
        consent = self.session.record.consent
        return ClipHead(
            name=take.clip,
            session=take.session,
            take=take.attempt,
            purpose=take_plan.purpose,  # type: ignore[arg-type]
            step=take_plan.step or "",
            distance_mm=take_plan.distance_mm,
            setting=setting,
            rate_hz=self.spec.rate,
            frames_asked=take_plan.frames,
            bookend_frames=bookend,
            sync="trigger",
            arming=self.arming,
            plan=filming.exposures.model_dump(mode="json"),
            rig=self.rig.model_dump(mode="json"),
            cameras={role: self._camera(role, filming) for role in ROLES},
            trigger={"protocol": 1, "firmware": "1.0.0", "chip": "atmega328p",
                     "tick_ns": 500, "name": None},
            tick_ns=500,
            host_clock=self.rig.host_clock,
            operator=self.session.document.operator,
            motion=take_plan.motion,
            notes=take_plan.notes,
            consent="" if consent is None else consent.summary(),
        )  # fmt: skip

    def _temperature(self, role: Role, filming: Filming) -> float:
        return self.eyes[role].sensor.temperature_c(filming.pulse_ns(0))

    def _camera(self, role: Role, filming: Filming) -> ClipCamera:
        asked = self.rig.camera(role)
        identity = CameraIdentity(
            "BSD toolkit", "BSD-Twin-2", asked.serial, "1.0.0", asked.producer,
            True, True, True, True, True,
        )  # fmt: skip
        return ClipCamera(
            identity=asdict(identity),
            configured=asdict(self.configured[role]),
            temperature_c=self._temperature(role, filming),
        )

    def _configured(self, role: Role) -> Configured:
        form = pixel_format(self.rig.camera(role).pixel_format)
        wide, high = self.spec.size_px
        sensor = self.eyes[role].sensor
        colour = "BayerRG" if form.cfa else "None"
        readback: dict[str, Any] = {
            "AcquisitionMode": "Continuous", "ExposureAuto": "Off", "GainAuto": "Off",
            "BalanceWhiteAuto": "Off", "Gain[All]": 0.0, "Gamma": 1.0,
            "SensorShutterMode": "Global", "ReverseX": False, "ReverseY": False,
            "PixelFormat": form.name, "OffsetX": 0, "OffsetY": 0, "Width": wide, "Height": high,
            "AcquisitionFrameRateEnable": False, "ExposureMode": "TriggerWidth",
            "TriggerSource[FrameStart]": "Line1", "TriggerActivation[FrameStart]": "RisingEdge",
            "TriggerDelay[FrameStart]": 0.0, "TriggerMode[FrameStart]": "On", "Gain": 0.0,
            "BlackLevel": sensor.config.black_level_dn12, "ExposureTime": 10000.0,
            "PayloadSize": form.frame_bytes(wide, high), "PixelColorFilter": colour,
        }  # fmt: skip
        untold = "its black level in DN of the frames is not told; dark frames measure it"
        return Configured(
            width=wide, height=high, pixel_format=form.name, dtype=form.dtype, bits=form.bits,
            channels=form.channels, cfa=form.cfa, frame_bytes=form.frame_bytes(wide, high),
            slots=64, readback=readback, black_level_dn=None, gain_db=0.0,
            temperature_c=sensor.temperature_c(FIRST_NS), exposure_us=None, without=[untold],
        )  # fmt: skip
