"""Small clips that tests write: FFV1 (lossless RGB) and H.264."""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]


def moving_texture(
    count: int, step_px: float = 1.0, shape: tuple[int, int] = (48, 64), seed: int = 1
) -> list[Frame]:
    """A smooth random texture that moves right to left by `step_px` a frame, without noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    waves = [
        (rng.uniform(0.05, 0.6), rng.uniform(-0.6, 0.6), rng.uniform(0, 6), rng.normal(0, 1, 3))
        for _ in range(12)
    ]
    frames = []
    for k in range(count):
        total = np.zeros((*shape, 3))
        for across, down, phase, colour in waves:
            total += np.sin(across * (x + k * step_px) + down * y + phase)[..., None] * colour
        frames.append(np.clip(128 + 22 * total, 0, 255).astype(np.uint8))
    return frames


def write_ffv1(path: Path, frames: Iterable[Frame], rate_hz: int = 240, comment: str = "") -> Path:
    """Lossless RGB."""
    return _write(path, frames, "ffv1", "bgr0", rate_hz, {}, comment)


def write_h264(path: Path, frames: Iterable[Frame], rate_hz: int = 240, **options: str) -> Path:
    """YCbCr 4:2:0 as cameras write it, index at the front so that a cut leaves it readable."""
    return _write(path, frames, "libx264", "yuv420p", rate_hz, options, "")


def _write(
    path: Path,
    frames: Iterable[Frame],
    codec: str,
    pixels: str,
    rate_hz: int,
    options: dict[str, str],
    comment: str,
) -> Path:
    front = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=front) as container:
        if comment:
            container.metadata["comment"] = comment
        stream = None
        for frame in frames:
            if stream is None:
                stream = container.add_stream(codec, rate=rate_hz, options=options)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = pixels
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        assert stream is not None
        container.mux(stream.encode())
    return path


def write_folder(folder: Path, frames: Iterable[Frame], sidecar: str | None = None) -> Path:
    """PNG files 0.png, 1.png, ..., 10.png, and source.json where given."""
    import cv2

    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{number}.png"), np.ascontiguousarray(frame[..., ::-1]))
    if sidecar is not None:
        (folder / "source.json").write_text(sidecar)
    return folder
