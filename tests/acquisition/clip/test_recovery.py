"""Recovery after real kills: all that was flushed, nothing invented, and never a hang."""

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from acquisition.clip.file import remove_clip
from acquisition.clip.reader import Clip
from acquisition.clip.recovery import HoldsNoFrame, recover
from acquisition.clip.sink import FrameShape
from acquisition.clip.unclosed_file import UnclosedFile, lookup3
from acquisition.clip.writer import ClipWriter
from acquisition.rig import ROLES
from bsd.errors import FoundBad, ToolkitError, UserMistake
from tests.acquisition.clip.material import (
    SHAPE,
    head,
    picture,
    write_clip,
    write_part,
)
from tests.mounts import mounted

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
LARGE = FrameShape(120, 200)

_WRITER = """
import sys
from pathlib import Path
import numpy as np
from acquisition.clip.writer import ClipWriter
from tests.acquisition.clip.material import arrival, head, picture, pulses
from tests.acquisition.clip.test_recovery import LARGE
compression = sys.argv[2]
writer = ClipWriter(
    Path(sys.argv[1]), head(compression=compression), {"blurry": LARGE, "sharp": LARGE}
)
for number in range(100_000):
    for role in ("blurry", "sharp"):
        writer.append(role, arrival(number), picture(role, number, LARGE).reshape(-1))
    writer.pulses(pulses(number + 1)[-1:])
    sys.stdout.write(f"{number + 1}\\n")
    sys.stdout.flush()
"""


def _killed(part: Path, least: int, compression: str) -> int:
    """Record, and kill as soon as so many frames were told; the count last told."""
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(part), compression],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert writer.stdout is not None
    told = 0
    while told < least:
        told = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    told = max([told, *(int(line) for line in writer.stdout if line.endswith("\n"))])
    writer.wait(20)
    writer.stdout.close()
    return told


@pytest.mark.parametrize(
    ("least", "compression"),
    [(1, "none"), (2, "none"), (19, "none"), (140, "none"), (333, "none"), (47, "bitshuffle-lz4")],
)
def test_every_frame_that_was_told_survives_a_kill(
    tmp_path: Path, least: int, compression: str
) -> None:
    part = tmp_path / "clip-000.h5.part"
    told = _killed(part, least, compression)
    saved = recover(part)
    assert not part.exists()
    assert saved.path == tmp_path / "clip-000-recovered.h5"
    assert saved.pulses >= told
    with Clip(saved.path) as clip:
        assert clip.tail.verdict == "recovered"
        assert clip.head == saved.head
        assert clip.head.frames_asked == 3
        for role in ROLES:
            frames = clip.frames(role)
            assert told <= len(frames) <= told + 200
            assert len(frames) == saved.stored[role] == clip.tail.counts[f"{role}_frames"]
            assert saved.cut[role] == 0
            for number, frame in enumerate(frames):
                assert (frame == picture(role, number, LARGE)).all()
            rows = clip.arrivals(role)
            assert rows["index"].tolist() == list(range(len(frames)))
        assert clip.pulses["n"].tolist() == list(range(saved.pulses))
        with pytest.raises(UserMistake, match="was recovered from a killed recording, nothing"):
            clip.pairs()


def test_a_part_that_was_closed_is_recovered_too(tmp_path: Path) -> None:
    part = write_part(tmp_path / "clip-004.h5.part", {"blurry": 3, "sharp": 0})
    saved = recover(part, tmp_path / "elsewhere.h5", keep_part=True)
    assert saved.stored == {"blurry": 3, "sharp": 0}
    assert part.exists()
    with Clip(tmp_path / "elsewhere.h5") as clip:
        assert len(clip.frames("sharp")) == 0
        assert (clip.frames("blurry")[2] == picture("blurry", 2)).all()


def test_frames_behind_one_that_is_not_there_are_cut(tmp_path: Path) -> None:
    part = write_part(tmp_path / "clip-000.h5.part", {"blurry": 4, "sharp": 4})
    with h5py.File(part, "r+") as file:
        file["c1/frames"].resize(6, axis=0)
        file["c1/arrivals"].resize((5,))
        file["c2/arrivals"].resize((2,))
    saved = recover(part)
    assert saved.stored == {"blurry": 4, "sharp": 2}
    assert saved.cut == {"blurry": 2, "sharp": 2}
    assert saved.is_broken


