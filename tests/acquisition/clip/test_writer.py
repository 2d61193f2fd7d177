"""Writing and sealing clips: what lies in the file, what is refused, full and read-only disks."""

import itertools
import json
import multiprocessing
import os
import signal
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquisition.clip import file as clip_file
from acquisition.clip import writer as clip_writer
from acquisition.clip.document import ClipCamera, ClipTail
from acquisition.clip.reader import Clip
from acquisition.clip.recovery import recover
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import RESERVE_BYTES, ClipWriter, seal
from acquisition.rig import ROLES
from bsd.errors import EnvironmentFault, ToolkitError, UserMistake
from tests.acquisition.clip.material import (
    RGB16,
    SHAPE,
    arrival,
    head,
    ledger,
    picture,
    pulses,
    write_clip,
    write_part,
)
from tests.mounts import mounted

pytestmark = pytest.mark.unit

GOOD = ClipTail(verdict="good", sealed_utc="2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize("compression", ["none", "bitshuffle-lz4"])
@pytest.mark.parametrize("shape", [SHAPE, RGB16])
def test_plain_hdf5_reads_what_was_written(
    tmp_path: Path, compression: str, shape: FrameShape
) -> None:
    """Independent of the reader: h5py's own indexing, on the closed part."""
    import hdf5plugin  # noqa: F401

    part = write_part(
        tmp_path / "clip-000.h5.part", {"blurry": 5, "sharp": 4}, shape, compression=compression
    )
    with h5py.File(part) as file:
        assert json.loads(bytes(file["head"][()]))["compression"] == compression
        assert file["c1/frames"].shape == (5, *shape.shape)
        assert file["c2/frames"].shape == (4, *shape.shape)
        assert file["c1/frames"].chunks == (1, *shape.shape)
        assert file["c1/frames"].dtype == shape.dtype
        for number in range(4):
            assert (file["c1/frames"][number] == picture("blurry", number, shape)).all()
            assert (file["c2/frames"][number] == picture("sharp", number, shape)).all()
        assert file["c1/arrivals"]["frame_id"].tolist() == [1, 2, 3, 4, 5]
        assert len(file["c2/arrivals"]) == 4
        assert file["pulses"]["ticks"].tolist() == [0, 1000, 2000, 3000, 4000]
        assert len(file["ledger"]) == len(file["tail"]) == 0


def test_rows_beyond_one_chunk_stay_in_order(tmp_path: Path) -> None:
    part = tmp_path / "a.h5.part"
    file = clip_file.create(part)
    rows = pulses(2000)
    table = clip_file.create_table(file, "pulses", rows.dtype)
    file.swmr_mode = True
    for begin, end in ((0, 1), (1, 255), (255, 1100), (1100, 1100), (1100, 1999)):
        table.append(rows[begin:end])
        with h5py.File(part, swmr=True) as reader:
            assert (reader["pulses"][()] == rows[:end]).all()
    file.close()
    grown = clip_file.grow(part)
    clip_file.Table(grown["pulses"]).append(rows[1999:])
    grown.close()
    with h5py.File(part) as reader:
        assert (reader["pulses"][()] == rows).all()


def test_compression_shrinks_and_changes_nothing(tmp_path: Path) -> None:
    shape = FrameShape(120, 160)
    sizes = {}
    for compression in ("none", "bitshuffle-lz4"):
        folder = tmp_path / compression
        folder.mkdir()
        part = folder / "clip-000.h5.part"
        writer = ClipWriter(part, head(compression=compression), dict.fromkeys(ROLES, shape))
        for number in range(20):
            writer.append("sharp", arrival(number), np.full(shape.frame_bytes, number, np.uint8))
        writer.close()
        with Clip(seal(part, ledger(0), GOOD)) as clip:
            assert [int(frame.mean()) for frame in clip.frames("sharp")] == list(range(20))
        sizes[compression] = (folder / "clip-000.h5").stat().st_size
    assert sizes["bitshuffle-lz4"] < 0.3 * sizes["none"]


def test_a_head_of_any_length_is_kept(tmp_path: Path) -> None:
    rig = {f"feature {number}": "x" * 100 for number in range(3000)}
    with Clip(write_clip(tmp_path, rig=rig)) as clip:
        assert clip.head.rig == rig


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    writer = ClipWriter(tmp_path / "a.h5.part", head(), dict.fromkeys(ROLES, SHAPE))
    with pytest.raises(EnvironmentFault, match=r"frames of 100 bytes, the clip was begun for 192"):
        writer.append("blurry", arrival(0), np.zeros(100, np.uint8))
    writer.close()


@pytest.mark.parametrize("name", ["clip-000.h5", "clip-000.h5.part"])
def test_a_file_that_exists_is_refused_and_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserMistake, match=f"{name}: exists already"):
        ClipWriter(tmp_path / "clip-000.h5.part", head(), dict.fromkeys(ROLES, SHAPE))
    assert (tmp_path / name).read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_only_a_part_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"is not a \.part file"):
        ClipWriter(tmp_path / "clip-000.h5", head(), dict.fromkeys(ROLES, SHAPE))


