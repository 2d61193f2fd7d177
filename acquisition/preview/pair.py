"""The newest frame of each ring, of one pulse where that can be had.

This is for the eye only: what belongs together in a recording is decided by the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from acquisition.picture.view import Frame, FrameFormat
from acquisition.preview.status import ROLES, Role, Scenery, ViewScenery
from acquisition.ring import NO_ID, TRUNCATED, FrameRing

_NAMES: Mapping[Role, str] = {"blurry": "C1", "sharp": "C2"}
_TRIES = 4
_PAUSE_S = 0.004


@dataclass(frozen=True)
class Seen:
    """One frame, copied from its ring.

    Attributes
    ----------
    frame
        (H, W) or (H, W, 3), uint8 or uint16, as delivered.
    form
        How to read it.
    number
        Which frame of its arming it is, lost ones counted where the camera numbers its frames.
    whole
        False: the camera filled only a part of it.
    """

    frame: Frame
    form: FrameFormat
    arming: int
    number: int
    whole: bool


@dataclass(frozen=True)
class Pair:
    """The newest of both cameras.

    Attributes
    ----------
    seen
        By role; a camera that has no frame is absent.
    together
        Both are of one pulse, as far as can be told.
    text
        What to say of it, empty where all is well.
    """

    seen: Mapping[Role, Seen]
    together: bool
    text: str


@dataclass
class Onlooker:
    """Looks at both rings and takes nothing away. For one thread.

    Parameters
    ----------
    rings
        By role.
    """

    rings: Mapping[Role, FrameRing]
    _scenery: Scenery | None = None
    _origins: dict[tuple[Role, int], int] = field(default_factory=dict)

    def set_scenery(self, scenery: Scenery | None) -> None:
        """What the frames are; None: no camera is configured."""
        self._scenery = scenery
        self._origins.clear()

    def stamp(self) -> tuple[int, ...]:
        """Changes when a frame has come; costs nothing."""
        both = (self.rings[role] for role in ROLES)
        return tuple(number for ring in both for number in (ring.generation, ring.written))

    def pair(self) -> Pair | None:
        """The newest pair; None before the first frame of any camera."""
        scenery = self._scenery
        if scenery is None:
            return None
        found = {role: self._look(role, scenery.view(role)) for role in ROLES}
        for _ in range(_TRIES if scenery.triggered else 0):
            late = _late(found)
            if late is None:
                break
            time.sleep(_PAUSE_S)  # the other camera's frame of this pulse is on its way
            found[late] = self._look(late, scenery.view(late)) or found[late]
        seen = {role: each for role, each in found.items() if each is not None}
        return Pair(seen, *_relation(seen, scenery.triggered)) if seen else None

    def _look(self, role: Role, view: ViewScenery) -> Seen | None:
        newest = self.rings[role].newest()
        if newest is None:
            return None
        arrival, data = newest
        samples = data if view.bits == 8 else data.view(np.uint16)
        shape = (view.height, view.width) + ((3,) if view.channels == 3 else ())
        if samples.size != np.prod(shape):  # configured anew, and we are told of it in a moment
            return None
        form = FrameFormat(view.cfa, view.bits, view.black_level_dn, view.flip)
        whole = not int(arrival["flags"]) & TRUNCATED
        return Seen(
            samples.reshape(shape), form, int(arrival["arming"]), self._number(role, arrival), whole
        )

    def _number(self, role: Role, arrival: np.void) -> int:
        """Frames since the arming by the camera's count, which goes on over lost frames."""
        index, frame_id = int(arrival["index"]), int(arrival["frame_id"])
        if frame_id == NO_ID:
            return index
        key = (role, int(arrival["arming"]))
        if key not in self._origins:
            self._origins = {k: v for k, v in self._origins.items() if k[0] != role}
            self._origins[key] = frame_id - index
        return frame_id - self._origins[key]


def _late(found: Mapping[Role, Seen | None]) -> Role | None:
    """The camera whose newest frame is older than the other's; None: neither, or one is absent."""
    blurry, sharp = found["blurry"], found["sharp"]
    if blurry is None or sharp is None:
        return None
    first, second = (blurry.arming, blurry.number), (sharp.arming, sharp.number)
    if first == second:
        return None
    return "blurry" if first < second else "sharp"


def _relation(seen: Mapping[Role, Seen], triggered: bool) -> tuple[bool, str]:
    torn = [_NAMES[role] for role in ROLES if role in seen and not seen[role].whole]
    if torn:
        return False, f"{' and '.join(torn)}: the frame is incomplete"
    if len(seen) < len(ROLES):
        return False, f"no frame of {'C1' if 'blurry' not in seen else 'C2'} yet"
    if not triggered:
        return False, "the cameras run freely: these two frames are not of one moment"
    blurry, sharp = seen["blurry"], seen["sharp"]
    if blurry.arming != sharp.arming:
        return False, "these two frames are not of one run of the trigger"
    apart = blurry.number - sharp.number
    if apart:
        ahead, behind = ("C1", "C2") if apart > 0 else ("C2", "C1")
        return False, f"{behind} is {abs(apart)} frame{'s' * (abs(apart) > 1)} behind {ahead}"
    return True, ""
