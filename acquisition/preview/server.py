"""The web server: the page's files, and one WebSocket a browser."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket as sockets
from collections.abc import Callable
from importlib import resources
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from acquisition.preview.client import Client
from acquisition.preview.message import MESSAGE_BYTES, Word
from acquisition.preview.security import Gate, refused, with_headers
from bsd.errors import EnvironmentFault

MOST_CLIENTS: Final = 6
_HEARTBEAT_S: Final = 10.0
_CLOSE_S: Final = 1.0

_FILES: Final = {
    "/": ("page.html", "text/html"),
    "/preview.css": ("preview.css", "text/css"),
    **{
        f"/{name}": (name, "text/javascript")
        for name in ("preview.js", "stage.js", "panels.js", "chart.js", "take.js")
    },
}

log = logging.getLogger(__name__)


class Server:
    """Serves the page to browsers that know the token.

    Parameters
    ----------
    obey
        Called with what an operator asks for.
    greet
        Called with every new browser, which has been told nothing yet.
    """

    def __init__(
        self, obey: Callable[[Client, Word], None], greet: Callable[[Client], None]
    ) -> None:
        self._obey = obey
        self._greet = greet
        self.clients: set[Client] = set()
        self._sockets: set[web.WebSocketResponse] = set()
        self._gate: Gate | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int, token: str) -> int:
        """Listen; the port, which was chosen where 0 was asked for.

        Raises
        ------
        EnvironmentFault
            The address cannot be used.
        """
        app = web.Application(middlewares=[with_headers, self._guarded], client_max_size=1024)
        for path in _FILES:
            app.router.add_get(path, self._file)
        app.router.add_get("/live", self._live)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=_CLOSE_S
        )
        await self._runner.setup()
        try:
            listening = _listening(host, port)
            bound = int(listening.getsockname()[1])
            self._gate = Gate(host, bound, token)
            await web.SockSite(self._runner, listening).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise EnvironmentFault(
                f"preview: cannot listen on {host}:{port}: {error}; choose another port (--port),"
                " or 0 for any"
            ) from error
        return bound

    async def stop(self) -> None:
        """Say goodbye to all browsers and free the port."""
        for each in list(self._sockets):
            try:
                async with asyncio.timeout(_CLOSE_S):
                    await each.close(code=1001, message=b"the preview has ended")
            except (TimeoutError, ConnectionError):
                continue
        if self._runner is not None:
            await self._runner.cleanup()

    def write(self, kind: str, fields: dict[str, object]) -> None:
        """Tell all browsers."""
        letter = json.dumps({"kind": kind, **fields})
        for client in self.clients:
            client.write(kind, letter)

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        gate = self._gate
        reason = "not ready" if gate is None else gate.refusal(request)
        return refused(reason) if reason is not None else await handler(request)

    async def _file(self, request: web.Request) -> web.Response:
        name, kind = _FILES[request.path]
        text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
        response = web.Response(text=text, content_type=kind, charset="utf-8")
        if request.path == "/" and self._gate is not None:
            self._gate.remember(response)
        return response

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if len(self.clients) >= MOST_CLIENTS:
            return web.Response(
                status=503, text=f"{MOST_CLIENTS} browsers are open already; close one\n"
            )
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_S, max_msg_size=MESSAGE_BYTES, timeout=_CLOSE_S, compress=False
        )
        if not socket.can_prepare(request).ok:
            return web.Response(status=400, text="a WebSocket is spoken here\n")
        await socket.prepare(request)
        client = Client(socket, request.transport, self._obey)
        self.clients.add(client)
        self._sockets.add(socket)
        sending = asyncio.create_task(client.send())
        try:
            self._greet(client)
            await client.listen()
        finally:
            self.clients.discard(client)
            self._sockets.discard(socket)
            sending.cancel()
        return socket


def _listening(host: str, port: int) -> sockets.socket:
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    made = sockets.socket(family, sockets.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share the port
            made.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(16)
    except OSError:
        made.close()
        raise
    return made
