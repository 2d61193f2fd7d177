"""The virtual rig of a demo: a process that is ended in every case, and what it recorded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bsd.errors import EnvironmentFault

_READY_S: Final = 240.0
_END_S: Final = 20.0
_LOOK_S: Final = 0.1
_INSPECT_S: Final = 120.0
_LAST_STEP: Final = ("dark", "end")


class VirtualRig:
    """A running rig; a context manager.

    Parameters
    ----------
    words
        ``hardware twin`` and its options, with `rig_file` among them.
    rig_file
        Is there when the rig is ready.
    log_file
        Takes what the rig says.

    Raises
    ------
    EnvironmentFault
        It did not become ready.
    """

    def __init__(self, words: Sequence[str], rig_file: Path, log_file: Path) -> None:
        self._words = list(words)
        self._rig_file = rig_file
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "bsd", *self._words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_ready(self._process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Until the rig says that it is ready; a file of a killed rig may lie there before."""
        until = time.monotonic() + _READY_S
        while b"ready:" not in self._log_file.read_bytes() or not self._rig_file.exists():
            if process.poll() is not None:
                raise EnvironmentFault(f"the virtual rig did not start: {self._said()}")
            if time.monotonic() > until:
                raise EnvironmentFault(
                    f"the virtual rig is not ready after {_READY_S:.0f} s; see {self._log_file}"
                )
            time.sleep(_LOOK_S)

    def _end(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            process.send_signal(asked)
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                continue
            return

    def _said(self) -> str:
        lines = self._log_file.read_text(errors="replace").strip().splitlines()
        return (
            lines[-1].removeprefix("error: ") if lines else f"nothing was said in {self._log_file}"
        )


@dataclass(frozen=True)
class Recorded:
    """What a session has already.

    Attributes
    ----------
    started, complete
        Whether it was begun, and whether its last calibration clip is there.
    scenes
        Clips by the split that they were recorded for, in their order.
    """

    started: bool = False
    complete: bool = False
    scenes: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Path) -> Self:
        """Ask ``acquisition inspect``.

        Raises
        ------
        EnvironmentFault
            It cannot tell.
        """
        if not (session / "session.json").is_file():
            return cls()
        words = [sys.executable, "-m", "bsd", "acquisition", "inspect", str(session), "--json"]
        done = subprocess.run(  # noqa: S603
            words, capture_output=True, text=True, check=False, timeout=_INSPECT_S
        )
        try:
            told: dict[str, Any] = json.loads(done.stdout)
        except ValueError as error:
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise EnvironmentFault(f"{session}: cannot be inspected: {said}") from error
        return cls.from_fields(told)

    @classmethod
    def from_fields(cls, told: dict[str, Any]) -> Self:
        """From the answer of ``acquisition inspect --json``."""
        scenes: dict[str, list[str]] = {}
        for clip in told["clips"]:
            if clip["plan"]["purpose"] == "scene":
                scenes.setdefault(clip["plan"]["notes"], []).append(clip["clip"])
        ended = [step for step in told["steps"] if (step["step"], step["when"]) == _LAST_STEP]
        complete = bool(ended) and ended[-1]["status"] in ("ok", "warning")
        return cls(True, complete, scenes)

    def missing(self, wanted: dict[str, int]) -> dict[str, int]:
        """Scenes of each split that are still to be recorded."""
        have = Counter({split: len(clips) for split, clips in self.scenes.items()})
        return {split: max(0, count - have[split]) for split, count in wanted.items()}
