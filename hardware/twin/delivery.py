"""From a picture to the frame that a consumer receives, and what can go wrong on that way."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from hardware.twin.exposures import ExposureRequest, Picture
from hardware.twin.frame import FrameHeader, FrameSink
from hardware.twin.pixel_formats import Samples

_NS_PER_MS: Final = 1_000_000


@dataclass
class _Faults:
    incomplete: int = 0
    dropped: int = 0
    held_until_ns: int = 0


@dataclass
class _Run:
    """The frames of one acquisition; the next one has an object of its own and waits for none."""

    acquisition: int = 0
    next_id: int = 0
    held: deque[tuple[FrameHeader, Samples]] = field(default_factory=deque)


class Delivery:
    """Sends frames in the order in which they are handed over.

    Parameters
    ----------
    clock
        Board time in ns.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._sink: FrameSink | None = None
        self._run = _Run()
        self._faults = _Faults()
        self._sending = threading.Lock()

    def attach(self, sink: FrameSink | None) -> None:
        """Frames go there from now on; None: nowhere."""
        self._sink = sink

    def begin(self, acquisition: int) -> None:
        """An acquisition begins; its frames count from 0, those of the last are forgotten."""
        self._run = _Run(acquisition)

    def takes(self, request: ExposureRequest) -> bool:
        """Whether somebody takes the frame: the acquisition is the present one, and streams."""
        return self._sink is not None and request.acquisition == self._run.acquisition

    def send(
        self, request: ExposureRequest, payload: Callable[[], Samples], timestamp_ns: int
    ) -> int | None:
        """Send one frame; its id, or None where nobody takes it or it is lost on its way."""
        run = self._run
        if self._sink is None or request.acquisition != run.acquisition:
            return None
        pixels = payload()
        with self._sending:
            header = _header(request, timestamp_ns, run.next_id)
            run.next_id += 1
            if self._faults.dropped:
                self._faults.dropped -= 1
                return None
            if self._faults.incomplete:
                self._faults.incomplete -= 1
                header = dataclasses.replace(header, filled=header.payload_size // 2)
            run.held.append((header, pixels))
            return header.frame_id if self._flush(run) else None

    def release(self) -> None:
        """Send what a stall has held back, once it is over; the caller does not wait for it."""
        run = self._run
        if run.held and self._over() and self._sending.acquire(blocking=False):
            threading.Thread(
                target=self._release, args=(run,), name="late frames", daemon=True
            ).start()

    def _release(self, run: _Run) -> None:
        try:
            self._flush(run)
        finally:
            self._sending.release()

    def _over(self) -> bool:
        return self._clock() >= self._faults.held_until_ns

    def _flush(self, run: _Run) -> bool:
        """Send what may leave; False where nobody takes it."""
        while run.held and self._over():
            header, payload = run.held.popleft()
            sink = self._sink
            if run is not self._run or sink is None or not sink.send(header, payload):
                run.held.clear()
                return False
        return True

    def incomplete(self, count: int) -> None:
        """Half of each of the next frames is lost on its way."""
        self._faults.incomplete += count

    def drop(self, count: int) -> None:
        """The next frames are lost on their way; their ids are, too."""
        self._faults.dropped += count

    def stall(self, duration_ms: float) -> None:
        """Nothing leaves for some board time; then all that was held does, at once."""
        until_ns = self._clock() + round(duration_ms * _NS_PER_MS)
        self._faults.held_until_ns = max(self._faults.held_until_ns, until_ns)

    def crash(self) -> bool:
        """Order the consumer's producer to crash; False where nobody streams."""
        sink = self._sink
        return sink is not None and sink.crash()


def _header(request: ExposureRequest, timestamp_ns: int, frame_id: int) -> FrameHeader:
    picture = request.picture
    size = picture.pixel_format.payload_bytes(picture.region.width, picture.region.height)
    return FrameHeader(
        frame_id=frame_id,
        timestamp_ns=timestamp_ns,
        width=picture.region.width,
        height=picture.region.height,
        pixel_format=picture.pixel_format.code,
        payload_size=size,
        filled=size,
        offset_x=picture.offset_px[0],
        offset_y=picture.offset_px[1],
    )


def packed(picture: Picture, pixels: Samples) -> Samples:
    """Mirrored, raised to its gamma and packed.

    Parameters
    ----------
    picture
        How it is delivered.
    pixels
        (H, W), or (H, W, 3) for RGB, in raw order; uint8 or uint16 within the format's depth.

    Returns
    -------
    array
        The payload. Where nothing is to do it is `pixels` itself, which the caller then leaves
        alone until it is sent.

    Raises
    ------
    ValueError
        Shape or values do not fit the format.
    """
    known = picture.pixel_format
    shape = (picture.region.height, picture.region.width, *((3,) if known.output == "rgb" else ()))
    if pixels.shape != shape:
        raise ValueError(f"{known.name}: pixels {pixels.shape}, expected {shape}")
    most = 2**known.bits - 1
    if pixels.dtype != np.uint8 and pixels.max() > most:
        raise ValueError(f"{known.name}: a pixel of {pixels.max()}, at most {most}")
    if picture.reverse_x:
        pixels = pixels[:, ::-1]
    if picture.reverse_y:
        pixels = pixels[::-1]
    if picture.gamma != 1.0:
        curve = np.arange(most + 1, dtype=np.float64) / most
        table = np.floor(curve**picture.gamma * most + 0.5).astype(np.uint16)
        pixels = table[pixels]
    return known.pack(pixels)
