"""Reading clips: lazily, only true pairs, and one line for whatever is no clip."""

import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquisition.clip import file as clip_file
from acquisition.clip.document import ClipHead, ClipTail
from acquisition.clip.reader import Clip, ClipDamaged
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import ClipWriter, seal
from acquisition.ledger.row import Verdict
from acquisition.rig import ROLES
from bsd.errors import ToolkitError, UserMistake
from tests.acquisition.clip.material import (
    RGB16,
    SHAPE,
    head,
    ledger,
    picture,
    write_clip,
    write_part,
)

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden" / "clip-v1.h5"


@pytest.mark.parametrize("shape", [SHAPE, RGB16])
def test_all_that_was_stored_is_read(tmp_path: Path, shape: FrameShape) -> None:
    with Clip(write_clip(tmp_path, 4, shape, motion="pan", purpose="flat")) as clip:
        assert clip.head == head(
            motion="pan",
            purpose="flat",
            uuid=clip.head.uuid,
            created_utc=clip.head.created_utc,
        )
        assert clip.tail.verdict == "good"
        assert len(clip) == clip.pair_count == 4
        for role in ROLES:
            frames = clip.frames(role)
            assert frames.shape == (4, *shape.shape)
            assert frames.dtype == shape.dtype
            for number, frame in enumerate(frames):
                assert (frame == picture(role, number, shape)).all()
            assert (frames[-1] == frames[3]).all()
            with pytest.raises(IndexError, match="no frame 4 among 4"):
                frames[4]
            assert clip.arrivals(role)["host_ns"].tolist() == [0, 11, 22, 33]
        assert clip.pulses["ticks"].tolist() == [0, 1000, 2000, 3000]


def test_two_clips_never_have_the_same_uuid() -> None:
    assert head().uuid != head().uuid


def test_pairs_are_those_of_the_ledger_and_no_others(tmp_path: Path) -> None:
    part = write_part(tmp_path / "clip-000.h5.part", {"blurry": 5, "sharp": 4})
    path = seal(part, ledger(5, missed_by_sharp=2), ClipTail(verdict="marked"))
    with Clip(path) as clip:
        found = list(clip.pairs())
        assert [int(row["pulse"]) for row, _, _ in found] == [0, 1, 3, 4]
        assert clip.pair_count == 4
        for (row, blurry, sharp), at in zip(found, (0, 1, 2, 3), strict=True):
            assert row["verdict"] == Verdict.PAIRED
            assert (blurry == picture("blurry", int(row["pulse"]))).all()
            assert (sharp == picture("sharp", at)).all()


def test_free_running_clips_have_no_pairs(tmp_path: Path) -> None:
    with Clip(write_clip(tmp_path, sync="none", verdict="free-running")) as clip:
        with pytest.raises(UserMistake, match="recorded without a trigger, so no two frames are"):
            clip.pairs()
        assert len(clip.frames("blurry")) == 3


def test_a_clip_of_ten_gigabytes_opens_at_once(tmp_path: Path) -> None:
    """10,000 frames of 1 MB, of which one was written: the file is small, its arrays are not."""
    shape = FrameShape(1000, 1000)
    part = tmp_path / "clip-000.h5.part"
    writer = ClipWriter(part, head(), dict.fromkeys(ROLES, shape))
    writer.close()
    file = clip_file.grow(part)
    data = file["c1/frames"]
    data.id.set_extent((10_000, 1000, 1000))
    data.id.write_direct_chunk((9_999, 0, 0), picture("blurry", 1, shape), 0)
    clip_file.Table(file["c1/arrivals"]).append(np.zeros(10_000, file["c1/arrivals"].dtype))
    file.close()
    path = seal(part, ledger(0), ClipTail(verdict="good"))
    expected = picture("blurry", 1, shape)
    tracemalloc.start()
    with Clip(path) as clip:
        assert len(clip.frames("blurry")) == 10_000
        assert (clip.frames("blurry")[-1] == expected).all()
    assert tracemalloc.get_traced_memory()[1] < 6e6
    tracemalloc.stop()


