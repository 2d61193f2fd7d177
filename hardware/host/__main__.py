"""``python -m hardware.host``: the controller's sources, built natively, behind a serial port."""

from __future__ import annotations

from bsd import command
from hardware.live_verb import (
    EdgesOption,
    EepromOption,
    GateOption,
    LinkOption,
    Live,
    ResetOption,
    SliceOption,
    SpeedOption,
    serve_until_interrupted,
)

app = command.application("")


@app.command()
def host(
    link: LinkOption = None,
    edges: EdgesOption = None,
    speed: SpeedOption = 1.0,
    slice_us: SliceOption = 200,
    reset_at_open: ResetOption = True,
    gate_closed: GateOption = False,
    eeprom: EepromOption = None,
) -> None:
    """Run the trigger controller's firmware, compiled for this machine, behind a serial port.

    It prints one line of JSON with the port when it is ready, and runs until it is interrupted.

    Example: python -m hardware.host --link trigger --edges edges.sock
    """
    from hardware.host.engine import hosted

    live = Live(link, edges, speed, slice_us, reset_at_open, gate_closed, eeprom)
    serve_until_interrupted("host", lambda memory: hosted(eeprom=memory), live)


if __name__ == "__main__":
    command.run(app, "hardware.host")
