"""Sources of frames: a video file or a folder, looked through once before anything is written.

A source is plain data and can be sent to a worker process; `Source.frames` opens it anew. What a
video is (rate, count, shutter, key frames) is read from its packets without decoding.

Colour: YCbCr 4:2:0 by `dataset.colour`; other forms by swscale with accurate rounding, full chroma
interpolation and bit-exact code. So frames do not depend on the processor or on the number of
threads. swscale's default, which most scripts use, is dark by up to a code value (0.97 on average
in green on a GoPro clip). A stream that does not say its matrix is taken as BT.709 from 720 rows
on, else as BT.601; one that does not say its range as limited.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from bsd.errors import UserMistake
from bsd.provenance import sha256_file
from dataset.colour import BT601, BT709, KNOWN_MATRICES, rgb_from_yuv420
from dataset.folder import Frame, FrameFolder, exact_rate
from dataset.packets import Survey, opened, survey

_ACCURATE = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.BITEXACT
)
_OWN_FORMATS = frozenset({"yuv420p", "yuvj420p"})
# What a stream states (ITU-T H.273) to the matrices that swscale knows.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}
_ROWS_OF_HD = 720


class Source(Protocol):
    """Frames at a known rate.

    Attributes
    ----------
    path
        The file or folder.
    name
        Its name without the ending.
    rate_hz
        Rate that the frames were taken at.
    shutter_us
        Exposure of a frame (the longest, where it varies); None where unknown.
    shape
        Rows and columns.
    frame_count
        Frames.
    sha256
        Of the file; of a folder, over the names and hashes of its frames.
    threads
        Threads that decode and convert; may be set before `frames` is called.
    """

    path: Path
    name: str
    rate_hz: Fraction
    shutter_us: float | None
    shape: tuple[int, int]
    frame_count: int
    sha256: str
    threads: int

    def frames(
        self, start: int = 0, wanted: Callable[[int], bool] | None = None
    ) -> Iterator[Frame]:
        """Frames from `start` on, uint8 (H, W, 3) RGB; with `wanted`, those it accepts."""

    def pairs(self, places: Sequence[int]) -> Iterator[tuple[Frame, Frame]]:
        """Frames `place` and `place + 1` for each of the places, which rise."""


def open_source(
    path: Path,
    rate_hz: float | None = None,
    shutter_us: float | None = None,
    threads: int = 1,
) -> Source:
    """Look through a video file or a folder of frames.

    Parameters
    ----------
    path
        A video that FFmpeg reads, or a folder of 8-bit PNG, JPEG or TIFF frames.
    rate_hz
        The true rate, where the file does not say it or says another (slow motion).
    shutter_us
        Exposure of a frame; default: from the file, where it says so.
    threads
        Threads that decode and convert; the frames do not depend on it.

    Raises
    ------
    UserMistake
        Names the file, what is wrong with it, and the way out.
    """
    if rate_hz is not None and not 0 < rate_hz < np.inf:
        raise UserMistake(f"--rate-hz {rate_hz:g}: a number above zero is needed")
    if shutter_us is not None and not 0 <= shutter_us < np.inf:
        raise UserMistake(f"--shutter-us {shutter_us:g}: zero or a number above it is needed")
    if not path.exists():
        raise UserMistake(f"{path}: no such file or folder")
    if path.is_dir():
        return FrameFolder(path, rate_hz, shutter_us)
    return VideoFile(path, rate_hz, shutter_us, threads)


class VideoFile:
    """The first video stream of a file."""

    def __init__(
        self, path: Path, rate_hz: float | None, shutter_us: float | None, threads: int
    ) -> None:
        found = survey(path)
        self.path = path
        self.name = path.stem
        self.threads = threads
        self.rate_hz = found.rate_hz
        if rate_hz is not None:
            self.rate_hz = exact_rate(rate_hz, path)
        self.shutter_us = found.shutter_us if shutter_us is None else shutter_us
        self.frame_count = found.frame_count
        self.sha256 = sha256_file(path)
        self._survey: Survey = found
        self.shape = self._first_shape()

    def _first_shape(self) -> tuple[int, int]:
        for image in self._decoded():
            _check_picture(self.path, image)
            return (image.height, image.width)
        raise UserMistake(f"{self.path}: no frame can be decoded; the file is damaged")

    def frames(
        self, start: int = 0, wanted: Callable[[int], bool] | None = None
    ) -> Iterator[Frame]:
        """Frames from `start` on; decoding always begins at the first, so that it is exact.

        Raises
        ------
        UserMistake
            Damaged or missing frames: named as they come, nothing is left out silently.
        """

        def chosen() -> Iterator[VideoFrame]:
            number = 0
            for number, image in enumerate(self._decoded(0, self.threads), start=1):
                if number > start and (wanted is None or wanted(number - 1)):
                    yield image
            if number != self.frame_count:
                raise UserMistake(
                    f"{self.path}: {number} of {self.frame_count} frames can be decoded; the file"
                    " is damaged or cut off, copy it again"
                )

        return self._converted(chosen())

    def pairs(self, places: Sequence[int]) -> Iterator[tuple[Frame, Frame]]:
        """Frames `place` and `place + 1` for each of the places, which rise."""
        firsts = set(places)
        numbers = sorted(firsts | {place + 1 for place in places})
        before: Frame | None = None
        for number, image in zip(numbers, self._pictures(numbers), strict=False):
            frame = self._convert(image)
            if before is not None and number - 1 in firsts:
                yield before, frame
            before = frame

    def _pictures(self, numbers: Sequence[int]) -> Iterator[VideoFrame]:
        """The pictures of these numbers, which rise; fewer where the file ends early.

        Decoding begins anew at a key frame that lies ahead, else it goes on: a call never costs
        more than one pass over the file.
        """
        coming = 0  # number of the picture that comes next
        with opened(self.path) as (container, stream):
            images = self._from_place(container, stream, 0, self.threads)
            for number in numbers:
                key = max((k for k in self._survey.key_frames if k <= number), default=0)
                if key > coming:
                    images.close()
                    images = self._from_place(container, stream, number, self.threads)
                    coming = number
                for image in images:
                    coming += 1
                    if coming > number:
                        yield image
                        break
                else:
                    return

    def _decoded(self, place: int = 0, threads: int = 1) -> Generator[VideoFrame]:
        """Decoded pictures from frame `place` on; all of them without a seek where it is 0."""
        with opened(self.path) as (container, stream):
            yield from self._from_place(container, stream, place, threads)

    def _from_place(
        self, container: InputContainer, stream: VideoStream, place: int, threads: int
    ) -> Generator[VideoFrame]:
        if not stream.codec_context.is_open:
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = threads
        least = self._survey.pts[place]
        if place:
            key = max((k for k in self._survey.key_frames if k <= place), default=0)
            container.seek(self._survey.pts[key], stream=stream)
        number = place
        try:
            for image in container.decode(stream):
                if place and (image.pts is None or image.pts < least):
                    continue
                if image.is_corrupt:
                    raise UserMistake(
                        f"{self.path}: frame {number} is damaged; copy the file again"
                    )
                yield image
                number += 1
        except av.error.FFmpegError as error:
            raise UserMistake(
                f"{self.path}: frame {number} of {self.frame_count} cannot be decoded"
                f" ({error.strerror}); the file is damaged or cut off, copy it again"
            ) from error

    def _converted(self, images: Iterator[VideoFrame]) -> Iterator[Frame]:
        """Convert in `threads` threads, in order, a few frames ahead."""
        if self.threads == 1:
            yield from map(self._convert, images)
            return
        waiting: deque[Future[Frame]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            for image in images:
                waiting.append(pool.submit(self._convert, image))
                if len(waiting) > self.threads + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _convert(self, image: VideoFrame) -> Frame:
        """Picture to uint8 (H, W, 3) RGB."""
        if (image.height, image.width) != self.shape:
            raise UserMistake(
                f"{self.path}: the picture's size changes within the file; cut it there"
            )
        return _rgb(image)


def _rgb(image: VideoFrame) -> Frame:
    """Picture to uint8 (H, W, 3) RGB, by the colours that the stream states or the usual ones."""
    matrix = image.colorspace
    if matrix not in KNOWN_MATRICES:
        matrix = BT709 if image.height >= _ROWS_OF_HD else BT601
    full = image.color_range == ColorRange.JPEG or image.format.name.startswith("yuvj")
    if image.format.name in _OWN_FORMATS:
        y, u, v = (
            np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)[
                : plane.height, : plane.width
            ]
            for plane in image.planes
        )
        return rgb_from_yuv420(y, u, v, matrix, full=full)
    converted = VideoReformatter().reformat(
        image,
        format="rgb24",
        src_colorspace=_MATRICES[matrix],
        dst_colorspace=_MATRICES[matrix],
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=_ACCURATE,
        threads=1,
    )
    frame: Frame = np.ascontiguousarray(converted.to_ndarray())
    return frame


def _check_picture(path: Path, image: VideoFrame) -> None:
    """Refuse what would be converted wrongly without a word."""
    if image.rotation:
        raise UserMistake(
            f"{path}: is stored turned by {image.rotation}°; turn it for good first, e.g."
            f" ffmpeg -i {path.name} -c:v ffv1 turned.mkv"
        )
    if image.interlaced_frame:
        raise UserMistake(f"{path}: is interlaced; blur needs whole frames, use another recording")
    bits = max(component.bits for component in image.format.components)
    if bits > 8:
        raise UserMistake(
            f"{path}: {bits} bits per sample ({image.format.name}); recipes work on 8-bit frames,"
            f" convert it first, e.g. ffmpeg -i {path.name} -pix_fmt yuv444p -crf 0 eight.mkv"
        )