def test_a_part_that_is_read_only_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Windows does it: no file that is read-only can be removed."""
    unlink = Path.unlink

    def strict(path: Path, missing_ok: bool = False) -> None:
        if path.exists() and not path.stat().st_mode & 0o200:
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", strict)
    part = write_part(tmp_path / "clip-000.h5.part", dict.fromkeys(ROLES, 1))
    part.chmod(0o444)  # killed between this and its name
    saved = recover(part)
    assert not part.exists()
    remove_clip(saved.path)
    remove_clip(saved.path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_nothing(tmp_path: Path) -> None:
    part = write_part(tmp_path / "clip-000.h5.part", dict.fromkeys(ROLES, 1))
    empty = tmp_path / "clip-001.h5.part"
    ClipWriter(empty, head(), dict.fromkeys(ROLES, SHAPE)).close()
    with pytest.raises(HoldsNoFrame, match="holds no frame; remove it"):
        recover(empty)
    empty.write_bytes(b"")
    with pytest.raises(HoldsNoFrame, match="holds no frame; remove it"):
        recover(empty)
    for name, content in (("b", b"x" * 5000), ("c", part.read_bytes()[:700])):
        broken = tmp_path / f"{name}.h5.part"
        broken.write_bytes(content)
        with pytest.raises(FoundBad, match="nothing can be read from it") as found:
            recover(broken)
        assert not isinstance(found.value, HoldsNoFrame)
        assert "\n" not in str(found.value)
        assert broken.read_bytes() == content
    with pytest.raises(UserMistake, match="no such part"):
        recover(tmp_path / "clip-009.h5.part")
    foreign = tmp_path / "foreign.h5.part"
    with h5py.File(foreign, "w", libver=("v110", "v110")) as file:
        file["frames"] = [1]
    with pytest.raises(UserMistake, match="is not the part of a clip"):
        recover(foreign)
    part.unlink()
    clip = write_clip(tmp_path)
    with pytest.raises(UserMistake, match="no such part file; name a file that ends in"):
        recover(clip)


def test_an_existing_target_is_kept(tmp_path: Path) -> None:
    part = write_part(tmp_path / "clip-000.h5.part", dict.fromkeys(ROLES, 1))
    target = tmp_path / "mine.h5"
    target.write_text("mine")
    with pytest.raises(UserMistake, match=r"mine\.h5: exists already"):
        recover(part, target)
    assert target.read_text() == "mine"
    assert part.exists()


def test_a_full_disk_leaves_the_part_as_it_was(tmp_path: Path) -> None:
    part = write_part(tmp_path / "clip-000.h5.part", dict.fromkeys(ROLES, 9), LARGE)
    content = part.read_bytes()
    with mounted(tmp_path / "disk", "size=4300k") as disk:
        with pytest.raises(ToolkitError, match="no space left on the disk"):
            recover(part, disk / "saved.h5")
        assert list(disk.iterdir()) == []
    assert part.read_bytes() == content


def test_broken_metadata_end_at_once(tmp_path: Path) -> None:
    """A reader beside a writer would try for ever; here every case ends, by a clip or one line."""
    part = tmp_path / "clip-000.h5.part"
    _killed(part, 3, "none")
    content = part.read_bytes()
    random = np.random.default_rng(8)
    saved = 0
    refused = []
    for _ in range(40):
        at = int(random.integers(0, 9000))
        broken = bytearray(content)
        broken[at : at + 8] = random.bytes(8)
        part.write_bytes(broken)
        target = tmp_path / "saved.h5"
        target.unlink(missing_ok=True)
        try:
            recover(part, target, keep_part=True)
            saved += 1
        except ToolkitError as error:
            refused.append(str(error))
    assert saved > 0
    assert refused
    assert all(str(part) in line for line in refused)


def test_the_checksum_is_the_published_one_and_hdf5_s_own(tmp_path: Path) -> None:
    """Vectors of lookup3.c's own driver, and superblocks that HDF5 wrote."""
    assert lookup3(b"") == 0xDEADBEEF
    assert lookup3(b"Four score and seven years ago") == 0x17770551
    part = write_part(tmp_path / "clip-000.h5.part", dict.fromkeys(ROLES, 2))
    block = part.read_bytes()[:48]
    assert struct.unpack("<I", block[44:])[0] == lookup3(block[:44])
    with UnclosedFile(part) as file:  # a closed one is shown as it is
        assert file.read(48) == block


def test_a_superblock_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    part = write_part(tmp_path / "clip-000.h5.part", dict.fromkeys(ROLES, 2))
    content = bytearray(part.read_bytes())
    content[44] ^= 1
    part.write_bytes(content)
    with pytest.raises(FoundBad, match="nothing can be read from it"):
        recover(part)
