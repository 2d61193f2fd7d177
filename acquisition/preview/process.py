"""The preview as the program that records sees it: an address, news, and what to show."""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final, Self

from acquisition.child import Child
from acquisition.preview.message import Leave, Note, Shown, StartTake, StopTake
from acquisition.preview.security import is_loopback, new_token
from acquisition.preview.service import serve
from acquisition.preview.status import Role, Scenery, Status
from acquisition.ring import FrameRing

News = StartTake | StopTake | Note | Leave

_ORDER_S: Final = 10.0
_STUCK_S: Final = 20.0


class PreviewProcess:
    """The preview's web server in a process of its own. A context manager.

    Nothing here waits for a browser. Where the process dies, recording goes on: `revive` starts it
    again at the same address, and open pages come back by themselves.

    Parameters
    ----------
    rings
        By role; looked at, never emptied.
    host
        Address to listen on. Anything but this computer's own opens the pictures to the network,
        unencrypted.
    port
        0: any free one.
    token
        The secret of the address; None: a new one.
    """

    def __init__(
        self,
        rings: Mapping[Role, FrameRing],
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
    ) -> None:
        self._rings = dict(rings)
        self._host = host
        self._port = port
        self._token = new_token() if token is None else token
        self._scenery: Scenery | None = None
        self._status = Status()
        self._child: Child | None = None
        self._untold = False
        self._telling = False
        self._told: list[News] = []

    @property
    def url(self) -> str:
        """Address to open in a browser, token included; valid once started."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "::") else self._host  # noqa: S104
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{self._port}/?token={self._token}"

    @property
    def is_public(self) -> bool:
        """Whether other computers can reach it."""
        return not is_loopback(self._host)

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int | None:
        """Process number while there is a process."""
        return None if self._child is None else self._child.pid

    @property
    def pipe(self) -> Connection | None:
        """For `multiprocessing.connection.wait`; readable where there may be news."""
        return None if self._child is None else self._child.pipe

    def start(self) -> str:
        """Start it; the address to open.

        Raises
        ------
        ToolkitError
            The port is taken, or the process cannot be started.
        """
        arguments = (self._rings, self._host, self._port, self._token)
        child = Child("preview", serve, arguments, stuck_s=_STUCK_S)
        self._port = child.start()
        self._child = child
        child.tell(self._scenery)
        self._telling, self._untold = False, True
        self._receive(0.0)
        return self.url

    def revive(self) -> bool:
        """Start it again where it has died, with all that it knew; whether that was needed."""
        if self.alive:
            return False
        if self._child is not None:
            self._child.kill()
        self.start()
        return True

    def scenery(self, scenery: Scenery | None) -> None:
        """Tell what the frames are, after every configuration; None: no cameras. Does not wait.

        Raises
        ------
        ChildLost
            The process has died; `revive` it.
        """
        self._scenery = scenery
        if self._child is not None:
            self._child.tell(scenery)

    def show(self, status: Status) -> None:
        """Tell how everything stands. Does not wait: of what is told fast, the newest is kept.

        Raises
        ------
        ChildLost
            The process has died; `revive` it.
        """
        if status != self._status:
            self._status, self._untold = status, True
        self._receive(0.0)

    def news(self, timeout_s: float = 0.0) -> list[News]:
        """What operators have asked for since the last call, in order.

        Raises
        ------
        ChildLost
            The process has died; `revive` it.
        """
        self._receive(0.0 if self._told else timeout_s)
        told, self._told = self._told, []
        return told

    def _receive(self, timeout_s: float) -> None:
        """Take in what it tells; then tell the status, one at a time.

        The pipe of a process that hangs would fill up otherwise, and hold the program up.
        """
        if self._child is None:
            return
        for each in self._child.news(timeout_s):
            if isinstance(each, Shown):
                self._telling = False
            else:
                self._told.append(each)
        if self._untold and not self._telling:
            self._untold, self._telling = False, True
            self._child.tell(self._status)

    def close(self) -> None:
        """End it; open pages say so. Again is no error."""
        child, self._child = self._child, None
        if child is not None:
            child.close(_ORDER_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
