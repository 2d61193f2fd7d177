"""A session at work: orders in, kept or discarded clips out.

What the terminal and the preview's page have in common. Every take goes through the journal: begun,
judged, sealed or discarded; a device that was lost is brought back before the next one.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from acquisition.camera.fault import CameraFault
from acquisition.clip.document import ClipCamera, ClipHead, ClipTail, Compression
from acquisition.clip.file import remove_clip
from acquisition.clip.reader import Clip
from acquisition.clip.writer import seal
from acquisition.engine.take import Recording, StopAsked, Watch, record
from acquisition.engine.temperature import TemperatureLog
from acquisition.ledger.joining import Decision, Policy, decide
from acquisition.rig import ROLES, Role
from acquisition.session.black_level import measured_black_dn
from acquisition.session.estimate import estimated_bytes
from bsd.errors import EnvironmentFault, ToolkitError

if TYPE_CHECKING:
    from acquisition.engine.apparatus import Apparatus
    from acquisition.guide.steps import Step
    from acquisition.session.journal_entry import TakePlan
    from acquisition.session.record import ClipRecord
    from acquisition.session.session import Session
    from acquisition.session.take import Take
    from bsd.setting import Setting

ROOM: Final = 1.2
"""Times the estimate that must be free on the disk."""

_REHEARSAL: Final = ".rehearsal.h5"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TakeOrder:
    """What is to be recorded.

    Attributes
    ----------
    plan
        For the journal.
    setting
        Exposures; those of free-running cameras, too.
    bookend_frames
        Still frames before and behind the scene.
    step
        Of the guide.
    light
        The operator's word on it.
    """

    plan: TakePlan
    setting: Setting
    bookend_frames: int = 0
    step: Step | None = None
    light: str = ""

    @property
    def pulses(self) -> int:
        """Frames of each camera in all."""
        return self.plan.frames + 2 * self.bookend_frames


@dataclass(frozen=True)
class Outcome:
    """What became of a take.

    Attributes
    ----------
    take
        Its names.
    clip
        As it stands in the session; None where it was discarded.
    verdict
        good, marked, free-running or discarded.
    why
        One line.
    findings
        Of the ledger and of the devices.
    pairs
        In the clip.
    recording
        None where nothing was recorded.
    stop_session
        The policy asks to end here.
    """

    take: Take
    clip: ClipRecord | None
    verdict: str
    why: str
    findings: tuple[str, ...]
    pairs: int = 0
    recording: Recording | None = None
    stop_session: bool = False

    @property
    def kept(self) -> bool:
        """Whether it counts."""
        return self.clip is not None


@dataclass
class Shoot:
    """A session, its devices, and how takes are judged.

    Parameters
    ----------
    session
        Open.
    apparatus
        Started.
    rate_hz
        Of all takes.
    policy
        What a loss means.
    keep_discarded
        Whether every discarded take's frames are kept under ``discarded/``; those of a take that a
        lost device or process ended always are.
    compression
        Of the clips.
    watch, stop_asked
        As of `acquisition.engine.take.record`.
    """

    session: Session
    apparatus: Apparatus
    rate_hz: Fraction
    policy: Policy = "discard_clip"
    keep_discarded: bool = False
    compression: Compression = "none"
    watch: Watch = field(default=lambda _: None)
    stop_asked: StopAsked = field(default=lambda: None)
    temperatures: TemperatureLog = field(init=False, default_factory=TemperatureLog)
    """Of the cameras, before and after each take."""

    def prepare(self, setting: Setting) -> None:
        """Bring back what was lost, and drive the devices for a setting."""
        renewed = self.apparatus.renew()
        for role in renewed:
            log.info("the %s camera is back", role)
        drive = self.apparatus.drive
        if drive is None or (drive.setting, drive.rate_hz) != (setting, self.rate_hz):
            self.apparatus.set_drive(setting, self.rate_hz)
        self._know_black()

    def _know_black(self) -> None:
        """What a camera does not tell, the newest dark clip of the session does."""
        configured = self.apparatus.configured
        silent = [role for role in ROLES if not configured[role].is_black_level_told]
        if not silent:
            return
        measured = measured_black_dn(self.session.record, self.session.folder, configured)
        for role in silent:
            if role in measured:
                configured[role] = replace(configured[role], black_level_dn=measured[role])

    def take(self, order: TakeOrder, *, keep_short: Callable[[], bool] = lambda: False) -> Outcome:
        """Record, judge, and keep or discard.

        Parameters
        ----------
        order
            What.
        keep_short
            Asked when a take was stopped on request: whether the shorter clip counts.

        Raises
        ------
        ToolkitError
            The devices cannot be prepared, or there is no room: nothing has begun.
        """
        self.prepare(order.setting)
        self._require_room(order)
        take = self.session.begin_take(order.plan)
        try:
            head = self._head(order, take)
            recording = record(
                self.apparatus, take.part, head, watch=self.watch, stop_asked=self.stop_asked
            )
            decision = self._decision(recording, keep_short)
            if not decision.keep:
                return self._discarded(take, decision, recording)
            findings = recording.lines
            self.session.judge(take, decision.verdict, findings)
            seal(take.part, recording.ledger.rows, self._tail(recording, decision, findings))
        except ToolkitError as error:
            why = self.stop_asked() or str(error)  # an interrupt may end child processes, too
            stops = self.policy == "abort"
            return self._discarded(take, Decision(False, "discarded", stops, why), None)
        except BaseException as error:
            if not take.final.exists():  # what is sealed counts when the session goes on
                interrupted = isinstance(error, KeyboardInterrupt)
                why = "interrupted" if interrupted else f"a defect: {error!r}"
                self._drop(take, why, keep_file=self.keep_discarded or not interrupted)
            raise
        clip = self.session.keep(take)
        pairs = recording.ledger.paired
        return Outcome(take, clip, decision.verdict, decision.reason, findings, pairs, recording)

    @contextmanager
    def rehearsal(self, setting: Setting, frames: int) -> Iterator[tuple[Recording, Clip]]:
        """A short take that is no part of the session, to be looked at; gone afterwards."""
        self.prepare(setting)
        path = self.session.folder / _REHEARSAL
        part = path.with_name(path.name + ".part")
        for left in (path, part):
            remove_clip(left)
        try:
            head = self._document(setting, name="rehearsal", purpose="flat", frames_asked=frames)
            recording = record(self.apparatus, part, head, stop_asked=self.stop_asked)
            decision = decide(recording.ledger, "mark")
            seal(part, recording.ledger.rows, self._tail(recording, decision, ()))
            with Clip(path) as clip:
                yield recording, clip
        finally:
            for left in (path, part):
                remove_clip(left)

    def _decision(self, recording: Recording, keep_short: Callable[[], bool]) -> Decision:
        """The ledger's, unless the take was ended from outside or could not be stored."""
        stops = self.policy == "abort"
        if recording.fault is not None:
            return Decision(False, "discarded", stops, recording.fault)
        decision = decide(recording.ledger, self.policy)
        if recording.stopped is None:
            return decision
        if recording.stop_was_asked:
            some = all(recording.ledger.counts.get(f"frames_{role}", 0) for role in ROLES)
            if decision.keep and some and keep_short():
                return decision
            stops = False
        elif self.policy == "mark" and recording.ledger.paired:
            return decision
        return Decision(False, "discarded", stops, f"ended early: {recording.stopped}")

    def _discarded(self, take: Take, decision: Decision, recording: Recording | None) -> Outcome:
        lines = (decision.reason,) if recording is None else recording.lines
        # What ended by a device or a process that died may be all there is of its moment.
        broken = recording is None or (recording.broke and recording.fault is None)
        keep_file = self.keep_discarded or broken
        if recording is not None:
            if recording.fault is None:
                self.session.judge(take, "discarded", lines)
            if keep_file:  # with its ledger: recovery would save the frames alone
                tail = self._tail(recording, decision, lines)
                with suppress(EnvironmentFault):  # then the frames alone, if there is room
                    seal(take.part, recording.ledger.rows, tail)
        self._drop(take, decision.reason, keep_file=keep_file)
        pairs = 0 if recording is None else recording.ledger.paired
        return Outcome(
            take, None, "discarded", decision.reason, lines, pairs, recording,
            decision.stop_session,
        )  # fmt: skip

    def _drop(self, take: Take, why: str, *, keep_file: bool) -> None:
        """Discard; where the disk is full even for that, at least the frames go."""
        try:
            self.session.discard(take, why, keep_file=keep_file)
        except EnvironmentFault:
            self.session.discard(take, why, keep_file=False)

    def _require_room(self, order: TakeOrder) -> None:
        sizes = {role: each.frame_bytes for role, each in self.apparatus.configured.items()}
        needed = round(ROOM * estimated_bytes([order.pulses], sizes))
        free = shutil.disk_usage(self.session.folder).free
        if free < needed:
            raise EnvironmentFault(
                f"{self.session.folder}: {free / 1e6:.0f} MB are free, the take needs"
                f" {needed / 1e6:.0f} MB; free some, or record fewer frames"
            )

    # What a clip tells of itself

    def _head(self, order: TakeOrder, take: Take) -> ClipHead:
        plan, document = order.plan, self.session.document
        consent = self.session.record.consent
        return self._document(
            order.setting,
            name=take.clip,
            session=take.session,
            take=take.attempt,
            purpose=plan.purpose,
            step=plan.step or "",
            distance_mm=plan.distance_mm,
            frames_asked=plan.frames,
            bookend_frames=order.bookend_frames,
            operator=document.operator,
            motion=plan.motion,
            notes=plan.notes,
            light=order.light,
            consent="" if consent is None else consent.summary(),
        )

    def _document(self, setting: Setting, **fields: Any) -> ClipHead:
        apparatus = self.apparatus
        drive = apparatus.drive
        controller = apparatus.controller
        return ClipHead(
            setting=setting,
            rate_hz=str(self.rate_hz),
            sync="none" if apparatus.free_running else "trigger",
            plan=None
            if drive is None or drive.plan is None
            else drive.plan.model_dump(mode="json"),
            rig=apparatus.rig.model_dump(mode="json"),
            cameras={role: self._camera(role) for role in ROLES},
            trigger=None if controller is None else asdict(controller),
            tick_ns=None if apparatus.free_running else apparatus.tick_ns,
            host_clock=apparatus.rig.host_clock,
            compression=self.compression,
            **fields,
        )

    def _camera(self, role: Role) -> ClipCamera:
        return ClipCamera(
            identity=asdict(self.apparatus.cameras[role].identity),
            configured=asdict(self.apparatus.configured[role]),
            temperature_c=self._temperature(role),
        )

    def _temperature(self, role: Role) -> float | None:
        try:
            told = self.apparatus.cameras[role].status().temperature_c
        except CameraFault:
            return None
        self.temperatures.note(role, time.monotonic_ns(), told)
        return told

    def _tail(
        self, recording: Recording, decision: Decision, findings: tuple[str, ...]
    ) -> ClipTail:
        return ClipTail(
            verdict=decision.verdict,
            findings=list(findings),
            counts=recording.ledger.counts,
            temperatures_c={role: self._temperature(role) for role in ROLES},
        )


def free_bytes(folder: Path) -> int:
    """Free space where a session lies."""
    return shutil.disk_usage(folder).free
