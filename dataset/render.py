"""``python -m dataset.render``: high-rate source clips from still pictures, with known truth.

A still picture moves along a hand's path in front of the view, one object moves on its own in
front of it, and every frame is an instant at 960 Hz or more: what a camera that freezes motion
would have seen. Files are lossless (FFV1 in Matroska) and the same for the same scene.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from bsd import command
from bsd.document import atomic_path, sweep_part
from bsd.errors import UserMistake
from bsd.lock import locked
from bsd.provenance import sha256_file, toolkit_version
from dataset.rendering.scene import PictureIdentity, SceneConfig, Truth, VideoIdentity, summarise
from dataset.rendering.truthfile import refuse_foreign, truth_path

if TYPE_CHECKING:
    from dataset.rendering.stage import Stage

Codes = NDArray[np.uint8]
LOCK_NAME = ".render.lock"

EXAMPLE = "python -m dataset.render --picture shipped:coffee --out SOURCES --set frames=1920"
app = command.application("Render high-rate source clips from still pictures.")


@dataclass(frozen=True)
class Job:
    """One clip to render: its scene, its pictures and where it goes."""

    config: SceneConfig
    picture: Codes
    object_picture: Codes | None
    out: Path


def render_frames(
    config: SceneConfig, picture: Codes, object_picture: Codes | None = None
) -> Iterator[Codes]:
    """Render a scene frame by frame; nothing but the current frame is held.

    Parameters
    ----------
    config
        The scene.
    picture, object_picture
        (H, W, 3) uint8 RGB; the object is cut out of `picture` where it has none of its own.

    Yields
    ------
    Codes
        (height_px, width_px, 3) uint8 RGB, frame i at time ``i / rate_hz``.
    """
    from dataset.rendering.stage import Stage

    stage = Stage(config, picture, object_picture)
    for index in range(config.frames):
        yield stage.frame(index)


def render_scene(
    config: SceneConfig,
    picture: Codes,
    out: Path,
    object_picture: Codes | None = None,
    stop: threading.Event | None = None,
) -> Truth:
    """Render a scene into a lossless video and write its truth beside it.

    Parameters
    ----------
    config
        The scene.
    picture, object_picture
        As for `render_frames`.
    out
        The video, ending in ``.mkv``. A complete one of the same scene, pictures and toolkit is
        kept; another one that was rendered here is replaced, and nothing else is.
    stop
        When set by another thread, rendering ends and leaves nothing behind.

    Returns
    -------
    Truth
        Also written to `truth_path(out)`, just before the video takes its name.

    Raises
    ------
    UserMistake
        `out` does not end in ``.mkv`` or holds something else; a picture does not fit; the blur
        target cannot be met.
    """
    from dataset.rendering.stage import Stage

    if out.suffix != ".mkv":
        raise UserMistake(f"{out}: rendered clips are Matroska files; name it {out.stem}.mkv")
    stands = refuse_foreign(out)
    if stands is not None and _is_wanted(stands, config, picture, object_picture):
        return stands
    stage = Stage(config, picture, object_picture)
    frames = (stage.frame(index) for index in range(config.frames))
    with atomic_path(out) as part:
        _write_video(part, frames, config, stop or threading.Event())
        truth = _truth(
            stage,
            picture,
            object_picture,
            VideoIdentity(name=out.name, sha256=sha256_file(part), bytes=part.stat().st_size),
        )
        # A kill between any two steps leaves a whole clip with its truth, or a truth alone.
        out.unlink(missing_ok=True)
        truth.write(truth_path(out))
    return truth


def render_scenes(jobs: Sequence[Job], workers: int = 1) -> Iterator[tuple[Job, Truth]]:
    """Render several scenes, `workers` at a time; yields each one as it is finished.

    The files do not depend on the number of workers. When one fails the others stop.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(max_workers=workers)
    running = {
        pool.submit(render_scene, job.config, job.picture, job.out, job.object_picture, stop): job
        for job in jobs
    }
    try:
        for future in as_completed(running):
            yield running[future], future.result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


class _Stopped(Exception):
    """Another scene failed or the person interrupted."""


def _write_video(
    path: Path, frames: Iterator[Codes], config: SceneConfig, stop: threading.Event
) -> None:
    import av

    with av.open(
        str(path),
        "w",
        format="matroska",
        options={"fflags": "+bitexact"},  # no random ids, dates or versions
    ) as container:
        container.metadata["comment"] = f"bsd shutter_us={config.shutter_us}"
        stream: Any = container.add_stream("ffv1", rate=config.rate_hz)
        stream.width, stream.height = config.width_px, config.height_px
        stream.pix_fmt = "bgr0"  # FFV1's 8-bit RGB; a reordering of bytes, nothing is lost
        stream.codec_context.gop_size = 1
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"level": "3", "slices": "4", "coder": "rice"}
        for index, codes in enumerate(frames):
            if stop.is_set():
                raise _Stopped
            frame = av.VideoFrame.from_ndarray(codes, format="rgb24").reformat(format="bgr0")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _is_wanted(
    truth: Truth, config: SceneConfig, picture: Codes, object_picture: Codes | None
) -> bool:
    """Whether a clip that stands is what is asked for now."""
    from dataset.rendering.stage import identity_of

    return (
        truth.config == config
        and truth.toolkit == toolkit_version()
        and truth.picture == identity_of(picture)
        and truth.object_picture == _identity(object_picture)
    )


