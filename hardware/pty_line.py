"""The serial line of a running board as a pseudo terminal, for programs that open a port."""

from __future__ import annotations

import errno
import logging
import os
import select
import termios
import tty
from pathlib import Path
from typing import Final

from bsd.errors import UserMistake
from hardware.board import CLOCK_HZ, EXTERNAL, Board

log = logging.getLogger(__name__)

_SPEEDS: Final = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name[:1] == "B" and name[1:].isdigit()
}
_UNSET: Final = (0, 38400)
"""A pseudo terminal's speed before anyone has set one."""

_CHUNK: Final = 4096
_ROOM_BYTES: Final = 1 << 16
_AHEAD_CYCLES: Final = CLOCK_HZ // 20
"""How far the board may lie behind what it was sent before no more is read: 50 ms."""


class PtyLine:
    """Passes bytes between a board and whoever has opened the port.

    Parameters
    ----------
    board
        The board.
    link
        A symbolic link to the port, for a name that does not change; None makes none.
    reset_at_open
        Reset the board when the port is opened, as DTR does on an Uno.

    Raises
    ------
    UserMistake
        The link's name is taken by something that is no link.
    """

    def __init__(
        self, board: Board, link: Path | None = None, *, reset_at_open: bool = True
    ) -> None:
        self._board = board
        self._reset_at_open = reset_at_open
        if link is not None and link.exists() and not link.is_symlink():
            raise UserMistake(f"{link}: there is a file; name another place for the link")
        self._master, slave = os.openpty()
        self.port = os.ttyname(slave)
        tty.setraw(slave)
        os.close(slave)  # so that the hang-up goes away when somebody opens it
        os.set_blocking(self._master, False)
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLIN)
        self._is_open = False
        self._waiting = bytearray()
        self._complained = False
        self._busy_until = 0
        self._baud = 0
        self._link = link
        if link is not None:
            link.unlink(missing_ok=True)
            link.symlink_to(self.port)

    def files(self) -> list[int]:
        """What to wait for: readable when something was sent. Empty while nobody has it open."""
        return [self._master] if self._is_open and self._has_room else []

    def pump(self) -> None:
        """Notice who opens and closes the port, and pass bytes on both ways."""
        events = self._events()
        is_open = not events & select.POLLHUP
        if is_open and not self._is_open:
            self._opened()
        self._is_open = is_open
        if events & select.POLLIN and self._has_room:
            self._read()
        self._write(self._board.receive())

    def close(self) -> None:
        """Close the port and remove the link."""
        link = self._link
        if link is not None and link.is_symlink() and str(link.readlink()) == self.port:
            link.unlink()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    @property
    def _has_room(self) -> bool:
        return self._busy_until - self._board.cycle < _AHEAD_CYCLES

    def _events(self) -> int:
        found = self._poll.poll(0)
        return found[0][1] if found else 0

    def _opened(self) -> None:
        log.debug("%s: opened", self.port)
        self._waiting.clear()
        self._complained = False
        if self._reset_at_open:
            self._board.reset(EXTERNAL)
            self._board.receive()  # said before the reset: nobody was there to hear it

    def _read(self) -> None:
        try:
            data = os.read(self._master, _CHUNK)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EAGAIN):  # closed meanwhile, or nothing there
                raise
            return
        self._follow_speed()
        self._board.send(data)
        begin = max(self._busy_until, self._board.cycle)
        self._busy_until = begin + len(data) * 10 * CLOCK_HZ // (self._baud or 500_000)

    def _write(self, data: bytes) -> None:
        if not self._is_open:
            return
        self._follow_speed()
        self._waiting += data
        if not self._waiting:
            return
        try:
            sent = os.write(self._master, self._waiting)
            del self._waiting[:sent]
        except BlockingIOError:
            pass
        if len(self._waiting) > _ROOM_BYTES:
            del self._waiting[: len(self._waiting) - _ROOM_BYTES]
            if not self._complained:
                self._complained = True
                log.warning("%s: nobody reads; bytes of the board are lost", self.port)

    def _follow_speed(self) -> None:
        baud = _SPEEDS.get(termios.tcgetattr(self._master)[5], 0)
        if baud not in _UNSET and baud != self._baud:
            self._baud = baud
            self._board.baud(baud)
