"""``python -m hardware.twin``: the virtual rig, behind a producer and a serial port."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bsd import command
from hardware.twin.board_process import Engine

if TYPE_CHECKING:
    from hardware.twin.supervisor import Ready
    from hardware.twin.world_config import WorldConfig
    from hardware.twin.world_options import Bits

log = logging.getLogger(__name__)
app = command.application(
    """Run a virtual rig: two cameras behind a GenTL producer, their trigger controller on a port.

    It writes the rig file when it is ready and runs until it is interrupted; in another terminal,
    `fault`, `change` and `status` speak to it; `picture` shows a world without running it.

    Example: [bold]python -m hardware.twin --rig-file rig.yaml --scene charuco[/bold]
    """
)

RigFile = Annotated[Path, typer.Option("--rig-file", help="The virtual rig's rig.yaml.")]
WorldFile = Annotated[Path | None, typer.Option("--world", help="world.yaml; else the default.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Replaces a field.")
]
Scene = Annotated[
    str | None, typer.Option("--scene", help="A ready scene: photographs, flat, dark, charuco, ...")
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.callback(invoke_without_command=True)
def twin(
    context: typer.Context,
    rig_file: Annotated[
        Path | None, typer.Option("--rig-file", help="Written when the rig is ready.")
    ] = None,
    world_file: WorldFile = None,
    scene: Scene = None,
    assignments: Assignments = None,
    truth: Annotated[
        Path | None, typer.Option(help="A new folder for the truth of every pair.")
    ] = None,
    truth_pictures: Annotated[
        bool, typer.Option(help="With noise-free pictures, about 11 MB a pair at 640 x 480.")
    ] = True,
    prepared: Annotated[
        float | None,
        typer.Option(metavar="FPS", min=1, help="Ready frames in real time, up to this rate."),
    ] = None,
    ahead: Annotated[
        int, typer.Option(min=2, help="Frames that may wait before board time stands still.")
    ] = 6,
    bits: Annotated[
        int, typer.Option(min=8, max=12, help="Of a sample, as rig.yaml asks for: 8, 10 or 12.")
    ] = 8,
    engine: Annotated[Engine, typer.Option(help="What runs the firmware.")] = Engine.AUTO,
    json: Json = False,
) -> None:
    """Run a virtual rig until it is interrupted."""
    if context.invoked_subcommand is not None:
        return
    if rig_file is None:
        raise typer.BadParameter("name the file to write: --rig-file rig.yaml")
    from hardware.live import stopped_by_signals
    from hardware.twin.supervisor import run_rig
    from hardware.twin.world_options import WorldOptions

    if bits not in (8, 10, 12):
        raise typer.BadParameter(f"--bits {bits}: 8, 10 or 12")
    options = WorldOptions(
        prepared_fps=prepared,
        truth=None if truth is None else str(truth.absolute()),
        truth_pictures=truth_pictures,
        ahead_frames=ahead,
        bits=cast("Bits", bits),
    )
    world = _world(world_file, scene, assignments)
    with stopped_by_signals() as stop:
        run_rig(
            rig_file.absolute(),
            world,
            options,
            engine=engine,
            stop=stop,
            ready=lambda ready: _tell(ready, rig_file, as_json=json),
        )


@app.command()
def fault(
    kind: Annotated[str, typer.Argument(help="Such as missed-trigger; `list` lists them.")],
    rig_file: RigFile,
    camera: Annotated[str | None, typer.Option(help="blurry or sharp.")] = None,
    assignments: Assignments = None,
) -> None:
    """Ask a running rig for a fault, now."""
    from bsd.document import parse_assignment
    from hardware.twin.control import ask
    from hardware.twin.faults_config import FAULTS, parse_fault
    from hardware.twin.rig_file import session_of
    from hardware.twin.session_folder import CONTROL_FILE

    if kind == "list":
        for name, model in FAULTS.items():
            command.out().print(f"{name:18}{(model.__doc__ or '').splitlines()[0]}", markup=False)
        return
    fields: dict[str, object] = dict(parse_assignment(text) for text in assignments or [])
    fields |= {"kind": kind} | ({} if camera is None else {"camera": camera})
    parse_fault(fields)
    ask(session_of(rig_file) / CONTROL_FILE, {"fault": fields})


@app.command()
def change(rig_file: RigFile, scene: Scene = None, assignments: Assignments = None) -> None:
    """Put something else before the cameras of a running rig: a target, the cap, other light."""
    from hardware.twin.control import ask
    from hardware.twin.rig_file import session_of
    from hardware.twin.session_folder import CONTROL_FILE

    request = {"scene": scene, "assignments": assignments or []}
    ask(session_of(rig_file) / CONTROL_FILE, request)


@app.command()
def place(
    rig_file: RigFile,
    picture: Annotated[
        list[str] | None,
        typer.Option(help="File, or name of a shipped photograph, for scenes (repeat)."),
    ] = None,
    shake: Annotated[
        float, typer.Option(min=0, help="The hand's turns before a scene, rms milliradians.")
    ] = 4.0,
    launcher: Annotated[
        Path | None, typer.Option(help="Write a script for --before-step, and do nothing else.")
    ] = None,
) -> None:
    """Put before the cameras what the clip needs that a capture is about to record.

    For its --before-step, which takes one program: [bold]place --rig-file rig.yaml --launcher
    place.sh[/bold] writes that. It reads the variables BSD_PURPOSE, BSD_STEP and so on.
    """
    import os

    from hardware.twin.placing import Told
    from hardware.twin.stagehand import put, write_launcher

    if launcher is not None:
        write_launcher(launcher, rig_file, picture or [], shake)
    else:
        put(rig_file, Told.of(os.environ, tuple(picture or []), shake))


@app.command()
def status(rig_file: RigFile, json: Json = False) -> None:
    """Tell how a running rig stands."""
    from hardware.twin.control import ask
    from hardware.twin.rig_file import session_of
    from hardware.twin.session_folder import CONTROL_FILE

    answer = ask(session_of(rig_file) / CONTROL_FILE, {"status": True})
    if json:
        command.print_json(answer)
        return
    say = command.out().print
    say(f"board time {answer['board_time_s']:.3f} s, now at {answer['speed']:.3g} of real time")
    for role, camera in answer["cameras"].items():
        say(
            f"{role} ({camera['serial']}): acquisition {camera['acquisition']},"
            f" {camera['exposed']} exposures, {camera['waiting']} wait for their pictures,"
            f" {camera['ignored']} triggers ignored"
        )


@app.command()
def picture(
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    world_file: WorldFile = None,
    scene: Scene = None,
    assignments: Assignments = None,
    at_s: Annotated[float, typer.Option(help="Middle of both exposures, world time.")] = 1.0,
    blurry_us: Annotated[float, typer.Option(min=1, help="Exposure of C1.")] = 16_000.0,
    sharp_us: Annotated[float, typer.Option(min=1, help="Exposure of C2.")] = 2_000.0,
) -> None:
    """Render one pair of a world and its truth, side by side, without running a rig."""
    from hardware.twin.plate import write_plate

    world = _world(world_file, scene, assignments)
    write_plate(out, world, at_s=at_s, exposures_us=(blurry_us, sharp_us))


def _world(path: Path | None, scene: str | None, assignments: list[str] | None) -> WorldConfig:
    from hardware.twin.studio import with_scene
    from hardware.twin.world_config import WorldConfig

    world = WorldConfig() if path is None else WorldConfig.read(path)
    return with_scene(world, scene).override(assignments or [])


def _tell(ready: Ready, rig_file: Path, *, as_json: bool) -> None:
    if as_json:
        command.print_json({**ready._asdict(), "rig_file": str(rig_file)})
        return
    say = command.out().print
    say(f"ready: {rig_file}; the firmware runs in the {ready.engine}", markup=False)
    if ready.pair_s is None:
        say("frames are prepared; time is real")
    else:
        say(f"a pair takes {ready.pair_s:.2f} s; while frames wait, the rig's time runs slower")
    say("next, in another terminal:")
    say(f"  python -m hardware.twin status --rig-file {rig_file}", markup=False)


if __name__ == "__main__":
    command.run(app, "hardware.twin")
