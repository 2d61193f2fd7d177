"""Codes, phases and packing of pixel formats, against bit-by-bit references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.twin.pixel_formats import PIXEL_FORMATS, pack_12p, phase_of, rephased

pytestmark = pytest.mark.unit


def packed_bit_by_bit(samples: list[int]) -> bytes:
    """12 bits a sample, the lowest bit first, eight to a byte."""
    bits = [sample >> bit & 1 for sample in samples for bit in range(12)]
    return bytes(
        sum(bit << place for place, bit in enumerate(bits[at : at + 8]))
        for at in range(0, len(bits), 8)
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4095), min_size=2, max_size=64).filter(lambda x: len(x) % 2 == 0))
def test_12p_has_the_lowest_bits_first(samples: list[int]) -> None:
    packed = pack_12p(np.array(samples, np.uint16))
    assert packed.tobytes() == packed_bit_by_bit(samples)


def test_12p_of_a_view_with_strides() -> None:
    whole = np.random.default_rng(1).integers(0, 4096, (6, 16)).astype(np.uint16)
    mirrored = whole[::-1, ::-1]
    assert pack_12p(mirrored).tobytes() == packed_bit_by_bit(mirrored.ravel().tolist())


def test_payload_sizes() -> None:
    sizes = {"Mono8": 3072, "BayerRG12": 6144, "BayerRG12p": 4608, "RGB8": 9216}
    assert {name: PIXEL_FORMATS[name].payload_bytes(64, 48) for name in sizes} == sizes


@pytest.mark.parametrize("known", PIXEL_FORMATS.values(), ids=list(PIXEL_FORMATS))
def test_codes_tell_the_bits_of_a_pixel(known: object) -> None:
    fmt = PIXEL_FORMATS[known.name]  # type: ignore[attr-defined]
    assert (fmt.code >> 16) & 0xFF == fmt.bytes_per_pixel * 8
    assert (fmt.code >> 24 == 2) == (fmt.output == "rgb")
    shape = (4, 8, 3) if fmt.output == "rgb" else (4, 8)
    assert fmt.pack(np.ones(shape, np.uint16)).nbytes == fmt.payload_bytes(8, 4)


def test_a_mirrored_mosaic_has_the_phase_that_is_told() -> None:
    mosaic = np.array([["R", "G"], ["G", "B"]])
    mosaic = np.tile(mosaic, (3, 4))
    for reverse_x in (False, True):
        for reverse_y in (False, True):
            seen = mosaic[:: -1 if reverse_y else 1, :: -1 if reverse_x else 1]
            assert "".join(seen[0, :2]) == phase_of(reverse_x, reverse_y)


def test_only_mosaics_change_their_name() -> None:
    assert rephased("BayerRG12p", "GB") == "BayerGB12p"
    assert rephased("BayerBG8", "RG") == "BayerRG8"
    assert rephased("Mono8", "GB") == "Mono8"


def test_bytes_that_need_no_change_are_not_copied() -> None:
    ready = np.zeros((48, 64), np.uint8)
    assert PIXEL_FORMATS["BayerRG8"].pack(ready) is ready
