"""A session on the virtual rig, as the verbs hold one, and faults in the middle of its takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from acquisition.engine.apparatus import Apparatus
from acquisition.engine.shoot import Shoot, TakeOrder
from acquisition.engine.take import TakeStatus
from acquisition.ledger.joining import Policy
from acquisition.rig import Rig as RigFile
from acquisition.session.journal_entry import Consent, TakePlan
from acquisition.session.session import Session
from bsd.setting import Setting
from hardware.twin.control import ask
from hardware.twin.session_folder import CONTROL_FILE
from tests.hardware.twin.running_rig import SMALL, Rig, running_rig

ROOT = Path(__file__).resolve().parents[3]
FAST = Setting.parse("1ms8ms")
RATE = Fraction(60)
RING_BYTES = 16 << 20
FRAME_S = 1.0
"""How long a frame is waited for; what a lost one costs a test."""

READY = ["--prepared", "300", "--engine", "host", *SMALL]
"""Real time; frames show ready pictures."""


@contextmanager
def ready_rig(folder: Path, *words: str) -> Iterator[Rig]:
    """A prepared rig with small sensors, in a runtime folder of its own."""
    before = os.environ.get("XDG_RUNTIME_DIR")
    own = folder / "run"
    own.mkdir(parents=True)
    os.environ["XDG_RUNTIME_DIR"] = str(own)
    try:
        with running_rig(folder, *READY, *words) as rig:
            yield rig
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before


def fault(rig: Rig, kind: str, role: str, **fields: Any) -> None:
    """It happens now."""
    ask(rig.folder / CONTROL_FILE, {"fault": {"kind": kind, "camera": role, **fields}})


@dataclass
class Mishap:
    """Something that happens when so many pulses were told; also the watch of a take."""

    at_pulse: int
    happen: Any
    done: bool = False
    seen: list[TakeStatus] = field(default_factory=list)

    def __call__(self, status: TakeStatus) -> None:
        self.seen.append(status)
        if not self.done and status.phase == "running" and status.pulses >= self.at_pulse:
            self.done = True
            self.happen()


def order(frames: int = 30, bookend: int = 0, setting: Setting = FAST) -> TakeOrder:
    plan = TakePlan(purpose="scene", frames=frames, setting=setting.name)
    return TakeOrder(plan, setting, bookend)


@contextmanager
def started(rig_file: Path, *, free_running: bool = False) -> Iterator[Apparatus]:
    described = RigFile.read(rig_file)
    quick = described.timeouts.model_copy(update={"frame_s": FRAME_S})
    described = described.model_copy(update={"timeouts": quick})
    with Apparatus(described, free_running, RING_BYTES) as apparatus:
        yield apparatus


@contextmanager
def session_of(folder: Path, rig_file: Path) -> Iterator[Session]:
    with Session.create(
        folder, rig_file, operator="tests", consent=Consent(persons=False)
    ) as session:
        yield session


@contextmanager
def shooting(
    folder: Path, rig: Rig, apparatus: Apparatus, policy: Policy = "discard_clip", **fields: Any
) -> Iterator[Shoot]:
    with session_of(folder, rig.file) as session:
        yield Shoot(session, apparatus, RATE, policy=policy, **fields)


def capture(*words: str, timeout_s: float = 110.0, **fields: Any) -> subprocess.CompletedProcess:
    """The verb as a person types it."""
    return subprocess.run(
        [sys.executable, "-m", "acquisition.capture", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        **fields,
    )


def errors_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines that say what is wrong; a traceback is none."""
    assert "Traceback" not in done.stderr, done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]
