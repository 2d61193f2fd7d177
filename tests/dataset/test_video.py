"""Sources: what they say, that frames are exact, and each bad input in one line."""

import pickle
import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from bsd.errors import UserMistake
from dataset.folder import FolderSource
from dataset.gpmf import is_gpmf, shutters_us
from dataset.video import open_source
from tests.dataset.clips import moving_texture, write_ffv1, write_folder, write_h264

pytestmark = pytest.mark.unit


def test_lossless_video(tmp_path: Path) -> None:
    frames = moving_texture(30)
    path = write_ffv1(tmp_path / "a.mkv", frames, 960, comment="bsd shutter_us=12.5")
    source = open_source(path, threads=2)
    assert (source.name, source.rate_hz, source.shutter_us) == ("a", Fraction(960), 12.5)
    assert (source.shape, source.frame_count) == ((48, 64), 30)
    assert np.array_equal(np.stack(list(source.frames())), np.stack(frames))
    some = list(pickle.loads(pickle.dumps(source)).frames(4, lambda k: k % 5 == 0))  # noqa: S301
    assert np.array_equal(np.stack(some), np.stack(frames[5::5]))


def test_what_a_person_says_goes_first(tmp_path: Path) -> None:
    path = write_ffv1(tmp_path / "a.mkv", moving_texture(3), 30, comment="bsd shutter_us=12.5")
    source = open_source(path, rate_hz=239.76, shutter_us=400.0)
    assert float(source.rate_hz) == pytest.approx(239.76)
    assert source.shutter_us == 400.0


def test_threads_do_not_change_frames(tmp_path: Path) -> None:
    path = write_h264(tmp_path / "a.mp4", moving_texture(40), g="7", bf="2")
    one, three = (list(open_source(path, threads=n).frames()) for n in (1, 3))
    assert len(one) == 40
    assert np.array_equal(np.stack(one), np.stack(three))


def test_colours_of_a_camera_clip(tmp_path: Path) -> None:
    """Flat colours through H.264 come back within its own loss, with no cast."""
    colours = np.array([[200, 60, 50], [40, 180, 70], [50, 60, 190], [128, 128, 128]], np.uint8)
    frame = np.repeat(np.repeat(colours.reshape(2, 2, 3), 24, axis=0), 32, axis=1)
    path = write_h264(tmp_path / "a.mp4", [frame] * 4, crf="1")
    decoded = next(iter(open_source(path).frames())).astype(int)
    for row in range(2):
        for column in range(2):
            middle = decoded[24 * row + 6 : 24 * row + 18, 32 * column + 8 : 32 * column + 24]
            assert np.abs(middle.mean(axis=(0, 1)) - colours[2 * row + column]).max() < 1.5


@pytest.mark.parametrize("group", ["1", "7", "250"])
@pytest.mark.parametrize("threads", [1, 2])
def test_pairs_are_the_neighbours_that_were_asked_for(
    tmp_path: Path, group: str, threads: int
) -> None:
    """Wherever key frames lie, also where places follow one another or come late."""
    path = write_h264(tmp_path / "b.mkv", moving_texture(60), g=group, bf="2")
    source = open_source(path, threads=threads)
    every = list(source.frames())
    for places in ([0], [0, 1, 2], [3, 5, 6, 30, 31, 58], [58], []):
        pairs = list(source.pairs(places))
        assert len(pairs) == len(places)
        for place, (before, after) in zip(places, pairs, strict=True):
            assert np.array_equal(before, every[place])
            assert np.array_equal(after, every[place + 1])


def cut(path: Path, share: float) -> Path:
    content = path.read_bytes()
    target = path.with_name(f"cut-{path.name}")
    target.write_bytes(content[: int(len(content) * share)])
    return target


