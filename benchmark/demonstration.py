"""What a demo does: how large it is, what its rig sees, and the words of every step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.virtual_rig import Recorded

SETTING = "2ms16ms"
DATASET = Path("bsd") / f"BSD_{SETTING}"
SPLITS = ("train", "valid", "test")
SHIPPED = {
    "train": ("astronaut", "motorcycle", "grass", "hubble", "ihc", "retina", "moon"),
    "valid": ("brick",),
    "test": ("coffee", "camera", "rocket", "chelsea", "gravel", "coins"),
}
"""Pictures of scikit-image by split: a picture of the test is in no training scene."""


@dataclass(frozen=True)
class Scale:
    """How large the run is.

    Attributes
    ----------
    clips, pairs
        Scenes of each split, and pairs of each scene.
    sensor_px, size_px
        Width and height of both sensors, and of a published frame.
    iterations, checkpoint_every
        Of the training.
    """

    clips: dict[str, int]
    pairs: int
    sensor_px: tuple[int, int]
    size_px: tuple[int, int]
    iterations: int
    checkpoint_every: int


FULL = Scale({"train": 8, "valid": 1, "test": 2}, 24, (352, 264), (320, 240), 1100, 200)
QUICK = Scale({"train": 3, "valid": 1, "test": 2}, 14, (256, 192), (224, 160), 250, 125)
SHOWN_FRAMES = 3
_SHAKE_MRAD = 10.0
"""Of the hand: in so small a picture the usual one of 4 would blur by a pixel or two."""

_FIELD_UM = 3200.0
"""Width of both sensors: with 8 mm of focal length a view of 0.4 rad."""


def twin(rig_file: Path, scale: Scale) -> list[str]:
    """Words that run the virtual rig."""
    words = ["hardware", "twin", "--rig-file", str(rig_file), "--bits", "12"]
    wide, high = scale.sensor_px
    for sensor in ("sensor_1", "sensor_2"):
        for name, value in {
            "width_px": wide,
            "height_px": high,
            "pixel_pitch_um": _FIELD_UM / wide,
        }.items():
            words += ["--set", f"{sensor}.{name}={value}"]
    return words


def recording(
    out: Path,
    rig_file: Path,
    pictures: dict[str, list[str]],
    missing: dict[str, int],
    scale: Scale,
    recorded: Recorded,
) -> Iterator[tuple[str, list[str]]]:
    """Calibration clips, scenes of each split, calibration clips again."""
    capture = ["acquisition", "capture", "--rig", str(rig_file), "--setting", SETTING]
    capture += ["--out", str(out / "session"), "--operator", "demo", "--no-persons"]
    capture += ["--yes", "--force"]
    for split in SPLITS:
        launcher = out / f"place-{split}.sh"
        words = ["hardware", "twin", "place", "--rig-file", str(rig_file)]
        words += [word for picture in pictures[split] for word in ("--picture", picture)]
        yield f"What stands before the rig: {split}", [
            *words, "--shake", f"{_SHAKE_MRAD:g}", "--launcher", str(launcher),
        ]  # fmt: skip
    place = ["--before-step", str(out / "place-train.sh")]
    if not recorded.scenes:
        yield "Record calibration clips before the scenes", [*capture, "--guided", "start", *place]
    for split in SPLITS:
        if missing[split]:
            words = [*capture, "--before-step", str(out / f"place-{split}.sh"), "--notes", split]
            words += ["--clips", str(missing[split]), "--frames", str(scale.pairs)]
            yield f"Record the scenes of {split}", words
    yield "Record calibration clips after the scenes", [*capture, "--guided", "end", *place]


def steps(out: Path, recorded: Recorded, scale: Scale) -> Iterator[tuple[str, list[str]]]:
    """What follows the recording: title and words of each step."""
    session, calibration = str(out / "session"), out / "calibration"
    if not (calibration / "calibration.json").is_file():
        words = ["calibration", "solve", session, "--out", str(calibration)]
        yield "Calibrate the session", words
    yield "Report the calibration", ["calibration", "report", str(calibration)]
    yield "Build aligned pairs", _build(out, recorded, scale)
    yield "Verify the dataset", ["dataset", "verify", str(out / DATASET)]
    yield "Train a small ESTRNN", _train(out, scale)
    yield "Score it on the scenes of test", _evaluate(out, scale)


def _build(out: Path, recorded: Recorded, scale: Scale) -> list[str]:
    words = ["dataset", "build", "--session", str(out / "session")]
    words += ["--calibration", str(out / "calibration"), "--out", str((out / DATASET).parent)]
    words += ["--size", f"{scale.size_px[0]}x{scale.size_px[1]}"]
    sizes = (
        f"{split}: {{sequences: {scale.clips[split]}, frames: {scale.pairs}}}" for split in SPLITS
    )
    words += ["--set", f"splits={{{', '.join(sizes)}}}"]
    for split in SPLITS:
        for number, clip in enumerate(recorded.scenes.get(split, [])):
            # clips of the training share pictures, and so are one scene
            scene = f"test-{number}" if split == "test" else split
            words += ["--scene", f"{clip}={scene}", "--split", f"{scene}={split}"]
    return words


def pictures_of(video: Path | None, out: Path) -> dict[str, list[str]]:
    """Files of the pictures of each split, all of them written into the demo's folder."""
    from bsd.document import write_bytes
    from dataset.pictures import shipped_picture, video_pictures
    from dataset.png import encode_png

    names = [name for split in SPLITS for name in SHIPPED[split]]
    found = (
        (shipped_picture(name) for name in names)
        if video is None
        else iter(video_pictures(video, len(names)))
    )
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    chosen: dict[str, list[str]] = {split: [] for split in SPLITS}
    homes = [split for split in SPLITS for _ in SHIPPED[split]]
    for index, (home, picture) in enumerate(zip(homes, found, strict=True)):
        path = folder / f"{index:03d}-{home}.png"
        write_bytes(path, encode_png(picture))
        chosen[home].append(str(path))
    return chosen


def _train(out: Path, scale: Scale) -> list[str]:
    words = ["benchmark", "train", "--dataset", str(out / DATASET), "--run", str(out / "run")]
    words += ["--cache", str(out / "cache")]
    settings = {
        "model.config.blocks": 3,
        "model.config.channels": 40,
        "model.config.past": 1,
        "model.config.future": 1,
        "model.config.activation": "relu",
        "model.config.skip": "centre",
        "model.config.zero_last": "true",
        "data.crop_px": 64,
        "data.frames": 10,
        "data.batch": 4,
        "optimiser.lr": 2e-3,
        "iterations": scale.iterations,
        "checkpoint_every": scale.checkpoint_every,
        "validation.every": scale.checkpoint_every,
        "seed": 39,
    }
    for name, value in settings.items():
        words += ["--set", f"{name}={value}"]
    return words


def _evaluate(out: Path, scale: Scale) -> list[str]:
    from benchmark.showcase import frames_to_keep

    words = ["benchmark", "evaluate", "--model", str(out / "run"), "--dataset", str(out / DATASET)]
    words += ["--out", str(out / "results"), "--all-frames"]
    lengths = {f"{number:03d}": scale.pairs for number in range(scale.clips["test"])}
    for sequence, frame in sorted(frames_to_keep(lengths, SHOWN_FRAMES)):
        words += ["--keep-frames", f"{sequence}:{frame}"]
    return words
