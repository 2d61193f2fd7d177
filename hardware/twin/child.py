"""A process of the rig: started with a lifeline, heard once when it is ready, and always ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bsd.errors import EnvironmentFault

_ROOT: Final = str(Path(__file__).resolve().parents[2])
_PATHS: Final = [_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
"""The children are of this very toolkit, whatever lies in the present folder."""

_LOOK_S: Final = 0.1
_END_S: Final = 15.0
_KILL_S: Final = 5.0


class Child:
    """One process.

    It runs in a session of its own, so that Ctrl-C reaches its parent alone; it ends when its
    standard input does, which happens however the parent ends.

    Parameters
    ----------
    name
        What it is, for messages.
    words
        Module and arguments.
    lock
        Descriptor that it shall hold as long as it lives.
    """

    def __init__(self, name: str, words: list[str], lock: int) -> None:
        self.name = name
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", *words],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(_PATHS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(lock,),
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def wait_ready(self, stop: threading.Event, patience_s: float) -> dict[str, Any] | None:
        """What it says when it is ready; None where `stop` came first.

        Raises
        ------
        EnvironmentFault
            It ended, or took longer than `patience_s`.
        """
        until = time.monotonic() + patience_s
        stdout = self._process.stdout
        while stdout is not None and not stop.is_set():
            if select.select([stdout], [], [], _LOOK_S)[0]:
                line = stdout.readline()
                if not line:
                    break
                answer: dict[str, Any] = json.loads(line)
                return answer
            if time.monotonic() > until:
                raise EnvironmentFault(f"the {self.name} is not ready after {patience_s:.0f} s")
        if stop.is_set():
            return None
        self._process.wait(_END_S)
        raise EnvironmentFault(f"the {self.name} ended at its start; its message stands above")

    def check(self) -> None:
        """Raise `EnvironmentFault` where it has ended."""
        code = self._process.poll()
        if code is not None:
            raise EnvironmentFault(
                f"the {self.name} has ended (exit {code}); the virtual rig ends with it"
            )

    def release(self) -> None:
        """Tell it to end."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def end(self) -> None:
        """Tell it to end and see that it does."""
        self.release()
        for last_word, patience_s in (
            (self._process.terminate, _END_S),
            (self._process.kill, _KILL_S),
        ):
            try:
                self._process.wait(patience_s)
                break
            except subprocess.TimeoutExpired:
                last_word()
        self._process.wait(_KILL_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
