"""What the packets of a video say, without decoding: rate, count, key frames, shutter."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from bsd.errors import UserMistake
from dataset import gpmf

_SHUTTER_TAG = re.compile(r"bsd shutter_us=([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)(?![0-9.eE+-])")
_TIMES_TOLERANCE = Fraction(2, 100)


@dataclass(frozen=True)
class Survey:
    """What was found in a video stream.

    Attributes
    ----------
    rate_hz
        Frame rate that all time stamps agree with.
    frame_count
        Packets that hold a picture.
    pts
        Their time stamps in the stream's ticks, rising.
    key_frames
        Numbers of the frames that decoding can begin at.
    shutter_us, shutter_range_us
        Longest exposure, and shortest and longest; None where the file does not say.
    """

    rate_hz: Fraction
    frame_count: int
    pts: tuple[int, ...]
    key_frames: tuple[int, ...]
    shutter_us: float | None
    shutter_range_us: tuple[float, float] | None


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first video stream.

    Raises
    ------
    UserMistake
        Not a video, an unfinished recording, or no video stream.
    """
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.error.PermissionError as error:
        raise UserMistake(f"{path}: permission denied; make the file readable") from error
    except (av.error.FFmpegError, ValueError) as error:
        raise UserMistake(f"{path}: {_why_not_a_video(path)}") from error
    with container:
        if not container.streams.video:
            raise UserMistake(f"{path}: has no video stream; give a video file")
        yield container, container.streams.video[0]


def survey(path: Path) -> Survey:
    """Read all packets of a video file once.

    Raises
    ------
    UserMistake
        Cut off, damaged, of varying frame rate, or no video at all.
    """
    with opened(path) as (container, stream):
        pts: list[int] = []
        keys: list[int] = []
        shutters: list[float] = []
        try:
            data = [s for s in container.streams if s.type == "data"]
            for packet in container.demux([stream, *data]):
                if packet.stream.index != stream.index:
                    content = bytes(packet)
                    if gpmf.is_gpmf(content):
                        shutters += gpmf.shutters_us(content)
                elif packet.pts is not None and packet.size and not packet.is_discard:
                    if packet.is_corrupt:
                        raise UserMistake(f"{path}: is cut off or damaged; copy it again")
                    pts.append(packet.pts)
                    if packet.is_keyframe:
                        keys.append(packet.pts)
        except av.error.FFmpegError as error:
            raise UserMistake(
                f"{path}: is damaged after {len(pts)} frames ({error.strerror}); copy it again"
            ) from error
        pts.sort()
        if len(pts) < 2:
            raise UserMistake(f"{path}: holds {len(pts)} frame(s); a video is needed")
        rate_hz = _constant_rate(path, stream, pts)
        _check_whole(path, container, stream, pts, rate_hz)
        if not shutters:
            shutters = _tagged_shutter(container, stream)
        number = {value: k for k, value in enumerate(pts)}
        return Survey(
            rate_hz=rate_hz,
            frame_count=len(pts),
            pts=tuple(pts),
            key_frames=tuple(sorted(number[key] for key in keys)),
            shutter_us=max(shutters, default=None),
            shutter_range_us=(min(shutters), max(shutters)) if shutters else None,
        )


def _constant_rate(path: Path, stream: VideoStream, pts: Sequence[int]) -> Fraction:
    """The rate that every time stamp fits, within a tick and 2 % of a period."""
    tick_s = Fraction(stream.time_base or Fraction(1, 1000))
    measured = 1 / ((pts[-1] - pts[0]) * tick_s / (len(pts) - 1)) if pts[-1] > pts[0] else None
    stated = [stream.average_rate, stream.guessed_rate, stream.base_rate, measured]
    for rate in stated:
        if rate and _misfit(pts, 1 / (rate * tick_s)) is None:
            return Fraction(rate).limit_denominator(100_000)
    if measured is None:
        raise UserMistake(f"{path}: all frames carry the same time; the file is damaged")
    place = _misfit(pts, 1 / (measured * tick_s)) or 0
    gap_ms = float((pts[place] - pts[place - 1]) * tick_s * 1000)
    raise UserMistake(
        f"{path}: the frame rate varies (mean {float(measured):.3f} fps, but frame {place} comes"
        f" {gap_ms:.2f} ms after the one before); blur needs even steps: use a recording of"
        " constant rate, or a folder of its frames with --rate-hz if only the times are wrong"
    )


def _misfit(pts: Sequence[int], period_ticks: Fraction) -> int | None:
    """The first frame whose time leaves the even grid; None where all keep to it."""
    allowed = 1 + period_ticks * _TIMES_TOLERANCE
    low = high = Fraction(0)
    for number, value in enumerate(pts):
        late = value - pts[0] - number * period_ticks
        low, high = min(low, late), max(high, late)
        if high - low > allowed:
            return number
    return None


def _check_whole(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    pts: Sequence[int],
    rate_hz: Fraction,
) -> None:
    """Compare what is there with what the file says that it holds."""
    if stream.frames > len(pts):
        raise UserMistake(
            f"{path}: holds {len(pts)} of the {stream.frames} frames that it names; the file is"
            " cut off, copy it again"
        )
    stated_s = _stated_duration_s(container, stream)
    seen_s = float((pts[-1] - pts[0]) * Fraction(stream.time_base or 1) + 1 / rate_hz)
    # Writers round to their ticks and some count from 0 although the first frame comes later.
    slack_s = 2.5 / float(rate_hz) + 0.005 + 0.001 * seen_s
    if stated_s is not None and stated_s > seen_s + slack_s + max(0.0, _start_s(stream, pts)):
        raise UserMistake(
            f"{path}: holds {seen_s:.2f} s of the {stated_s:.2f} s that it names; the file is cut"
            " off, copy it again"
        )


def _start_s(stream: VideoStream, pts: Sequence[int]) -> float:
    return float(pts[0] * Fraction(stream.time_base or 1))


def _stated_duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    tag = next((v for k, v in stream.metadata.items() if k.upper().startswith("DURATION")), None)
    if tag is not None and (clock := re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", tag.strip())):
        hours, minutes, seconds = clock.groups()
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / 1e6
    return None


def _tagged_shutter(container: InputContainer, stream: VideoStream) -> list[float]:
    """Shutter that the renderer noted in a comment, as ``bsd shutter_us=VALUE``."""
    for metadata in (stream.metadata, container.metadata):
        for key, text in metadata.items():
            if key.lower() == "comment" and (found := _SHUTTER_TAG.search(text)):
                value_us = float(found.group(1))
                return [value_us] if math.isfinite(value_us) else []
    return []


def _why_not_a_video(path: Path) -> str:
    """Tell an unfinished recording from a file of another kind."""
    with path.open("rb") as file:
        start = file.read(12)
    if not start:
        return "is empty; copy it again"
    if start[4:8] == b"ftyp":
        return (
            "its index (the 'moov' part at the end) is missing: the recording was cut off or only"
            " half copied; copy it again"
        )
    return "is not a video that can be read; give a video file or a folder of frames"
