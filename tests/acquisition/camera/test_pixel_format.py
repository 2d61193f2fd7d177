"""Pixel formats against the library that unpacks them."""

import numpy as np
import pytest
from harvesters.util import pfnc

from acquisition.camera.pixel_format import PIXEL_FORMATS, pixel_format
from bsd.errors import UserMistake

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", PIXEL_FORMATS)
def test_each_is_unpacked_to_what_it_says(name: str) -> None:
    """4 × 2 pixels, filled with ones, through harvesters."""
    form = pixel_format(name)
    assert name in pfnc.dict_by_names
    decoder = pfnc.Dictionary.get_proxy(name)
    samples = 4 * 2 * form.channels
    on_the_way = (
        samples * (1.25 if "10p" in name else 1.5) if form.packed else form.frame_bytes(4, 2)
    )
    if "10Packed" in name:
        on_the_way = samples * 1.5
    data = decoder.expand(np.full(int(on_the_way), 255, np.uint8))
    assert (data.dtype, data.size) == (np.dtype(form.dtype), samples)
    assert data.nbytes == form.frame_bytes(4, 2)
    if form.packed:
        assert data.max() == 2**form.bits - 1


def test_the_mosaic_is_in_the_name() -> None:
    assert pixel_format("BayerGB12p").cfa == "GBRG"
    assert pixel_format("BayerRG8").cfa == "RGGB"
    assert pixel_format("Mono12").cfa is None
    assert pixel_format("RGB8").frame_bytes(640, 480) == 921_600


@pytest.mark.parametrize("name", ["RGBa8", "YUV422_8", "BayerRG14", "bayerrg8", ""])
def test_others_are_refused_with_those_known(name: str) -> None:
    with pytest.raises(UserMistake, match=r"cannot be recorded; known: Mono8.*BayerRG12p"):
        pixel_format(name)
