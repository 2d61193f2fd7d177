"""TIFF files: the same bytes again, read by two other programs, and never half a picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from bsd.errors import UserMistake
from dataset.tiff import TiffNote, decode_tiff, encode_tiff

pytestmark = pytest.mark.unit
GOLDEN = Path(__file__).with_name("golden") / "tiff-deflate"


def samples(shape, dtype, seed=0):
    high = np.iinfo(dtype).max + 1
    return np.random.default_rng(seed).integers(0, high, shape, dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (64, 7), (65, 33), (200, 30), (1, 1, 3), (129, 17, 3)])
def test_is_read_back_and_by_other_programs(tmp_path, shape, dtype):
    image = samples(shape, dtype)
    content = encode_tiff(image)
    again, note = decode_tiff(content, "x.tiff")
    assert (again.dtype, note) == (dtype, None)
    assert np.array_equal(again, image)
    (tmp_path / "x.tiff").write_bytes(content)
    assert np.array_equal(tifffile.imread(tmp_path / "x.tiff"), image)
    theirs = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if shape != (1, 1, 3):  # OpenCV gives a single pixel out as grey
        assert np.array_equal(theirs[..., ::-1] if image.ndim == 3 else theirs, image)


def test_same_samples_same_bytes_whatever_their_memory():
    image = samples((70, 40, 3), np.uint16)
    turned = np.asfortranarray(image)
    assert encode_tiff(image) == encode_tiff(turned) == encode_tiff(np.tile(image, 2)[:, :, :3])


def test_the_note_stands_in_the_description(tmp_path):
    note = TiffNote(cfa="BGGR", bits=12)
    content = encode_tiff(samples((8, 8), np.uint16), note)
    assert decode_tiff(content, "x")[1] == note
    (tmp_path / "x.tiff").write_bytes(content)
    with tifffile.TiffFile(tmp_path / "x.tiff") as file:
        assert file.pages[0].description == '{"format":"bsd-raw","cfa":"BGGR","bits":12}'
        assert "DateTime" not in file.pages[0].tags
        assert "Software" not in file.pages[0].tags


def test_no_cut_file_is_read():
    content = encode_tiff(samples((100, 20), np.uint16), TiffNote(cfa=None, bits=10))
    for length in range(len(content) - 1):
        with pytest.raises(UserMistake, match=r"x\.tiff: "):
            decode_tiff(content[:length], "x.tiff")


def test_no_changed_byte_of_the_directory_changes_a_sample_silently():
    """It is refused or says the same; of the samples themselves the manifest holds the hash."""
    image = samples((70, 9), np.uint16)
    content = encode_tiff(image, TiffNote(cfa="RGGB", bits=12))
    generator = np.random.default_rng(3)
    places = [*range(8), *range(8 + image.nbytes, len(content))]
    refused = 0
    for place in places:
        changed = bytearray(content)
        changed[place] ^= int(generator.integers(1, 256))
        try:
            found, _ = decode_tiff(bytes(changed), "x")
        except UserMistake:
            refused += 1
        else:
            assert np.array_equal(found, image)
    assert refused > 0.9 * len(places)


def test_deflated_files_of_earlier_versions_are_read():
    y, x = np.mgrid[:70, :36]
    mosaic = (64 + (x * 37 + y * 11) % 4000).astype(np.uint16)
    linear = np.stack([mosaic * 16, mosaic * 8 + 5, 65535 - mosaic], -1).astype(np.uint16)
    for name, wanted, note in (
        ("raw", mosaic, TiffNote(cfa="GBRG", bits=12)),
        ("linear", linear, None),
    ):
        content = (GOLDEN / f"{name}.tiff").read_bytes()
        found, said = decode_tiff(content, name)
        assert np.array_equal(found, wanted)
        assert said == note
        assert len(content) < wanted.nbytes  # else it would not be a test of compression
        for length in range(0, len(content) - 1, 41):
            with pytest.raises(UserMistake, match=f"{name}: "):
                decode_tiff(content[:length], name)


def test_samples_are_not_compressed():
    """A compressor's bytes were not the same every time: the file is the samples and a head."""
    image = samples((70, 40), np.uint16)
    content = encode_tiff(image, TiffNote(cfa="RGGB", bits=12))
    assert content[8 : 8 + image.nbytes] == image.tobytes()
    assert len(content) - image.nbytes < 300


def test_a_file_of_another_program_is_refused_in_one_line(tmp_path):
    tifffile.imwrite(tmp_path / "x.tiff", samples((8, 8), np.uint16))
    with pytest.raises(UserMistake, match=r"not a TIFF of this toolkit .*; restore") as caught:
        decode_tiff((tmp_path / "x.tiff").read_bytes(), "x.tiff")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "image", [np.zeros((2, 2), np.float32), np.zeros((0, 4), np.uint8), np.zeros((2, 2, 4), "u1")]
)
def test_what_is_no_frame_is_refused(image):
    with pytest.raises(ValueError, match="needs uint8 or uint16"):
        encode_tiff(image)