def test_a_missing_or_read_only_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"nowhere/clip-000\.h5\.part: no such file or folder"):
        ClipWriter(tmp_path / "nowhere/clip-000.h5.part", head(), dict.fromkeys(ROLES, SHAPE))
    with mounted(tmp_path / "disk", "size=1m,ro") as disk:
        part = disk / "clip-000.h5.part"
        with pytest.raises(EnvironmentFault, match=f"{part}: the file system is read-only; choose"):
            ClipWriter(part, head(), dict.fromkeys(ROLES, SHAPE))


def _filled(writer: ClipWriter, shape: FrameShape, words: str) -> int:
    """Append until that is refused in these words; how many were stored."""

    def append_for_ever() -> None:
        for number in itertools.count():
            writer.append("sharp", arrival(number), picture("sharp", number, shape).reshape(-1))

    with pytest.raises(EnvironmentFault, match=words):
        append_for_ever()
    return writer.stored["sharp"]


def test_a_full_disk_stops_before_hdf5_meets_its_end(tmp_path: Path) -> None:
    """All that was stored can still be closed, sealed and read."""
    shape = FrameShape(200, 400)
    with mounted(tmp_path / "disk", "size=8m") as disk:
        part = disk / "clip-000.h5.part"
        writer = ClipWriter(part, head(), dict.fromkeys(ROLES, shape))
        number = _filled(writer, shape, f"{part}: no space left on the disk; free some")
        assert (8 << 20) - RESERVE_BYTES - 10 * shape.frame_bytes < number * shape.frame_bytes
        writer.close()
        with Clip(seal(part, ledger(0), GOOD)) as clip:
            assert len(clip.frames("sharp")) == number
            assert (clip.frames("sharp")[-1] == picture("sharp", number - 1, shape)).all()


