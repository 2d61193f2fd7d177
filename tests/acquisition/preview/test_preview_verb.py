"""The verb before the virtual rig: pictures, a take from the page, a lost page, the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from acquisition.clip.reader import Clip
from tests.acquisition.preview.test_server import hear, run
from tests.hardware.twin.running_rig import SMALL, Rig, running_rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(sys.platform != "linux", reason="the virtual rig needs Linux"),
]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="v") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        options = ["--engine", "host", "--prepared", "300", *SMALL]
        with running_rig(Path(folder), *options) as started:
            yield started


@contextmanager
def served(rig: Rig, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The verb, and the address that it printed; it must end by itself with 0."""
    command = [sys.executable, "-m", "acquisition.preview", "--rig", str(rig.file), "--json"]
    process = subprocess.Popen(
        [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        yield process, json.loads("".join(lines))["url"]
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0, said
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@asynccontextmanager
async def live(url: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    parts = urlsplit(url)
    token = parse_qs(parts.query)["token"][0]
    headers = {
        "Cookie": f"bsd-preview-{parts.port}={token}",
        "Origin": f"http://127.0.0.1:{parts.port}",
    }
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(f"http://127.0.0.1:{parts.port}/live") as line,
    ):
        yield line


async def until(line: aiohttp.ClientWebSocketResponse, state: str) -> dict[str, Any]:
    while True:
        status = await hear(line, "status", 25.0)
        if status["take"]["state"] == state:
            return status


def test_a_take_from_the_page(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "session"

    async def work(url: str) -> None:
        async with live(url) as line:
            await line.send_json({"kind": "look"})
            shown = await hear(line, "picture", 20.0)
            await until(line, "idle")
            assert shown["full"] == {"blurry": [160, 120], "sharp": [160, 120]}
            while (await hear(line, "status"))["sync"]["state"] != "in_step":
                pass
            order = {"kind": "start", "frames": 20, "motion": "still", "countdown_s": 1}
            await line.send_json(order)
            await line.send_json({"kind": "note", "text": "a bird"})
            assert (await until(line, "countdown"))["take"]["asked"] == 30
            recording = await until(line, "recording")
            # A busy machine may tell the page of the take's first frames and of later ones at once.
            assert recording["take"]["prompt"] in ("hold the rig still", "move")
            after = await until(line, "idle")
            assert after["verdict"]["verdict"] == "good", after["verdict"]
            assert after["verdict"]["text"] == "30 pairs"
            assert after["message"] == ""
            await line.send_json({"kind": "taken", "number": shown["number"]})
            assert (await hear(line, "picture", 20.0))["number"] > shown["number"]
            await line.send_json({"kind": "start", "frames": 5000})
            await until(line, "recording")
            await line.send_json({"kind": "stop"})
            stopped = (await until(line, "idle"))["verdict"]
            assert (stopped["name"], stopped["verdict"]) == ("clip-001", "good"), stopped
            await line.send_json({"kind": "note", "text": "too long"})
            await line.send_json({"kind": "end"})

    with served(rig, "--out", str(folder), "--no-persons", "--force") as (_, url):
        run(lambda: work(url))
    with Clip(folder / "clip-000.h5") as clip:
        assert clip.head.motion == "still"
        assert (clip.head.purpose, clip.head.bookend_frames) == ("scene", 5)
        assert len(list(clip.pairs())) == 30
    with Clip(folder / "clip-001.h5") as clip:
        assert clip.head.purpose == "scene"
        assert 0 < len(list(clip.pairs())) < 5010
    noted = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    texts = [(each.get("clip"), each["text"]) for each in noted if each.get("kind") == "noted"]
    assert ("clip-001", "too long") in texts
    assert "a bird" in [text for _, text in texts]


def test_without_a_session_nothing_is_recorded(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {told}\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")

    async def work(url: str) -> None:
        async with live(url) as line:
            await line.send_json({"kind": "look"})
            assert (await hear(line, "picture", 25.0))["roles"] == ["blurry", "sharp"]
            await line.send_json({"kind": "start", "frames": 5})
            assert (await hear(line, "refused"))["text"] == "this preview does not record"

    with served(rig, "--setting", "1ms8ms", "--rate", "30", "--open") as (process, url):
        run(lambda: work(url))
        address = told.read_text()
        assert address.startswith("file:")
        assert parse_qs(urlsplit(url).query)["token"][0] not in address
        process.send_signal(signal.SIGINT)


def test_cameras_and_page_that_die_come_back(rig: Rig) -> None:
    async def kill(url: str) -> None:
        async with live(url) as line:
            await line.send_json({"kind": "look"})
            await hear(line, "picture", 25.0)
            cameras = [pid for pid in _children(process.pid) if _maps(pid, ".cti")]
            assert len(cameras) == 2
            os.kill(cameras[0], signal.SIGKILL)
            while True:
                status = await hear(line, "status", 25.0)
                if "lost" in (status["blurry"]["state"], status["sharp"]["state"]):
                    break
            while True:
                status = await hear(line, "status", 25.0)
                if {status["blurry"]["state"], status["sharp"]["state"]} == {"running"}:
                    break
            for pid in _children(process.pid):
                if _listens(pid, urlsplit(url).port or 0):
                    os.kill(pid, signal.SIGKILL)

    async def back(url: str) -> None:
        until_s = time.monotonic() + 25
        while True:
            try:
                async with live(url) as line:
                    await line.send_json({"kind": "look"})
                    await hear(line, "picture", 20.0)
                    await line.send_json({"kind": "end"})
                    return
            except (aiohttp.ClientError, AssertionError):
                assert time.monotonic() < until_s
                await asyncio.sleep(0.2)

    with served(rig) as (process, url):
        run(lambda: kill(url))
        run(lambda: back(url))


def _children(pid: int) -> list[int]:
    return [
        int(each)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for each in (task / "children").read_text().split()
    ]


def _maps(pid: int, name: str) -> bool:
    return name in Path(f"/proc/{pid}/maps").read_text()


def _listens(pid: int, port: int) -> bool:
    inodes = {
        line.split()[9]
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    }
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if any(target == f"socket:[{inode}]" for inode in inodes):
            return True
    return False
