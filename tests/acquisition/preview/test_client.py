"""One browser that stops taking what it is sent."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from aiohttp import web

from acquisition.preview import client as clients
from acquisition.preview.client import Client
from acquisition.preview.message import Look
from acquisition.preview.studio import Print

pytestmark = pytest.mark.unit


class _Stuck:
    """A socket whose other end reads nothing."""

    closed = False

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send_str(self, text: str) -> None:
        self.sent.append(text)

    async def send_bytes(self, _: bytes) -> None:
        await asyncio.sleep(60)


class _Transport:
    aborted = False

    def abort(self) -> None:
        self.aborted = True


def made(look: Look, stamp: int) -> Print:
    return Print(look, (stamp,), {"kind": "picture"}, (b"x" * 1000,))


def test_what_takes_nothing_is_put_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "SEND_S", 0.05)
    socket, transport = _Stuck(), _Transport()

    async def work() -> None:
        client = Client(
            cast(web.WebSocketResponse, socket),
            cast(asyncio.Transport, transport),
            lambda _client, _word: None,
        )
        client.look = Look()
        client.show(made(client.look, 1))
        await asyncio.wait_for(client.send(), 5)

    asyncio.run(work())
    assert transport.aborted


def test_only_the_newest_letter_and_one_picture_wait() -> None:
    socket = _Stuck()

    async def work() -> None:
        client = Client(cast(web.WebSocketResponse, socket), None, lambda _client, _word: None)
        client.look = look = Look()
        for number in range(1000):
            client.write("status", f"{number}")
            client.show(made(look, number))
            assert client.wants((number + 1,)) is None
        sending = asyncio.create_task(client.send())
        while not socket.sent:
            await asyncio.sleep(0)
        sending.cancel()

    asyncio.run(work())
    assert socket.sent == ["999"]


def test_a_picture_of_another_look_is_not_shown() -> None:
    async def work() -> None:
        client = Client(cast(web.WebSocketResponse, _Stuck()), None, lambda _client, _word: None)
        assert client.wants((1,)) is None
        client.look = Look(mode="overlay")
        client.show(made(Look(), 1))
        assert client.wants((1,)) == client.look
        client.show(made(client.look, 1))
        assert client.wants((2,)) is None

    asyncio.run(work())