def bad_inputs(folder: Path) -> dict[str, Path]:
    frames = moving_texture(40)
    mp4, mkv = write_h264(folder / "a.mp4", frames), write_ffv1(folder / "a.mkv", frames)
    late = folder / "late.mp4"
    with av.open(str(mp4)) as source, av.open(str(late), "w") as target:  # index at the end
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    damaged = folder / "damaged.mp4"
    content = bytearray(mp4.read_bytes())
    middle = content.index(b"mdat") + len(content[content.index(b"mdat") :]) // 2
    content[middle : middle + 400] = bytes(400)
    damaged.write_bytes(content)
    text = folder / "text.mp4"
    text.write_text("this is a shopping list\n" * 40)
    empty = folder / "empty.mp4"
    empty.touch()
    sound = folder / "sound.wav"
    with av.open(str(sound), "w") as target:
        stream = target.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        silence.sample_rate = 8000
        target.mux(stream.encode(silence))
    mixed = write_folder(
        folder / "mixed", [*frames[:2], frames[2][:40]], '{"format_version": 1, "rate_hz": 240}'
    )
    deep = write_folder(folder / "deep", frames[:2], '{"format_version": 1, "rate_hz": 240}')
    cv2.imwrite(str(deep / "1.png"), frames[1].astype(np.uint16) * 257)
    (folder / "bare").mkdir()
    typo = '{"format_version": 1, "rate_hz": 2, "rat_hz": 2}'
    half = write_folder(folder / "half", frames[:3], '{"format_version": 1, "rate_hz": 240}')
    (half / "1.png").write_bytes((half / "1.png").read_bytes()[:-700])
    return {
        "no such file": folder / "nothing.mp4",
        "is not a video": text,
        "is empty": empty,
        "'moov' part": cut(late, 0.6),
        "cut off": cut(mp4, 0.6),
        "s that it names": cut(mkv, 0.6),
        "is damaged": damaged,
        "no video stream": sound,
        r"2\.png: 64×40, but 0\.png is 64×48": mixed,
        r"1\.png: 16 bits": deep,
        "no PNG, JPEG or TIFF": folder / "bare",
        r"1\.png: the end of the file is missing": half,
        "rate is unknown": write_folder(folder / "unrated", frames[:2]),
        "unknown field 'rat_hz'": write_folder(folder / "typo", frames[:1], typo),
    }  # fmt: skip


def test_bad_inputs_are_named_in_one_line(tmp_path: Path) -> None:
    for message, path in bad_inputs(tmp_path).items():
        with pytest.raises(UserMistake, match=message) as caught:
            list(open_source(path, threads=2).frames())
        text = str(caught.value)
        assert "\n" not in text
        assert path.name in text


def test_varying_rate_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "v.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=100)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        for k, frame in enumerate(moving_texture(20)):
            image = av.VideoFrame.from_ndarray(frame, format="rgb24")
            image.pts, image.time_base = 10 * k + (40 if k > 12 else 0), Fraction(1, 1000)
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    with pytest.raises(UserMistake, match="frame rate varies"):
        open_source(tmp_path / "v.mkv")


def test_ten_bits_are_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "t.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=240)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p10le"
        for frame in moving_texture(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    with pytest.raises(UserMistake, match="10 bits per sample"):
        open_source(tmp_path / "t.mkv")


def test_a_folder_reads_in_the_order_of_numbers(tmp_path: Path) -> None:
    frames = moving_texture(12)
    folder = write_folder(tmp_path / "clip", frames)
    FolderSource(rate_hz=240.0, shutter_us=900.0).write(folder / "source.json")
    source = open_source(folder)
    assert (source.name, source.rate_hz, source.shutter_us) == ("clip", 240, 900.0)
    assert np.array_equal(np.stack(list(source.frames(2))), np.stack(frames[2:]))
    assert float(open_source(folder, rate_hz=120.0).rate_hz) == 120.0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((0, 1, 2, 7, 8), r"clip: frames 3 to 6 missing between '2\.png' and '7\.png'"),
        ((3, 5), r"clip: frame 4 missing between '3\.png' and '5\.png'"),
        (("1", "01", "2"), r"clip: two frames have one number, between '01\.png' and '1\.png'"),
    ],
)
def test_a_gap_in_the_numbers_is_refused(
    tmp_path: Path, names: tuple[object, ...], message: str
) -> None:
    folder = write_folder(tmp_path / "clip", [])
    for name in names:
        cv2.imwrite(str(folder / f"{name}.png"), moving_texture(1)[0])
    with pytest.raises(UserMistake, match=message):
        open_source(folder, rate_hz=240.0)


