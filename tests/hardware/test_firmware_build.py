"""The committed image is what its sources make, and it is small."""

import re
import shutil

import pytest

from bsd.errors import FoundBad
from hardware.firmware import toolchain

pytestmark = pytest.mark.rig

NEEDED = ("make", "avr-gcc", "avr-objcopy", "avr-size")


@pytest.fixture(scope="module")
def built() -> toolchain.Built:
    if missing := [tool for tool in NEEDED if shutil.which(tool) is None]:
        pytest.skip(f"{', '.join(missing)} missing: {toolchain.APT_COMPILER}")
    return toolchain.build("controller")


def test_rebuild_is_byte_identical(built: toolchain.Built) -> None:
    if "5.4.0" not in toolchain.compiler_version():
        pytest.skip("the committed image is made with Debian's avr-gcc 5.4.0")
    committed = toolchain.PROGRAMS["controller"].image.read_bytes()
    assert built.image == committed
    toolchain.compare(built)


def test_another_image_is_found(built: toolchain.Built) -> None:
    changed = toolchain.Built("controller", built.image[:-1], 0, 0)
    with pytest.raises(FoundBad, match=r"controller\.hex: differs"):
        toolchain.compare(changed)


def test_it_leaves_room_on_the_chip(built: toolchain.Built) -> None:
    assert built.flash_bytes < 12 * 1024
    assert built.ram_bytes < 1024  # half of it stays for the stack


def content(image: bytes) -> bytes:
    """The flash that an Intel HEX file describes, from address 0."""
    flash = bytearray()
    for text in re.findall(rb"^:(\w+)\r?$", image, re.MULTILINE):
        record = bytes.fromhex(text.decode())
        if record[3] == 0:
            assert int.from_bytes(record[1:3], "big") == len(flash)
            flash += record[4:-1]
    return bytes(flash)


def test_nothing_of_this_machine_is_in_the_image(built: toolchain.Built) -> None:
    flash = content(built.image)
    assert b"EVT " in flash
    for word in (b".c\0", b"/tmp", b"/home", b"/build", b"Jan", b":00:"):
        assert word not in flash


def test_pins_are_low_outputs_before_anything_else(built: toolchain.Built) -> None:
    """The vector of the reset jumps to CBI PORTB,1; CBI PORTB,2; SBI DDRB,1; SBI DDRB,2."""
    flash = content(built.image)
    words = [int.from_bytes(flash[i : i + 2], "little") for i in range(0, len(flash), 2)]
    assert words[0] & 0xF000 == 0xC000  # RJMP, counted from the next word
    start = 1 + (words[0] & 0xFFF)
    assert words[start : start + 4] == [0x9829, 0x982A, 0x9A21, 0x9A22]
