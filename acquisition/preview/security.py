"""Who may see the page: whoever knows the token, from a page of this server, and nobody else.

A browser lets any page that is open in it send requests to this computer. So three things are asked
of every request: the token (in the address at first, then in a cookie), a ``Host`` that is this
server's (else a foreign name may have been pointed at it: DNS rebinding), and where the browser
says which page it comes from, that this is the server's own.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_ORIGINLESS = frozenset({"none", "same-origin"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""On every answer. The page asks for nothing outside itself and can be framed by nobody."""


def new_token() -> str:
    """A token that cannot be guessed, 256 bits."""
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` is reached from this computer only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Gate:
    """Lets requests in or says why not.

    Parameters
    ----------
    host
        What the server is bound to.
    port
        Its port; names the cookie, since cookies are shared by all ports of a host.
    token
        The secret.
    """

    def __init__(self, host: str, port: int, token: str) -> None:
        self._loopback = is_loopback(host)
        self._names = _LOOPBACK | {host.lower()}
        self._token = token.encode()
        self.cookie = f"bsd-preview-{port}"

    def refusal(self, request: web.Request) -> str | None:
        """Why a request is refused, in one line; None where it may pass."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return "this server does not go by that name"
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{hosts[0]}":
            return "a page of another origin may not ask this server"
        if origin is None and _is_upgrade(request):
            return "a connection without an origin is refused"
        site = request.headers.get("Sec-Fetch-Site", "none")
        if request.path != "/" and site not in _ORIGINLESS:
            return "a page of another origin may not ask this server"
        if not self.knows_token(request):
            return "the token is missing or wrong: open the address that the program printed"
        return None

    def knows_token(self, request: web.Request) -> bool:
        """Whether the token came along, as a cookie or (for the page itself) in the address."""
        given = [request.cookies.get(self.cookie, "")]
        if request.path == "/":
            given.append(request.query.get("token", ""))
        matches = [
            hmac.compare_digest(each.encode("utf-8", "replace"), self._token) for each in given
        ]
        return any(matches)

    def remember(self, response: web.StreamResponse) -> None:
        """Give the browser the cookie that stands for the token from now on."""
        response.set_cookie(
            self.cookie, self._token.decode(), path="/", httponly=True, samesite="Strict"
        )

    def _is_ours(self, header: str) -> bool:
        """Any port is fine, as it may have been forwarded; a foreign name is not."""
        name = _host_name(header)
        if self._loopback:
            return name in self._names
        try:  # bound to the network by the operator's will: an address cannot be rebound
            ipaddress.ip_address(name)
        except ValueError:
            return name in {"localhost", socket.gethostname().lower()}
        return True


@web.middleware
async def with_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put `HEADERS` on whatever is answered, refusals too."""
    try:
        response = await handler(request)
    except web.HTTPException as found:
        response = found
    if not response.prepared:
        response.headers.update(HEADERS)
    return response


def refused(reason: str) -> web.Response:
    """The answer to a request that is not let in."""
    return web.Response(status=HTTPStatus.FORBIDDEN, text=f"403: {reason}\n", headers=HEADERS)


def _is_upgrade(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _host_name(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
