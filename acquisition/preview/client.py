"""One browser: what it wants, what it still owes, and what waits to be sent to it.

Of everything that is told again and again only the newest waits, and the next picture is sent when
the page has said that the last one is on its screen. So a slow browser costs a few kilobytes, and
what does not read at all for some seconds is put out.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import ValidationError

from acquisition.preview.message import FROM_BROWSER, Hide, Look, Taken, Word
from acquisition.preview.studio import Print
from bsd.document import first_fault

SEND_S = 10.0
"""A browser that takes nothing for so long is put out."""

_MESSAGES_PER_S = 60.0
_BURST = 200.0
_FAULTS = 20

log = logging.getLogger(__name__)


class Client:
    """One open connection.

    Parameters
    ----------
    socket
        Prepared.
    transport
        What it stands on.
    obey
        Called with what the operator asks for; looks and acknowledgements stay here.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        obey: Callable[[Client, Word], None],
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._obey = obey
        self.look: Look | None = None
        self._seen: tuple[Look, tuple[int, ...]] | None = None
        self._number = 0
        self._owes = False
        self._letters: dict[str, str] = {}
        self._picture: bytes | None = None
        self._wake = asyncio.Event()
        self._credit = _BURST
        self._counted_s = time.monotonic()
        self._faults = 0

    def wants(self, stamp: tuple[int, ...]) -> Look | None:
        """What to make for it now; None while it owes an answer, hides or has seen it all."""
        if self._owes or self.look is None or self._seen == (self.look, stamp):
            return None
        return self.look

    def show(self, made: Print) -> None:
        """Send a picture if it is still what this browser wants."""
        if self._owes or self.look != made.look:
            return
        self._number += 1
        self._owes = True
        self._seen = (made.look, made.stamp)
        self._picture = made.message(self._number)
        self._wake.set()

    def write(self, kind: str, letter: str) -> None:
        """Send JSON text; a letter of the same kind that still waits is replaced."""
        self._letters[kind] = letter
        self._wake.set()

    async def send(self) -> None:
        """Send what waits until the connection ends."""
        while not self._socket.closed:
            await self._wake.wait()
            self._wake.clear()
            letters, self._letters = self._letters, {}
            picture, self._picture = self._picture, None
            try:
                async with asyncio.timeout(SEND_S):
                    for letter in letters.values():
                        await self._socket.send_str(letter)
                    if picture is not None:
                        await self._socket.send_bytes(picture)
            except TimeoutError:
                log.info("preview: a browser took nothing for %g s; it was put out", SEND_S)
                self._abort()
                return
            except ConnectionError:
                return

    async def listen(self) -> None:
        """Obey its messages until it leaves or misbehaves."""
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                await self._socket.close(code=WSCloseCode.UNSUPPORTED_DATA)
                return
            if not self._pays():
                await self._socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too many")
                return
            try:
                word = FROM_BROWSER.validate_json(message.data)
            except ValidationError as error:
                self._faults += 1
                self.refuse(first_fault(error))
                if self._faults > _FAULTS:
                    await self._socket.close(code=WSCloseCode.POLICY_VIOLATION)
                    return
                continue
            match word:
                case Look():
                    self.look = word
                case Hide():
                    self.look = None
                case Taken(number=number):
                    self._owes = self._owes and number != self._number
                case _:
                    pass
            self._obey(self, word)

    def refuse(self, text: str) -> None:
        """Say why something was not done."""
        self.write("refused", json.dumps({"kind": "refused", "text": text[:300]}))

    def _pays(self) -> bool:
        """A bucket: so many messages at once, then so many a second."""
        now_s = time.monotonic()
        self._credit = min(_BURST, self._credit + (now_s - self._counted_s) * _MESSAGES_PER_S)
        self._counted_s = now_s
        self._credit -= 1
        return self._credit >= 0

    def _abort(self) -> None:
        """A close that waits for no answer: the other end reads nothing."""
        if self._transport is not None:
            self._transport.abort()
