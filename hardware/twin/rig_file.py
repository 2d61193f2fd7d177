"""``rig.yaml`` of a running virtual rig: what an operator would write who knows its data sheets.

It tells nominal values: the filter as it is labelled, not as it is; no fault. Its format is
documented in ``docs/reference/rig.md``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import yaml

from bsd.document import load_fields, write_bytes
from bsd.errors import UserMistake
from hardware.twin.identity_config import IdentityConfig
from hardware.twin.pacing import overrun_frames
from hardware.twin.producer_build import PRODUCER_FILE
from hardware.twin.world_config import SensorConfig, ViewConfig, WorldConfig

RIG_NAME: Final = "virtual-rig"
_HEAD: Final = "# Written by hardware.twin while the virtual rig runs, and removed at its end.\n"
_LEAST_REPLY_S: Final = 10.0
_ARM_S: Final = 30.0
_LEAST_FRAME_S: Final = 20.0
_SHORTEST_NS: Final = 1_000_000
"""Of the periods that the controller makes."""

_PATIENCE: Final = 3.0
"""Times the time that was measured: other programs want the machine, too."""


def rig_fields(
    world: WorldConfig,
    producer: Path,
    port: str,
    *,
    pair_s: float | None,
    ahead_frames: int,
    bits: int = 8,
) -> dict[str, Any]:
    """The fields of the file.

    Parameters
    ----------
    world
        Whose cameras and optics they are.
    producer, port
        Where the two interfaces are.
    pair_s
        Seconds that one pair of pictures takes; None where none are computed, and time is real.
    ahead_frames
        Exposures that may wait, and so delay a frame.
    bits
        Of a sample.
    """
    timeouts = {"reply_s": 2.0, "arm_s": 10.0, "frame_s": 2.0}
    if pair_s is not None:
        overrun = overrun_frames(_shortest_ns(world))
        reply_s, frame_s = (
            math.ceil(_PATIENCE * frames * pair_s)
            for frames in (overrun + 1, overrun + ahead_frames + 1)
        )
        timeouts = {
            "reply_s": max(_LEAST_REPLY_S, reply_s),  # board time stands still for the overrun
            "arm_s": _ARM_S,
            "frame_s": max(_LEAST_FRAME_S, frame_s),
        }
    optics = world.optics
    return {
        "format": "bsd-rig",
        "format_version": 1,
        "name": RIG_NAME,
        "optics": {"lens": optics.kind, "nd_transmission": optics.view_1.nd_transmission},
        "trigger": {"port": port},
        "cameras": {
            "blurry": _camera(producer, world.camera_1, world.sensor_1, optics.view_1, bits),
            "sharp": _camera(producer, world.camera_2, world.sensor_2, optics.view_2, bits),
        },
        "timeouts": timeouts,
        "host_clock": "real" if pair_s is None else "none",
    }


def write_rig(path: Path, fields: dict[str, Any]) -> None:
    """Write the file, whole or not at all."""
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    write_bytes(path, (_HEAD + text).encode())


def check_free(path: Path) -> None:
    """Refuse to write over what is no virtual rig's file.

    Raises
    ------
    UserMistake
        Another file, or another rig's, is there; or the folder is not.
    """
    if not path.parent.is_dir():
        raise UserMistake(f"{path.parent}: no such folder; create it first")
    if not path.exists():
        return
    fields = load_fields(path)
    if not isinstance(fields, dict) or fields.get("name") != RIG_NAME:
        raise UserMistake(f"{path}: is no virtual rig's file; name another --rig-file")
    if session_of(path).exists():
        raise UserMistake(f"{path}: another virtual rig runs there; end it or name another file")


def remove_rig(path: Path, folder: Path) -> None:
    """Remove the file, where it is still that of the session in `folder`."""
    if path.exists() and session_of(path) == folder:
        path.unlink()


def session_of(path: Path) -> Path:
    """The session's folder of a virtual rig's file.

    Raises
    ------
    UserMistake
        No such file, or a file of another rig.
    """
    fields = load_fields(path)
    try:
        producer = Path(fields["cameras"]["blurry"]["producer"])  # type: ignore[index]
    except (KeyError, TypeError) as error:
        raise UserMistake(f"{path}: is no rig file") from error
    if producer.name != PRODUCER_FILE:
        raise UserMistake(f"{path}: its cameras are real; only a virtual rig takes requests")
    return producer.parent


def _shortest_ns(world: WorldConfig) -> int:
    """No camera of the world exposes more often: it reads out in between."""
    readouts_us = (world.sensor_1.timing.readout_us, world.sensor_2.timing.readout_us)
    return max(_SHORTEST_NS, math.floor(1000 * min(readouts_us)))


def _camera(
    producer: Path, identity: IdentityConfig, sensor: SensorConfig, view: ViewConfig, bits: int
) -> dict[str, Any]:
    timing = sensor.timing
    by_width = identity.guise == "sfnc"  # an older camera knows timed exposures only
    return {
        "producer": str(producer),
        "serial": identity.serial,
        "pixel_format": ("Mono" if sensor.colour == "mono" else "BayerRG") + str(bits),
        "flip": view.mirror,
        "settings": {},
        "timing": {
            "exposure": "trigger_width" if by_width else "timed",
            "start_latency_ns": timing.start_latency_ns,
            "end_latency_ns": timing.end_latency_ns if by_width else 0,
            "exposure_step_ns": identity.exposure_step_ns,
            "readout_us": math.ceil(timing.readout_us),
            "overlap": False,
        },
    }
