"""Who is let in, what is sent to whom, and what a bad or slow browser costs."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from acquisition.preview.message import MESSAGE_BYTES, Note, StartTake, StopTake
from acquisition.preview.process import PreviewProcess
from acquisition.preview.security import Gate
from acquisition.preview.server import MOST_CLIENTS
from acquisition.preview.status import Status, TakeLine, Verdict
from acquisition.ring import FrameRing
from bsd.errors import EnvironmentFault
from tests.acquisition.preview.conftest import IDLE, PATIENCE_S, Bench, eventually
from tests.acquisition.preview.feeder import SMALL, Feed, Figures, Report, both, marked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.unit

Live = aiohttp.ClientWebSocketResponse


def place(bench: Bench) -> tuple[int, str]:
    parts = urlsplit(bench.preview.url)
    assert parts.port is not None
    return parts.port, parse_qs(parts.query)["token"][0]


def ask(
    bench: Bench, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], str]:
    """One request with exactly these headers beside Host, whose name `Host` may replace."""
    port, _ = place(bench)
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": f"127.0.0.1:{port}", **headers}.items():
            line.putheader(name.replace("_", "-"), value)
        line.endheaders()
        answer = line.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        line.close()


def cookie(bench: Bench) -> dict[str, str]:
    port, token = place(bench)
    return {"Cookie": f"bsd-preview-{port}={token}"}


def upgrade(bench: Bench, **headers: str) -> int:
    """Try to open the WebSocket; the status."""
    words = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    return ask(bench, "/live", **words, **headers)[0]


@asynccontextmanager
async def live(bench: Bench) -> AsyncIterator[Live]:
    port, _ = place(bench)
    headers = {**cookie(bench), "Origin": f"http://127.0.0.1:{port}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(f"http://127.0.0.1:{port}/live", max_msg_size=0) as line,
    ):
        yield line


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 50))


async def hear(line: Live, kind: str, patience_s: float = 10.0) -> dict[str, Any]:
    """The next message of a kind; pictures are of kind ``picture``."""
    async with asyncio.timeout(patience_s):
        while True:
            message = await line.receive()
            assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
            found: dict[str, Any]
            if message.type is aiohttp.WSMsgType.BINARY:
                length = int.from_bytes(message.data[:4], "little")
                found = json.loads(message.data[4 : 4 + length])
            else:
                found = json.loads(message.data)
            if found["kind"] == kind:
                return found


@pytest.fixture
def filled(bench: Bench) -> Iterator[Bench]:
    bench.preview.scenery(SMALL)
    bench.tell(Status())
    bench.tell(IDLE)
    bench.feed(Feed(both(marked())))
    yield bench
    bench.preview.news()


# Who is let in


def test_a_loopback_address_that_was_asked_for_is_answered() -> None:
    token = "t" * 43
    gate = Gate("127.0.0.2", 80, token)
    refusals = [
        gate.refusal(make_mocked_request("GET", f"/?token={token}", headers={"Host": host}))
        for host in ("127.0.0.2:80", "localhost:80", "127.0.0.3:80")
    ]
    assert refusals == [None, None, "this server does not go by that name"]


@pytest.mark.parametrize("path", ["/", "/preview.js", "/live", "/nothing", "/?token=", "/?token=x"])
def test_without_the_token_nothing_is_told(bench: Bench, path: str) -> None:
    status, headers, text = ask(bench, path)
    assert status == 403
    assert "Set-Cookie" not in headers
    assert text.startswith("403: the token is missing or wrong")


@pytest.mark.parametrize("wrong", ["A" * 43, "", "é", "%00", "' OR 1"])
def test_a_wrong_cookie_is_refused(bench: Bench, wrong: str) -> None:
    port, _ = place(bench)
    assert ask(bench, "/", Cookie=f"bsd-preview-{port}={wrong}".encode().decode("latin1"))[0] == 403


def test_the_token_opens_the_page_and_becomes_a_cookie(bench: Bench) -> None:
    port, token = place(bench)
    assert len(token) >= 43
    status, headers, text = ask(bench, f"/?token={token}")
    assert status == 200
    assert "<title>Preview</title>" in text
    assert f"bsd-preview-{port}={token}" in headers["Set-Cookie"]
    assert "HttpOnly" in headers["Set-Cookie"]
    assert "SameSite=Strict" in headers["Set-Cookie"]
    assert token not in text


def test_only_the_page_takes_the_token_from_the_address(bench: Bench) -> None:
    _, token = place(bench)
    assert ask(bench, f"/preview.js?token={token}")[0] == 403


def test_with_the_cookie_the_files_come_and_nothing_else(bench: Bench) -> None:
    kinds = {"/preview.css": "text/css", "/stage.js": "text/javascript"}
    for path, kind in kinds.items():
        status, headers, _ = ask(bench, path, **cookie(bench))
        assert status == 200
        assert headers["Content-Type"].startswith(kind)
    for path in ("/server.py", "/../server.py", "/%2e%2e/server.py", "/preview.js/"):
        assert ask(bench, path, **cookie(bench))[0] == 404
    assert ask(bench, "/", method="POST", Content_Length="0", **cookie(bench))[0] == 405


@pytest.mark.parametrize("path", ["/", "/preview.js", "/nothing"])
def test_every_answer_carries_the_headers(bench: Bench, path: str) -> None:
    for given in (cookie(bench), {}):
        _, headers, _ = ask(bench, path, **given)
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.7", "", "[::2]", "localhost.:1"]
)
def test_a_foreign_host_is_refused_even_with_the_token(bench: Bench, host: str) -> None:
    _, token = place(bench)
    status, headers, _ = ask(bench, f"/?token={token}", Host=host, **cookie(bench))
    assert status == 403 or (host == "" and status == 400)
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:9"])
def test_a_forwarded_port_is_fine(bench: Bench, host: str) -> None:
    assert ask(bench, "/", Host=host, **cookie(bench))[0] == 200


def test_the_socket_opens_for_the_own_page_only(bench: Bench) -> None:
    port, _ = place(bench)
    given = cookie(bench)
    own = f"http://127.0.0.1:{port}"
    assert upgrade(bench, **given, Origin=own) == 101
    foreign = ["http://evil.example", "null", f"https://127.0.0.1:{port}", "http://127.0.0.1:1"]
    assert [upgrade(bench, **given, Origin=origin) for origin in foreign] == [403] * 4
    assert upgrade(bench, **given) == 403
    assert upgrade(bench, Origin=own) == 403
    assert upgrade(bench, **given, Origin=own, Sec_Fetch_Site="cross-site") == 403
    assert ask(bench, "/live", **given)[0] == 400


def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    rings = {"blurry": FrameRing(1 << 16), "sharp": FrameRing(1 << 16)}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(EnvironmentFault, match=f"cannot listen on 127.0.0.1:{port}.*--port"),
            PreviewProcess(rings, port=port),  # type: ignore[arg-type]
        ):
            pass


# What is sent


def test_a_new_browser_is_told_how_everything_stands(filled: Bench) -> None:
    async def work() -> None:
        async with live(filled) as line:
            scenery = await hear(line, "scenery")
            assert scenery["scenery"]["sharp"]["flip"] == "horizontal"
            assert (await hear(line, "status"))["take"]["state"] == "idle"

    run(work)


def test_the_next_picture_comes_when_the_last_was_taken(filled: Bench) -> None:
    async def work() -> None:
        async with live(filled) as line:
            await line.send_json({"kind": "look"})
            first = await hear(line, "picture")
            for _ in range(3):
                await hear(line, "measures")  # a second goes by, and no picture comes
            with pytest.raises(TimeoutError):
                await hear(line, "picture", 0.3)
            await line.send_json({"kind": "taken", "number": first["number"]})
            second = await hear(line, "picture")
            assert second["number"] == first["number"] + 1
            assert second["numbers"]["blurry"] > first["numbers"]["blurry"] + 10

    run(work)


def test_pictures_come_at_most_ten_times_a_second_for_all(filled: Bench) -> None:
    async def watch(mode: str) -> int:
        count = 0
        async with live(filled) as line:
            await line.send_json({"kind": "look", "mode": mode})
            end_s = time.monotonic() + 1.5
            while time.monotonic() < end_s:
                try:
                    shown = await hear(line, "picture", end_s - time.monotonic())
                except TimeoutError:
                    break
                count += 1
                await line.send_json({"kind": "taken", "number": shown["number"]})
        return count

    async def work() -> None:
        counts = await asyncio.gather(*(watch(mode) for mode in ("side", "overlay", "anaglyph")))
        assert all(count >= 1 for count in counts), counts
        assert sum(counts) <= 10 * 1.5 + 3, counts

    run(work)


def test_a_hidden_page_gets_no_pictures(filled: Bench) -> None:
    async def work() -> None:
        async with live(filled) as line:
            await line.send_json({"kind": "look"})
            shown = await hear(line, "picture")
            await line.send_json({"kind": "hide"})
            await line.send_json({"kind": "taken", "number": shown["number"]})
            with pytest.raises(TimeoutError):
                await hear(line, "picture", 0.5)

    run(work)


# What is asked for


def test_orders_become_news_in_order(filled: Bench) -> None:
    async def work() -> None:
        async with live(filled) as line:
            await line.send_json({"kind": "start", "frames": 90, "motion": "walking"})
            await line.send_json({"kind": "note", "text": "<b>windy</b>"})

    run(work)
    assert filled.news(2) == [
        StartTake(purpose="scene", frames=90, motion="walking"),
        Note(text="<b>windy</b>"),
    ]


def test_two_clicks_start_one_take(filled: Bench) -> None:
    async def work() -> None:
        async with live(filled) as one, live(filled) as other:
            await one.send_json({"kind": "start", "frames": 90})
            await other.send_json({"kind": "start", "frames": 90})
            refused = [asyncio.create_task(hear(each, "refused")) for each in (one, other)]
            done, rest = await asyncio.wait(refused, return_when=asyncio.FIRST_COMPLETED)
            assert [each.result()["text"] for each in done] == ["a take is about to begin"]
            for each in rest:
                each.cancel()

    run(work)
    assert len(filled.news(1)) == 1
    assert filled.preview.news(0.3) == []


@pytest.mark.parametrize(
    ("state", "kind", "said"),
    [
        ("none", "start", "this preview does not record"),
        ("recording", "start", "a take is running already"),
        ("idle", "stop", "no take is running that could be stopped"),
    ],
)
def test_what_cannot_be_now_is_refused(filled: Bench, state: str, kind: str, said: str) -> None:
    filled.tell(IDLE.model_copy(update={"take": TakeLine.model_validate({"state": state})}))

    async def work() -> None:
        async with live(filled) as line:
            while (await hear(line, "status"))["take"]["state"] != state:
                pass
            await line.send_json({"kind": kind} | ({"frames": 9} if kind == "start" else {}))
            assert (await hear(line, "refused"))["text"] == said

    run(work)
    assert filled.preview.news(0.2) == []


def test_a_stop_reaches_the_program(filled: Bench) -> None:
    filled.tell(IDLE.model_copy(update={"take": TakeLine(state="recording")}))

    async def work() -> None:
        async with live(filled) as line:
            while (await hear(line, "status"))["take"]["state"] != "recording":
                pass
            await line.send_json({"kind": "stop"})

    run(work)
    assert filled.news(1) == [StopTake()]


# Bad and slow browsers


async def closing(line: Live) -> int | None:
    """The code that the server closes with."""
    async with asyncio.timeout(10):
        while True:
            message = await line.receive()
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                return line.close_code


def test_a_browser_that_talks_nonsense_is_told_then_put_out(filled: Bench) -> None:
    async def work() -> None:
        async with live(filled) as line:
            await line.send_str("<script>")
            assert "JSON" in (await hear(line, "refused"))["text"]
            for _ in range(25):
                await line.send_json({"kind": "look", "zoom": "perhaps"})
            assert await closing(line) == 1008

    run(work)


def test_floods_large_messages_and_bytes_end_the_connection(filled: Bench) -> None:
    async def flood(line: Live) -> None:
        for _ in range(1000):
            await line.send_json({"kind": "look"})

    async def large(line: Live) -> None:
        await line.send_str("x" * (MESSAGE_BYTES + 1))

    async def binary(line: Live) -> None:
        await line.send_bytes(b"\x00")

    async def work(send: Callable[[Live], Awaitable[None]], code: int) -> None:
        async with live(filled) as line:
            await send(line)
            assert await closing(line) == code

    for send, code in ((flood, 1008), (large, 1009), (binary, 1003)):
        run(lambda send=send, code=code: work(send, code))  # type: ignore[misc]


def test_so_many_browsers_and_no_more(filled: Bench) -> None:
    async def work() -> None:
        lines = [live(filled) for _ in range(MOST_CLIENTS)]
        for line in lines:
            await line.__aenter__()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            async with live(filled):
                pass
        for line in lines:
            await line.__aexit__(None, None, None)

    run(work)
    origin = f"http://127.0.0.1:{place(filled)[0]}"
    eventually(lambda: upgrade(filled, **cookie(filled), Origin=origin) == 101)


def resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no such process")


def test_browsers_that_take_nothing_cost_nothing(filled: Bench) -> None:
    """One never acknowledges, one does not even read its socket, while another watches."""
    if not Path("/proc").is_dir():
        pytest.skip("the size of a process is read from /proc")
    pid = filled.preview.pid
    assert pid is not None
    found = [f"finding {number}: {'x' * 180}" for number in range(40)]

    async def watch(line: Live, seconds: float, least: int = 0) -> int:
        shown, end_s, round_ = 0, time.monotonic() + seconds, 0
        while time.monotonic() < (end_s if shown >= least else end_s + PATIENCE_S):
            picture = await hear(line, "picture")
            shown += 1
            await line.send_json({"kind": "taken", "number": picture["number"]})
            round_ += 1
            verdict = Verdict(name=str(round_), verdict="good", findings=tuple(found))
            filled.tell(IDLE.model_copy(update={"verdict": verdict}))
        return shown

    async def work() -> None:
        async with live(filled) as good, live(filled) as mute:
            for line in (good, mute):
                await line.send_json({"kind": "look", "mode": "side"})
            await watch(good, 1.0)
            before_kb = resident_kb(pid)
            filled.feed(Feed(both(marked()), rate_hz=100.0))
            assert await watch(good, 3.0, least=10) >= 10
            assert resident_kb(pid) - before_kb < 8000
            figures: Figures = filled.feeder.ask(Report(), 5.0)
            assert figures.overflow == 0
            assert figures.pairs > 200
            assert figures.worst_s < 0.1

    with deaf(filled):
        run(work)


@contextmanager
def deaf(bench: Bench) -> Iterator[None]:
    """A browser that asks for pictures and then reads nothing."""
    port, _ = place(bench)
    words = {
        "Host": f"127.0.0.1:{port}",
        "Origin": f"http://127.0.0.1:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        **cookie(bench),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in words.items())
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", port))
        line.sendall(f"GET /live HTTP/1.1\r\n{head}\r\n".encode())
        assert line.recv(12) == b"HTTP/1.1 101"
        text = b'{"kind": "look"}'
        line.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
        yield


def test_a_hanging_preview_holds_the_program_up_by_nothing(filled: Bench) -> None:
    if not hasattr(signal, "SIGSTOP"):
        pytest.skip("this system cannot stop a process")
    pid = filled.preview.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        begun_s = time.monotonic()
        for number in range(2000):
            filled.preview.show(IDLE.model_copy(update={"message": f"{number} {'x' * 500}"}))
        assert time.monotonic() - begun_s < 2.0
    finally:
        os.kill(pid, signal.SIGCONT)

    async def work() -> None:
        async with live(filled) as line:
            while not (await hear(line, "status"))["message"].startswith("1999 "):
                filled.preview.news()

    run(work)