def test_a_disk_that_fills_from_elsewhere_costs_no_flushed_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 itself meets the end: no reserve, as where another program takes it."""
    monkeypatch.setattr(clip_writer, "RESERVE_BYTES", -(1 << 30))
    shape = FrameShape(200, 400)
    with mounted(tmp_path / "disk", "size=3m") as disk:
        part = disk / "clip-000.h5.part"
        writer = ClipWriter(part, head(), dict.fromkeys(ROLES, shape))
        number = _filled(writer, shape, f"{part}: no space left on the disk")
        assert number > 20
        with suppress(ToolkitError):
            writer.close()
        monkeypatch.undo()
        saved = recover(part, tmp_path / "saved.h5", keep_part=True)
        assert saved.stored["sharp"] >= number
        with Clip(saved.path) as clip:
            assert (clip.frames("sharp")[number - 1] == picture("sharp", number - 1, shape)).all()


def test_a_sealed_clip_is_not_writable_and_its_part_is_gone(tmp_path: Path) -> None:
    path = write_clip(tmp_path)
    assert path == tmp_path / "clip-000.h5"
    assert path.stat().st_mode & 0o222 == 0
    assert list(tmp_path.iterdir()) == [path]
    for write in (clip_file.grow, lambda part: seal(part, ledger(0), GOOD)):
        with pytest.raises(UserMistake):
            write(path)


def test_sealing_refuses_what_would_overwrite(tmp_path: Path) -> None:
    part = write_part(tmp_path / "clip-000.h5.part", dict.fromkeys(ROLES, 3))
    (tmp_path / "clip-000.h5").write_text("mine")
    with pytest.raises(UserMistake, match=r"clip-000\.h5: exists already"):
        seal(part, ledger(3), GOOD)
    assert (tmp_path / "clip-000.h5").read_text() == "mine"
    with pytest.raises(UserMistake, match="no such file"):
        seal(tmp_path / "clip-001.h5.part", ledger(3), GOOD)


def test_a_part_that_is_still_written_is_not_sealed(tmp_path: Path) -> None:
    part = tmp_path / "clip-000.h5.part"
    writer = ClipWriter(part, head(), dict.fromkeys(ROLES, SHAPE))
    process = multiprocessing.get_context("spawn").Process(target=_seal_refused, args=(part,))
    process.start()
    process.join(20)
    writer.close()
    assert process.exitcode == 0


def _seal_refused(part: Path) -> None:
    with pytest.raises(UserMistake, match="its recorder still runs or was killed; recover it"):
        seal(part, ledger(0), GOOD)


STAGES = ["open", "ledger", "tail", "closed", "rename"]


def _seal_and_die(part: Path, stage: str) -> None:
    """Seal, and be killed at a stage."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    append = clip_file.Table.append
    calls = []

    def counted(table: clip_file.Table, rows: np.ndarray) -> None:
        if stage == "open":
            die()
        append(table, rows)
        calls.append(len(rows))
        if len(calls) == {"ledger": 1, "tail": 2}.get(stage):
            die()

    clip_writer.Table.append = counted
    if stage == "closed":
        clip_writer.sync = die
    if stage == "rename":
        Path.rename = die
    seal(part, ledger(3), GOOD)


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_while_sealing_loses_nothing(tmp_path: Path, stage: str) -> None:
    part = write_part(tmp_path / "clip-000.h5.part", dict.fromkeys(ROLES, 3))
    process = multiprocessing.get_context("spawn").Process(target=_seal_and_die, args=(part, stage))
    process.start()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL
    if stage in ("closed", "rename"):  # the same words complete it
        with Clip(seal(part, ledger(3), GOOD)) as clip:
            assert clip.tail == GOOD
            assert clip.pair_count == 3
        return
    saved = recover(part)
    with Clip(saved.path) as clip:
        assert saved.stored == {"blurry": 3, "sharp": 3}
        assert clip.tail.verdict == "recovered"
        assert len(clip) == (3 if stage == "tail" else 0)
        assert (clip.frames("blurry")[2] == picture("blurry", 2)).all()


def test_another_verdict_does_not_replace_the_first(tmp_path: Path) -> None:
    part = write_part(tmp_path / "clip-000.h5.part", dict.fromkeys(ROLES, 3))
    file = clip_file.grow(part)
    clip_file.Table(file["ledger"]).append(ledger(3))
    file.close()
    with pytest.raises(UserMistake, match="was given another ledger before"):
        seal(part, ledger(2), GOOD)
    with Clip(seal(part, ledger(3), GOOD)) as clip:
        assert len(clip) == 3


def test_a_number_that_is_none_is_not_told() -> None:
    """A camera whose sensor of temperature is broken tells NaN."""
    nan = float("nan")
    camera = ClipCamera(
        identity={}, configured={"readback": {"Gain": [nan, 1.5]}}, temperature_c=nan
    )
    assert camera.temperature_c is None
    assert camera.configured == {"readback": {"Gain": [None, 1.5]}}
    tail = ClipTail(verdict="good", temperatures_c={"blurry": float("inf"), "sharp": 31.5})
    assert tail.temperatures_c == {"blurry": None, "sharp": 31.5}


def test_a_head_tells_both_cameras() -> None:
    with pytest.raises(UserMistake, match="the sharp camera is missing"):
        head(cameras={"blurry": {"identity": {}, "configured": {}}})