def test_names_without_a_running_number_are_taken_as_sorted(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "clip", [])
    for shade, name in enumerate(("12-59-58", "13-00-01", "13-00-02")):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((40, 40, 3), shade, np.uint8))
    frames = list(open_source(folder, rate_hz=240.0).frames())
    assert [int(frame[0, 0, 0]) for frame in frames] == [0, 1, 2]


def test_grey_frames_become_rgb(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "grey", [])
    grey = moving_texture(1)[0][..., 0]
    cv2.imwrite(str(folder / "0.png"), grey)
    frame = next(iter(open_source(folder, rate_hz=240.0).frames()))
    assert np.array_equal(frame, np.repeat(grey[..., None], 3, axis=2))


def record(key: bytes, kind: bytes, item_bytes: int, content: bytes) -> bytes:
    count = len(content) // item_bytes
    padding = bytes(-len(content) % 4)
    return key + kind + struct.pack(">BH", item_bytes, count) + content + padding


def test_gpmf_shutter() -> None:
    values = struct.pack(">3f", 0.001, 0.002, 0.0005)
    inner = record(b"STNM", b"c", 1, b"Exposure") + record(b"SHUT", b"f", 4, values)
    packet = record(
        b"DEVC", b"\0", 1, record(b"DVNM", b"c", 1, b"Cam") + record(b"STRM", b"\0", 1, inner)
    )
    assert is_gpmf(packet)
    assert shutters_us(packet) == pytest.approx((1000.0, 2000.0, 500.0), rel=1e-6)
    assert shutters_us(packet[:-4]) == ()  # cut short: what is incomplete is not guessed
    assert not is_gpmf(b"\0\0\0\0")


@pytest.mark.parametrize(
    ("kind", "item_bytes", "content"),
    [
        (b"f", 1, b"\0" * 7),
        (b"f", 0, b""),
        (b"f", 3, b"\0" * 9),
        (b"f", 4, struct.pack(">3f", float("nan"), float("inf"), -1.0)),
    ],
)
def test_a_shutter_that_makes_no_sense_is_not_read(
    kind: bytes, item_bytes: int, content: bytes
) -> None:
    count = len(content) // item_bytes if item_bytes else 3
    shut = b"SHUT" + kind + struct.pack(">BH", item_bytes, count) + content
    assert shutters_us(record(b"DEVC", b"\0", 1, shut + bytes(-len(shut) % 4))) == ()


def test_a_packet_of_endless_nesting_ends() -> None:
    packet = b""
    for _ in range(5000):
        packet = b"DEVC\0" + struct.pack(">BH", 4, min(len(packet) // 4, 65535)) + packet
    assert shutters_us(packet) == ()


@pytest.mark.parametrize("tag", ["1e999", "1e--3", "-5", "."])
def test_a_shutter_tag_that_makes_no_sense_is_not_read(tmp_path: Path, tag: str) -> None:
    path = write_ffv1(tmp_path / "a.mkv", moving_texture(3), comment=f"bsd shutter_us={tag}")
    assert open_source(path).shutter_us is None


@pytest.mark.parametrize(
    ("name", "frames", "least_us", "most_us"),
    [("karma.mp4", 362, 4870.3, 4870.3), ("max-heromode.mp4", 315, 599.2, 1007.8)],
)
def test_real_clips(
    real_data: Path, name: str, frames: int, least_us: float, most_us: float
) -> None:
    source = open_source(real_data / "video" / name, threads=2)
    assert source.rate_hz == Fraction(30_000, 1001)
    assert source.frame_count == frames
    assert source.shutter_us == pytest.approx(most_us, abs=0.1)
    assert sum(1 for _ in source.frames()) == frames


@pytest.mark.parametrize("rate_hz", [1e-9, 1e300])
def test_a_rate_that_no_camera_has_is_refused(tmp_path: Path, rate_hz: float) -> None:
    clip = write_ffv1(tmp_path / "clip.mkv", moving_texture(4), 240)
    with pytest.raises(UserMistake, match=r"give one from 0\.001"):
        open_source(clip, rate_hz)
