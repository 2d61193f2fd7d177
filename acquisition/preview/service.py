"""Body of the preview's process: obeys the program, serves the browsers, spares the machine."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from acquisition.child import Desk
from acquisition.child import Leave as ParentLeaves
from acquisition.preview import gauge
from acquisition.preview.client import Client
from acquisition.preview.message import (
    End,
    Leave,
    Look,
    Note,
    Remark,
    Shown,
    Start,
    StartTake,
    Stop,
    StopTake,
    Word,
)
from acquisition.preview.server import Server
from acquisition.preview.status import Role, Scenery, Status
from acquisition.preview.studio import Studio
from acquisition.ring import FrameRing
from bsd.errors import UserMistake
from bsd.threads import set_threads

NICENESS: Final = 10

_TURN_S: Final = 0.05
_PICTURES_PER_S: Final = 10.0
_MEASURES_PER_S: Final = 3.0
_SHARE: Final = 0.25
"""Of one core, at most, for pictures, and for measurements a third of it."""
_REGISTER_S: Final = 2.0
_STATUS_S: Final = 0.2
_IDLE_S: Final = 0.02
_START_S: Final = 3.0
"""How long the program may take to say that a take that was asked for begins."""

T = TypeVar("T")

log = logging.getLogger(__name__)


def serve(desk: Desk, rings: Mapping[Role, FrameRing], host: str, port: int, token: str) -> None:
    """Run until the parent ends it. Ready with the port.

    Orders: a `Scenery`, None (no camera is configured), or a `Status`.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    set_threads(1)
    asyncio.run(_Service(desk, Studio(rings)).work(host, port, token))


