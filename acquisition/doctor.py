"""``python -m acquisition.doctor``: what is missing on this machine or rig, and how to mend it."""

from __future__ import annotations

import sys

try:
    from dataclasses import asdict
    from pathlib import Path
    from typing import Annotated

    import typer

    from acquisition.health.finding import Finding, good
    from bsd import command, errors
    from bsd.phrase import counted
except ImportError as missing:  # the doctor's own ground: nothing else can be looked at
    sys.stderr.write(
        f"error: {missing}; install the toolkit into this Python ({sys.executable} -m pip install"
        " -e . in the checkout), and run from a folder without packages of its names\n"
    )
    raise SystemExit(3) from None

app = command.application("What is missing on this machine or rig, and how to mend it.")

_COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}


@app.command()
def main(
    port: Annotated[
        str | None,
        typer.Option("--port", metavar="PORT", help="The controller's port; else it is found."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> int:
    """Look at this machine and at the trigger controller. Exit code 1 where a fault was found.

    The controller is opened, which resets a board, unless another program holds its port.

    Example: python -m acquisition.doctor --port /dev/ttyACM0
    """
    found = examine(port)
    if json:
        command.print_json({"good": good(found), "findings": [asdict(each) for each in found]})
    else:
        _print(found)
    return errors.EXIT_DONE if good(found) else errors.EXIT_FOUND_BAD


def examine(port: str | None, folder: Path | None = None) -> list[Finding]:
    """Everything that is looked at, in the order of the table.

    Parameters
    ----------
    port
        The controller's port; None to look for it.
    folder
        Where recordings would go; default the current folder.
    """
    from acquisition.health import machine, packages, producer

    where = folder or Path.cwd()
    return [
        *packages.examine(where),
        *machine.examine(where),
        *producer.examine(packages.installed_version("harvesters")),
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


def _print(found: list[Finding]) -> None:
    console = command.out()
    width = max(len(each.name) for each in found)
    for each in found:  # plain columns: a path is never folded, whatever reads the output
        status = f"{each.status:7}"
        console.print(status, style=_COLOURS[each.status], end="  ")
        console.print(f"{each.name:{width}}  {each.what}", markup=False)
        if each.remedy:
            console.print(f"{'':{width + 9}}  → {each.remedy}", markup=False)
    faults = sum(each.status == "fault" for each in found)
    warnings = sum(each.status == "warning" for each in found)
    summary = f"{counted(faults, 'fault')}, {counted(warnings, 'warning')}"
    console.print(summary, markup=False)


if __name__ == "__main__":
    command.run(app, "acquisition.doctor")