def _identity(picture: Codes | None) -> PictureIdentity | None:
    from dataset.rendering.stage import identity_of

    return None if picture is None else identity_of(picture)


def _truth(
    stage: Stage, picture: Codes, object_picture: Codes | None, video: VideoIdentity
) -> Truth:
    from dataset.rendering.stage import as_rows, identity_of

    config, motion, times = stage.config, stage.motion, stage.times_s
    blur = motion.blur_lengths_px(motion.picture_traces(times))
    layer = stage.matte is not None
    return Truth(
        toolkit=toolkit_version(),
        video=video,
        picture=identity_of(picture),
        object_picture=_identity(object_picture),
        config=config,
        path_scale=motion.path_scale,
        blur=summarise(blur, config.target_blur_px),
        object_blur=summarise(motion.blur_lengths_px(motion.object_traces(times)), None)
        if layer
        else None,
        largest_step_px=round(stage.largest_step_px(), 6),
        matte=stage.matte,
        blur_px=tuple(np.round(blur, 6).tolist()),
        camera=as_rows(stage.picture_to_view(times)),
        object=as_rows(stage.object_to_view(times)) if layer else None,
    )


@app.command(epilog=f"Example: {EXAMPLE}")
def main(
    out: Annotated[Path, typer.Option(help="Folder for scene-000.mkv and its truth.")],
    picture: Annotated[
        list[str] | None,
        typer.Option(help="Picture file, shipped:NAME or shipped:all; may be repeated."),
    ] = None,
    from_video: Annotated[
        Path | None, typer.Option(help="Take still pictures from this clip instead.")
    ] = None,
    count: Annotated[int, typer.Option(help="Pictures to take from the clip.")] = 8,
    scenes: Annotated[
        int | None, typer.Option(help="Scenes to render; default one for each picture.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    config: Annotated[Path | None, typer.Option(help="Scene file (YAML) to start from.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Override a field: FIELD=VALUE.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Scenes at a time; default all cores.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Render source clips; complete ones of the same scene are kept."""
    from bsd.threads import available_cores, set_threads

    base = SceneConfig() if config is None else SceneConfig.read(config)
    if seed is not None:
        base = base.model_copy(update={"seed": seed})
    base = base.override(assignments or [])
    pictures = _pictures(picture or [], from_video, count)
    number = len(pictures) if scenes is None else scenes
    workers = available_cores() if workers is None else workers
    if number < 1 or workers < 1:
        raise UserMistake("--scenes and --workers must be at least 1")
    out.mkdir(parents=True, exist_ok=True)
    jobs = [_job(base, pictures, index, out) for index in range(number)]
    set_threads(1)
    rows = []
    with _sole_writer(out), command.progress("rendering scenes", number) as advance:
        for job in jobs:
            refuse_foreign(job.out)
            for target in (job.out, truth_path(job.out)):
                sweep_part(target)
        for job, truth in render_scenes(jobs, workers):
            rows.append(_row(job, truth))
            advance(1)
    rows.sort(key=lambda row: str(row["video"]))
    if as_json:
        command.print_json({"out": str(out), "clips": rows})
        return
    for row in rows:
        blur = f"{row['blur_median_px']} px" if row["blur_median_px"] is not None else "–"
        text = f"{out / row['video']}: {row['frames']} frames, median blur {blur}"
        command.out().print(text, markup=False, emoji=False)


@contextmanager
def _sole_writer(out: Path) -> Iterator[None]:
    """Keep a second render out of the folder; two would write into the same parts."""
    with locked(out / LOCK_NAME):
        try:
            yield
        finally:
            (out / LOCK_NAME).unlink(missing_ok=True)


def _job(base: SceneConfig, pictures: list[Codes], index: int, out: Path) -> Job:
    return Job(
        config=base.model_copy(update={"scene": base.scene + index}),
        picture=pictures[index % len(pictures)],
        object_picture=pictures[(index + 1) % len(pictures)] if len(pictures) > 1 else None,
        out=out / f"scene-{base.scene + index:03d}.mkv",
    )


def _row(job: Job, truth: Truth) -> dict[str, Any]:
    return {
        "video": job.out.name,
        "truth": truth_path(job.out).name,
        "frames": truth.config.frames,
        "rate_hz": truth.config.rate_hz,
        "blur_median_px": None if truth.blur is None else round(truth.blur.median_px, 2),
        "blur_maximum_px": None if truth.blur is None else round(truth.blur.maximum_px, 2),
        "largest_step_px": round(truth.largest_step_px, 3),
        "sha256": truth.video.sha256,
    }


def _pictures(names: list[str], from_video: Path | None, count: int) -> list[Codes]:
    from dataset import pictures as stills

    if bool(names) == (from_video is not None):
        raise UserMistake("give either --picture (may be repeated) or --from-video")
    if from_video is not None:
        return stills.video_pictures(from_video, count)
    found: list[Codes] = []
    for name in names:
        if name == "shipped:all":
            found.extend(picture for _, picture in stills.shipped_pictures())
        elif name.startswith("shipped:"):
            found.append(stills.shipped_picture(name.removeprefix("shipped:")))
        else:
            found.append(stills.read_picture(Path(name)))
    return found


if __name__ == "__main__":
    command.run(app, "dataset.render")
