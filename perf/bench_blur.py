"""Blur synthesis: the kernel beside a NumPy look-up table, and the whole beside decoding alone."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from bsd.threads import available_cores
from dataset.blur import WindowAverage
from dataset.recipe import load_recipe
from dataset.synthesis import SynthesisOptions, synthesize
from perf.harness import Report

_SHAPE = (720, 1280, 3)
_WINDOW = 11
_KERNEL_AIM = 8.0
_WHOLE_AIM = 0.75
_CLIP_FRAMES, _TRIAL_CLIP_FRAMES = 550, 44
_BITS_PER_SECOND = 60_000_000  # an action camera's at 240 fps


def run(report: Report) -> None:
    """Add the rows of blur synthesis to `report`."""
    frames = _moving_frames(_WINDOW)
    _kernel(report, frames, "gopro", _numpy_light)
    _kernel(report, frames, "gopro-blur", _numpy_codes)
    with tempfile.TemporaryDirectory(prefix="bsd-bench-") as folder:
        _whole(report, Path(folder))


def _kernel(report: Report, frames: list[NDArray[np.uint8]], name: str, usual: object) -> None:
    threads = available_cores()
    table = load_recipe(name).response.sum_table(_WINDOW)
    with WindowAverage(table, _SHAPE, threads) as window:

        def ours() -> NDArray[np.uint8]:
            for frame in frames:
                window.add(frame)
            return window.finish()

        assert callable(usual)  # noqa: S101
        row = report.compare(
            f"blur kernel {name}, {_WINDOW} frames of 1280×720×3",
            ours,
            lambda: usual(frames),
            _KERNEL_AIM,
            note=f"{threads} threads; usual: NumPy, float32 look-up table",
        )
    report.console.print(f"  {_WINDOW / row.ours.median_s:.0f} frames/s", highlight=False)


def _moving_frames(count: int) -> list[NDArray[np.uint8]]:
    """A texture with a photograph's 1/f spectrum and sensor noise that moves 2 px a frame."""
    rng = np.random.default_rng(7)
    height, width, _ = _SHAPE
    broad = width + 2 * count
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(broad)[None, :]
    falling = 1 / np.maximum(np.hypot(down, across), 1 / broad)
    layers = [
        np.fft.irfft2(falling * np.fft.rfft2(rng.normal(size=(height, broad))), (height, broad))
        for _ in range(3)
    ]
    texture = np.stack([128 + 50 * layer / layer.std() for layer in layers], axis=-1)
    noise = rng.normal(0, 3, (height, width, 3))
    return [
        np.clip(texture[:, 2 * k : 2 * k + width] + np.roll(noise, 97 * k, axis=1), 0, 255)
        .round()
        .astype(np.uint8)
        for k in range(count)
    ]


_LIGHT = ((np.arange(256) / 255) ** 2.2).astype(np.float32)
_CODES = np.arange(256, dtype=np.float32)
_STEPS = 65535
_BACK = np.floor(255 * (np.arange(_STEPS + 1) / _STEPS) ** (1 / 2.2) + 0.5).astype(np.uint8)


def _numpy_light(frames: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    total = np.zeros(_SHAPE, np.float32)
    for frame in frames:
        total += _LIGHT[frame]
    steps = (total * np.float32(_STEPS / len(frames))).astype(np.uint16)
    back: NDArray[np.uint8] = _BACK[steps]
    return back


def _numpy_codes(frames: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    total = np.zeros(_SHAPE, np.float32)
    for frame in frames:
        total += _CODES[frame]
    return (total / np.float32(len(frames)) + np.float32(0.5)).astype(np.uint8)


def _whole(report: Report, folder: Path) -> None:
    clip = folder / "clip.mp4"
    frames = report.sized(_CLIP_FRAMES, _TRIAL_CLIP_FRAMES)
    _encode(clip, frames)
    recipe = load_recipe("gopro")
    options = SynthesisOptions(only="train", keep_stepped=True, workers=available_cores())
    runs = iter(range(1_000_000))

    def ours() -> object:
        return synthesize([clip], recipe, folder / f"out-{next(runs)}", options)

    def decoding(threading: str) -> Callable[[], int]:
        def usual() -> int:
            with av.open(str(clip)) as container:
                container.streams.video[0].thread_type = threading
                images = container.decode(video=0)
                return sum(image.to_ndarray(format="rgb24").size for image in images)

        return usual

    for threading, words in (("NONE", "PyAV in one thread"), ("AUTO", "PyAV with all cores")):
        row = report.compare(
            f"synthesis gopro end to end, {frames} frames of 1280×720 H.264, {words}",
            ours,
            decoding(threading),
            _WHOLE_AIM,
            repeats=3,
            note=f"usual: {words}, decoding to RGB alone; ours: everything, to the manifest",
        )
        rates = (frames / row.ours.median_s, frames / row.usual.median_s)
        report.console.print(
            f"  {rates[0]:.0f} source frames/s, decoding alone {rates[1]:.0f}", highlight=False
        )


def _encode(clip: Path, count: int) -> None:
    with av.open(str(clip), "w") as container:
        # One slice a frame, as action cameras write: slices would be decoded side by side.
        options = {"preset": "veryfast", "x264-params": "slices=1:sliced-threads=0"}
        stream = container.add_stream("libx264", rate=240, options=options)
        stream.bit_rate = _BITS_PER_SECOND
        stream.width, stream.height, stream.pix_fmt = _SHAPE[1], _SHAPE[0], "yuv420p"
        stream.gop_size = 15
        frames = _moving_frames(2 * _WINDOW)
        for number in range(count):
            image = av.VideoFrame.from_ndarray(frames[number % len(frames)], format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode())
