"""``python -m acquisition.doctor``: what is missing on this machine or rig, and how to mend it."""

from __future__ import annotations

import sys

try:
    from dataclasses import asdict
    from pathlib import Path
    from typing import Annotated

    import typer

    from acquisition.health.finding import Finding, good
    from acquisition.health.table import print_findings
    from bsd import command, errors
except ImportError as missing:  # the doctor's own ground: nothing else can be looked at
    sys.stderr.write(
        f"error: {missing}; install the toolkit into this Python ({sys.executable} -m pip install"
        " -e . in the checkout), and run from a folder without packages of its names\n"
    )
    raise SystemExit(3) from None

app = command.application("What is missing on this machine or rig, and how to mend it.")


@app.command()
def main(
    port: Annotated[
        str | None,
        typer.Option("--port", metavar="PORT", help="The controller's port; else it is found."),
    ] = None,
    rig: Annotated[
        Path | None,
        typer.Option("--rig", metavar="FILE", help="Look at this rig's cameras and trigger, too."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> int:
    """Look at this machine and at the trigger controller. Exit code 1 where a fault was found.

    The controller is opened, which resets a board, unless another program holds its port.

    Example: python -m acquisition.doctor --rig rig.yaml
    """
    found = examine(port, rig=rig)
    if json:
        command.print_json({"good": good(found), "findings": [asdict(each) for each in found]})
    else:
        print_findings(found)
    return errors.EXIT_DONE if good(found) else errors.EXIT_FOUND_BAD


def examine(port: str | None, folder: Path | None = None, rig: Path | None = None) -> list[Finding]:
    """Everything that is looked at, in the order of the table.

    Parameters
    ----------
    port
        The controller's port; None to look for it.
    folder
        Where recordings would go; default the current folder.
    rig
        A rig's file: its producers are asked for its cameras, and its port is looked at where
        none is given.
    """
    from acquisition.health import machine, packages, producer
    from acquisition.health import rig as rigs

    where = folder or Path.cwd()
    of_rig: list[Finding] = []
    if rig is not None:
        of_rig, told = rigs.examine(rig)
        port = port or (told.trigger.port if told else None)
    return [
        *packages.examine(where),
        *machine.examine(where),
        *producer.examine(packages.installed_version("harvesters")),
        *of_rig,
        *_trigger(port),
    ]


def _trigger(asked: str | None) -> list[Finding]:
    from acquisition.health import controller
    from acquisition.health import port as ports

    found = ports.read_ports()
    if found is None:
        way = (
            "python -m pip install 'bsd-toolkit[acquisition]' (in a checkout: -e '.[acquisition]')"
        )
        what = "pyserial is not installed"
        return [Finding("serial ports", "fault" if asked else "warning", what, way)]
    path, undecided = ports.choice(found, asked)
    looked_at = next((each for each in found if each.path == path), None)
    if looked_at is None and path is not None:
        looked_at = ports.Port(path)
    listed = [ports.ports(found, asked)]
    listed.append(ports.modem_manager(ports.read_modem_manager(path), looked_at))
    if undecided is not None:
        listed.append(undecided)
    if path is None:
        return listed
    listed.append(ports.permission(path, ports.read_access(path)))
    if not good(listed):
        return listed
    listed.append(ports.busy(path, ports.read_holders(path)))
    return listed + (controller.examine(path) if good(listed) else [])


if __name__ == "__main__":
    command.run(app, "acquisition.doctor")