def test_reading_imports_no_device_library() -> None:
    code = (
        "import sys, acquisition.clip.reader; print(sorted(set(sys.modules) &"
        " {'serial', 'harvesters', 'genicam', 'aiohttp', 'cv2', 'hdf5plugin'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


def test_the_golden_clip_of_version_1_stays_readable() -> None:
    with Clip(GOLDEN) as clip:
        assert clip.head.format_version == ClipHead.current_version() == 1
        assert clip.head.uuid == "00000000-0000-4000-8000-000000000001"
        assert clip.head.setting is not None
        assert clip.head.setting.name == "2ms16ms"
        assert clip.tail == ClipTail(
            verdict="marked",
            findings=["sharp camera: pulse 2 was missed"],
            counts={"pulses": 5, "pairs": 4},
            notes="golden",
            sealed_utc="2026-01-01T00:00:00+00:00",
        )
        assert (clip.ledger == ledger(5, missed_by_sharp=2)).all()
        for role, count in (("blurry", 5), ("sharp", 4)):
            for number in range(count):
                assert (clip.frames(role)[number] == picture(role, number)).all()
            assert clip.arrivals(role)["device_ns"].tolist() == [n * 10 for n in range(count)]
        assert [int(row["pulse"]) for row, _, _ in clip.pairs()] == [0, 1, 3, 4]


def _refused(path: Path, words: str, kind: type[ToolkitError] = UserMistake) -> None:
    with pytest.raises(kind, match=words) as found:
        Clip(path)
    assert str(path) in str(found.value)
    assert "\n" not in str(found.value)


def test_what_is_no_clip_is_refused_in_one_line(tmp_path: Path) -> None:
    _refused(tmp_path / "nothing.h5", "no such file")
    _refused(tmp_path, "is a folder")
    text = tmp_path / "text.h5"
    text.write_text("frames: 3")
    _refused(text, "not an HDF5 file")
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file["frames"] = [1, 2]
    _refused(foreign, "an HDF5 file, but not a clip")
    part = write_part(tmp_path / "clip-000.h5.part", dict.fromkeys(ROLES, 2))
    _refused(part, "is not sealed; open its session again to recover it")
    unsealed = tmp_path / "clip-001.h5"
    shutil.copy(part, unsealed)
    _refused(unsealed, "it was never sealed", ClipDamaged)


def _changed(tmp_path: Path, path: Path, name: str, content: object) -> Path:
    changed = tmp_path / "changed.h5"
    shutil.copyfile(path, changed)
    with h5py.File(changed, "r+") as file:
        del file[name]
        if content is not None:
            file[name] = content
    return changed


def test_other_versions_and_fields_are_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path)
    for old, new, words in (
        ('"format_version": 1', '"format_version": 2', "is newer than this toolkit reads"),
        ('"name": "clip-000"', '"nome": "clip-000"', "/head: "),
        ('"format": "bsd-clip"', '"format": "bsd-rig"', "is a 'bsd-rig' file"),
        ("{", "", "not valid JSON"),
    ):
        text = head().to_json().replace(old, new, 1)
        data = np.frombuffer(text.encode(), np.uint8)
        _refused(_changed(tmp_path, path, "head", data), words)


def test_damage_is_told_by_place(tmp_path: Path) -> None:
    path = write_clip(tmp_path)
    for name, content, words in (
        ("tail", np.frombuffer(b'{"verdict": "fine"}', np.uint8), "/tail: field 'verdict'"),
        ("c2/frames", None, "/c2/frames is missing or"),
        ("c1/frames", np.zeros((3, 4, 4), np.float32), "/c1/frames does not hold frames"),
        ("c1/arrivals", np.zeros(3, np.int64), "/c1/arrivals has other fields"),
        ("ledger", np.zeros(3, np.int64), "/ledger has other fields"),
        ("pulses", {}, "/pulses is missing or"),
    ):
        value = None if isinstance(content, dict) else content
        _refused(_changed(tmp_path, path, name, value), words, ClipDamaged)


def test_a_ledger_that_names_absent_frames_is_refused(tmp_path: Path) -> None:
    part = write_part(tmp_path / "clip-000.h5.part", {"blurry": 5, "sharp": 4})
    with (
        Clip(seal(part, ledger(5), ClipTail(verdict="good"))) as clip,
        pytest.raises(ClipDamaged, match=r"row 4 of the ledger names a frame of the sharp camera"),
    ):
        next(clip.pairs())


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
def test_a_cut_clip_is_refused(tmp_path: Path, share: float) -> None:
    path = write_clip(tmp_path, 20)
    cut = tmp_path / "cut.h5"
    content = path.read_bytes()
    cut.write_bytes(content[: int(len(content) * share)])
    _refused(cut, "damaged clip: it was cut or not closed", ClipDamaged)


def test_no_byte_that_changed_ends_in_a_traceback(tmp_path: Path) -> None:
    """Everything of a clip with a broken stretch is read, or is refused in one line."""
    content = bytearray(write_clip(tmp_path, 3).read_bytes())
    random = np.random.default_rng(2)
    changed = tmp_path / "changed.h5"
    refused = []
    for _ in range(60):
        at = int(random.integers(0, len(content) - 16))
        broken = content.copy()
        broken[at : at + 16] = random.bytes(16)
        changed.write_bytes(broken)
        try:
            with Clip(changed) as clip:
                for role in ROLES:
                    list(clip.frames(role))
                    clip.arrivals(role)
                list(clip.pairs())
        except ToolkitError as error:
            refused.append(str(error))
    assert len(refused) > 5
    assert all(str(changed) in line and "\n" not in line for line in refused)
