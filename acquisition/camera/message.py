"""What a camera's process and its parent tell each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from acquisition.camera.configuration import CameraSettings
from acquisition.camera.feature import Value

State = Literal["closed", "open", "configured", "armed", "running", "lost"]
"""``open``: reachable, not configured. ``running``: armed, and a frame of this arming came."""


@dataclass(frozen=True)
class CameraIdentity:
    """Who a camera is and what it can do.

    Attributes
    ----------
    timestamps
        Whether frames carry the camera's time; None until the first frame has shown it.
    hardware_trigger, trigger_width, timed
        Whether it takes a trigger from a line, exposes while that is high, or for a set time.
    latch
        Whether its clock can be read beside the host's.
    """

    vendor: str
    model: str
    serial: str
    firmware: str
    producer: str
    timestamps: bool | None
    hardware_trigger: bool
    trigger_width: bool
    timed: bool
    latch: bool


@dataclass(frozen=True)
class Configured:
    """How a camera stands after it was configured: read back, not as asked.

    Attributes
    ----------
    width, height
        Of a frame, in pixels.
    dtype, bits, channels, cfa
        As of `acquisition.camera.pixel_format.PixelFormat`.
    frame_bytes, slots
        Of the ring.
    readback
        Every feature that was set or that says something about the pictures.
    black_level_dn
        In the unit of the frames' samples; None where the camera does not say so and no dark clip
        of the session has measured it.
    is_black_level_told
        Whether the camera said so; else it was measured.
    gain_db, temperature_c, exposure_us
        None where they are not known.
    without
        What could not be set or is not known, in words.
    """

    width: int
    height: int
    pixel_format: str
    dtype: Literal["uint8", "uint16"]
    bits: int
    channels: Literal[1, 3]
    cfa: str | None
    frame_bytes: int
    slots: int
    readback: dict[str, Value]
    black_level_dn: float | None
    gain_db: float | None
    temperature_c: float | None
    exposure_us: float | None
    without: list[str] = field(default_factory=list)
    is_black_level_told: bool = False


@dataclass(frozen=True)
class Tally:
    """What came during one arming.

    Attributes
    ----------
    delivered
        Frames that the producer handed over; those of `overflow` found the ring full.
    incomplete
        Frames that the producer told to be incomplete; they are not in the ring.
    underrun
        Frames for which the producer had no buffer; None where it does not tell.
    last_frame_id
        Of the last frame that came; None where there was none or it has no number.
    timestamps
        Whether the frames had the camera's time; None where there was no frame.
    """

    delivered: int
    incomplete: int
    underrun: int | None
    overflow: int
    last_frame_id: int | None
    timestamps: bool | None


@dataclass(frozen=True)
class CameraStatus:
    """How a camera is now; counts are those of the present or last arming.

    Attributes
    ----------
    rate_hz
        Of the frames of the last second or so; None while there are fewer than two.
    access
        Of the GenTL standard: 5 is open, 3 is gone; None where the producer does not tell.
    """

    state: State
    delivered: int
    incomplete: int
    overflow: int
    rate_hz: float | None
    temperature_c: float | None
    access: int | None


# Orders.


@dataclass(frozen=True)
class Configure:
    """Set everything and read it back; answered by `Configured` and a snapshot."""

    settings: CameraSettings


@dataclass(frozen=True)
class Arm:
    """Begin to take frames; answered when the camera has acknowledged."""

    arming: int
    rate_hz: float


@dataclass(frozen=True)
class Disarm:
    """Hand over what is still under way, then stop; answered by `Tally`."""

    settle_s: float
    frames: int | None


@dataclass(frozen=True)
class Ask:
    """Answered by `CameraStatus`."""


@dataclass(frozen=True)
class Latch:
    """Read the camera's clock; answered by (device_ns, host before, host after) or None."""


@dataclass(frozen=True)
class Restore:
    """Give the camera settings back; answered by what could not be restored, in words."""

    snapshot: dict[str, Value]


Order = Configure | Arm | Disarm | Ask | Latch | Restore


# News.


@dataclass(frozen=True)
class Opened:
    """The child's first word."""

    identity: CameraIdentity
    snapshot: dict[str, Value]


@dataclass(frozen=True)
class Running:
    """The first frame of an arming has come."""

    arming: int


@dataclass(frozen=True)
class Skipped:
    """Frames were incomplete, or found the ring full, since the last such news."""

    arming: int
    incomplete: int
    overflow: int


@dataclass(frozen=True)
class Lost:
    """The camera, its producer or its process is gone; one line."""

    reason: str


News = Running | Skipped | Lost
