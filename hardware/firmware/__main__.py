"""``python -m hardware.firmware``: build an image, flash it, verify what a board holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bsd import command

app = command.application(
    "Build the firmware, write it to a board, verify a board.\n\n"
    "Example: python -m hardware.firmware flash --port /dev/ttyACM0"
)

ProgramName = Annotated[str, typer.Option("--program", help="controller or ledbar.")]
Port = Annotated[Path, typer.Option("--port", help="Serial port of the board.")]
BoardName = Annotated[str, typer.Option("--board", help="uno, nano or nano-old.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.command()
def build(
    program: ProgramName = "controller",
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the committed image; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compile the image with avr-gcc and renew the committed one.

    Example: python -m hardware.firmware build --check
    """
    from bsd.document import write_bytes
    from hardware.firmware import toolchain

    built = toolchain.build(program)
    image = toolchain.named_program(program).image
    if check:
        toolchain.compare(built)
    else:
        write_bytes(image, built.image)
    if as_json:
        command.print_json(
            {
                "program": program,
                "image": str(image),
                "flash_bytes": built.flash_bytes,
                "ram_bytes": built.ram_bytes,
                "same_as_committed": True,
            }
        )
        return
    flash_share = built.flash_bytes / toolchain.FLASH_BYTES
    ram_share = built.ram_bytes / toolchain.RAM_BYTES
    command.out().print(
        f"{image}: flash {built.flash_bytes} bytes ({flash_share:.0%}), "
        f"RAM {built.ram_bytes} bytes ({ram_share:.0%})" + (", as committed" if check else "")
    )


@app.command()
def flash(
    port: Port,
    board: BoardName = "uno",
    program: ProgramName = "controller",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Go on with an old Nano bootloader.")
    ] = False,
) -> None:
    """Write the committed image to a board through its bootloader.

    Example: python -m hardware.firmware flash --port /dev/ttyUSB0 --board nano
    """
    from hardware.firmware import toolchain

    image = toolchain.named_program(program).image
    toolchain.flash(image, port, board, old_bootloader=anyway)
    command.out().print(f"{port}: {image.name} written and read back")


@app.command()
def verify(port: Port, board: BoardName = "uno", program: ProgramName = "controller") -> None:
    """Compare what a board holds with the committed image.

    Example: python -m hardware.firmware verify --port /dev/ttyACM0
    """
    from hardware.firmware import toolchain

    image = toolchain.named_program(program).image
    toolchain.verify(image, port, board)
    command.out().print(f"{port}: holds {image.name}")


if __name__ == "__main__":
    command.run(app, "hardware.firmware")