class _Service:
    def __init__(self, desk: Desk, studio: Studio) -> None:
        self._desk = desk
        self._studio = studio
        self._server = Server(self._obey, self._greet)
        self._scenery: Scenery | None = None
        self._status = Status()
        self._dirty = False
        self._started_s = -_START_S
        self._changed_s = time.monotonic()
        self._stamp: tuple[int, ...] = ()
        self._thread = ThreadPoolExecutor(1, "studio")
        self._aside = ThreadPoolExecutor(1, "registration")
        self._registration: dict[str, object] | None = None
        self._registered_s = 0.0

    async def work(self, host: str, port: int, token: str) -> None:
        port = await self._server.start(host, port, token)
        try:
            self._desk.ready(port)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._picture())
                group.create_task(self._measure())
                group.create_task(self._register())
                group.create_task(self._tell())
        except* ParentLeaves:
            pass
        finally:
            await self._server.stop()
            for thread in (self._thread, self._aside):
                thread.shutdown(wait=False, cancel_futures=True)

    async def _follow(self) -> None:
        """Obey the parent; its loop turns here, so a stuck server is noticed."""
        while True:
            while (given := self._desk.next()) is not None:
                match given.order:
                    case Scenery() | None as scenery:
                        self._scenery = scenery
                        await self._run(functools.partial(self._studio.set_scenery, scenery))
                        self._server.write("scenery", _scenery_fields(scenery))
                        self._registration = None  # it may be another rig from here on
                        self._server.write("registration", self._registration_fields())
                    case Status() as status:
                        self._status = status
                        self._dirty = True
                        self._started_s = -_START_S
                        self._desk.tell(Shown())
                    case other:
                        given.fail(UserMistake(f"preview: unknown order {type(other).__name__}"))
                        continue
                given.answer()
            await asyncio.sleep(_TURN_S)

    async def _picture(self) -> None:
        """One picture at a time, of whatever look has waited longest."""
        pace = _Pace(1 / _PICTURES_PER_S, _SHARE)
        served: dict[Look, float] = {}
        while True:
            self._note_stamp()
            wanted = {client.wants(self._stamp) for client in self._server.clients} - {None}
            looks = [look for look in wanted if look is not None]
            if not looks:
                await asyncio.sleep(_IDLE_S if self._server.clients else _STATUS_S)
                continue
            look = min(looks, key=lambda each: served.get(each, 0.0))
            begun_s = time.monotonic()
            made = await self._run(functools.partial(self._studio.picture, look))
            served = {each: when for each, when in served.items() if each in wanted}
            served[look] = begun_s
            if made is not None:
                for client in self._server.clients:
                    client.show(made)
            await pace.rest(time.monotonic() - begun_s)

    async def _measure(self) -> None:
        pace = _Pace(1 / _MEASURES_PER_S, _SHARE / 3)
        while True:
            seconds = 0.0
            if any(client.look is not None for client in self._server.clients):
                begun_s = time.monotonic()
                found = await self._run(self._studio.measures)
                seconds = time.monotonic() - begun_s
                age_s = None if found is None else round(begun_s - self._changed_s, 1)
                self._server.write("measures", {"found": found, "age_s": age_s})
            await pace.rest(seconds)

    async def _register(self) -> None:
        """Of new pairs only: the page shows how old the last figures are."""
        pace = _Pace(_REGISTER_S, _SHARE / 3)
        done: tuple[int, ...] = ()
        while True:
            begun_s, worked_s = time.monotonic(), 0.0
            stamp, scenery = self._studio.stamp(), self._scenery
            if stamp != done and any(client.look is not None for client in self._server.clients):
                pair = await self._run(self._studio.pair)
                if pair is not None:  # in a thread of its own: pictures go on meanwhile
                    work = functools.partial(gauge.registration, pair)
                    turn_s = time.monotonic()
                    found = await asyncio.get_running_loop().run_in_executor(self._aside, work)
                    worked_s = time.monotonic() - turn_s
                    if self._scenery is scenery:
                        done, self._registration, self._registered_s = stamp, found, begun_s
                        self._server.write("registration", self._registration_fields())
            if worked_s:
                await pace.rest(worked_s)
            else:
                await asyncio.sleep(_STATUS_S)

    def _registration_fields(self) -> dict[str, object]:
        found = self._registration
        age_s = None if found is None else round(time.monotonic() - self._registered_s, 1)
        return {"found": found, "age_s": age_s}

    async def _tell(self) -> None:
        while True:
            if self._dirty:
                self._dirty = False
                self._server.write("status", self._status.model_dump(mode="json"))
            await asyncio.sleep(_STATUS_S)

    def _greet(self, client: Client) -> None:
        for kind, fields in (
            ("scenery", _scenery_fields(self._scenery)),
            ("status", self._status.model_dump(mode="json")),
            ("registration", self._registration_fields()),
        ):
            client.write(kind, json.dumps({"kind": kind, **fields}))

    def _obey(self, client: Client, word: Word) -> None:
        """What an operator asked for becomes news; what cannot be now is refused at once."""
        state = self._status.take.state
        match word:
            case Start():
                if time.monotonic() - self._started_s < _START_S:  # two browsers, or two clicks
                    client.refuse(_NOT_NOW["starting"])
                elif state != "idle":
                    client.refuse(_NOT_NOW[state])
                else:
                    self._started_s = time.monotonic()
                    fields = word.model_dump(exclude={"kind"})
                    self._desk.tell(StartTake(**fields))
            case Stop():
                if state in ("countdown", "starting", "recording"):
                    self._desk.tell(StopTake())
                else:
                    client.refuse("no take is running that could be stopped")
            case Remark(text=text):
                self._desk.tell(Note(text=text))
            case End():
                self._desk.tell(Leave())
            case _:
                pass

    def _note_stamp(self) -> None:
        stamp = self._studio.stamp()
        if stamp != self._stamp:
            self._stamp, self._changed_s = stamp, time.monotonic()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class _Pace:
    """At most so often, and at most a share of the time."""

    def __init__(self, period_s: float, share: float) -> None:
        self._period_s = period_s
        self._share = share

    async def rest(self, worked_s: float) -> None:
        await asyncio.sleep(max(self._period_s - worked_s, worked_s * (1 / self._share - 1)))


_NOT_NOW = {
    "none": "this preview does not record",
    "busy": "the rig is busy; wait until it says ready",
    "countdown": "a take is about to begin",
    "starting": "a take is about to begin",
    "recording": "a take is running already",
    "finishing": "the last take is being finished",
}


def _scenery_fields(scenery: Scenery | None) -> dict[str, object]:
    return {"scenery": None if scenery is None else scenery.model_dump(mode="json")}
