"""``python -m acquisition.capture``: record clips and calibration clips into a session."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bsd import command, errors

if TYPE_CHECKING:
    from acquisition.guide.step import GuideOptions

app = command.application("Record a session: scenes, and the clips that calibrate them.")

Policy = Literal["discard_clip", "mark", "abort"]
Purpose = Literal["scene", "bookend", "dark", "flat", "series", "colour", "target", "sync"]
When = Literal["start", "end"]


@app.command()
def main(
    rig: Annotated[Path, typer.Option("--rig", metavar="FILE", help="The rig's file.")],
    setting: Annotated[str, typer.Option("--setting", help="Exposures, such as 2ms16ms.")],
    out: Annotated[Path, typer.Option("--out", metavar="SESSION", help="New or begun session.")],
    clips: Annotated[int, typer.Option("--clips", min=1, help="Scenes to record.")] = 1,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Pairs of each scene.")] = 150,
    rate: Annotated[str, typer.Option("--rate", help="Frames per second.")] = "15",
    bookend: Annotated[
        int, typer.Option("--bookend", min=0, help="Still frames before and behind each scene.")
    ] = 5,
    purpose: Annotated[
        Purpose, typer.Option("--purpose", help="Calibration clips of one kind instead of scenes.")
    ] = "scene",
    step: Annotated[
        str | None, typer.Option("--step", metavar="NAME", help="One calibration clip.")
    ] = None,
    guided: Annotated[
        When | None, typer.Option("--guided", help="All calibration clips that are still due.")
    ] = None,
    when: Annotated[
        When, typer.Option("--when", help="Which end of the session --purpose and --step mean.")
    ] = "start",
    policy: Annotated[
        Policy, typer.Option("--policy", help="What the loss of a frame means.")
    ] = "discard_clip",
    retries: Annotated[
        int, typer.Option("--retries", min=0, help="How often a discarded take is tried again.")
    ] = 2,
    countdown: Annotated[
        int, typer.Option("--countdown", min=0, metavar="S", help="Seconds before each take.")
    ] = 0,
    motion: Annotated[str, typer.Option("--motion", help="Type of motion, for the clips.")] = "",
    light: Annotated[str, typer.Option("--light", help="What lights the scene.")] = "",
    notes: Annotated[str, typer.Option("--notes", help="Free words, for the clips.")] = "",
    operator: Annotated[
        str | None, typer.Option("--operator", help="Who records; default: the user's name.")
    ] = None,
    consent: Annotated[
        str | None, typer.Option("--consent", metavar="WHO", help="Persons seen, who consented.")
    ] = None,
    consent_how: Annotated[
        str, typer.Option("--consent-how", metavar="HOW", help="How, such as by a signed form.")
    ] = "",
    no_persons: Annotated[
        bool, typer.Option("--no-persons", help="State that no persons are recorded.")
    ] = False,
    licence: Annotated[
        str, typer.Option("--licence", help="Terms under which the material may be published.")
    ] = "",
    free_running: Annotated[
        bool, typer.Option("--free-running", help="Without a trigger; no pair is claimed.")
    ] = False,
    compress: Annotated[
        bool, typer.Option("--compress", help="Bitshuffle-LZ4: smaller, and slower.")
    ] = False,
    keep_discarded: Annotated[
        bool, typer.Option("--keep-discarded", help="Keep the frames of discarded takes.")
    ] = False,
    before_step: Annotated[
        Path | None,
        typer.Option("--before-step", metavar="PROGRAM", help="Is run before each clip."),
    ] = None,
    powered_minutes: Annotated[
        float | None,
        typer.Option("--powered-minutes", min=0, help="Since the cameras were switched on."),
    ] = None,
    near_mm: Annotated[
        float, typer.Option("--near-mm", min=1, help="Nearer distance of the target.")
    ] = 1500.0,
    far_mm: Annotated[
        float, typer.Option("--far-mm", min=1, help="Farther one: that of the scenes.")
    ] = 4000.0,
    rig_changed: Annotated[
        str | None, typer.Option("--rig-changed", metavar="WHY", help="Go on with another rig.")
    ] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option("--forget", metavar="CLIP", help="Take a clip out of the session."),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show both views in a browser while recording.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Record although the preflight finds a fault.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> int:
    """Record into a session: preflight, then scenes or calibration clips.

    Running the same command again goes on with the session. What a device did not deliver is
    never stored as a pair; a discarded take is tried again.

    Example: python -m acquisition.capture --rig rig.yaml --setting 2ms16ms --clips 3 --frames 150
    --no-persons --out my-session
    """
    from acquisition.capture.interrupt import Interrupt
    from acquisition.capture.order import calibration_steps, scene_order
    from acquisition.capture.page import CapturePage
    from acquisition.capture.prompt import Prompt
    from acquisition.capture.run import CaptureOptions, CaptureRun
    from acquisition.engine.apparatus import Apparatus
    from acquisition.engine.shoot import Shoot
    from acquisition.exposure import parse_rate
    from acquisition.guide.steps import due
    from acquisition.preview.process import PreviewProcess
    from acquisition.rig import Rig
    from acquisition.session.opening import open_session, stated_consent
    from bsd.setting import Setting

    described, exposures, rate_hz = Rig.read(rig), Setting.parse(setting), parse_rate(rate)
    prompt = Prompt(Prompt.has_keyboard() and not yes)
    apparatus = Apparatus(described, free_running)
    if not free_running:
        apparatus.plan(exposures, rate_hz)  # what is impossible is said before anything is opened
    is_scene = purpose in ("scene", "bookend") and step is None and guided is None
    stated = stated_consent(consent, consent_how, no_persons=no_persons)
    steps = []
    if not is_scene:
        steps = calibration_steps(
            None if free_running else described,
            rate_hz,
            exposures,
            guided=guided,
            purpose="" if purpose == "scene" else purpose,
            when=when,
            step=step,
            options=_distances(near_mm, far_mm),
        )
    elif stated is None:
        _require_consent(out)
    with ExitStack() as stack:
        session = stack.enter_context(
            open_session(
                out,
                rig,
                operator=operator,
                ask=lambda: prompt.text("operator:"),
                say=lambda line: prompt.say(line, "yellow"),
                consent=stated,
                licence=licence,
                rig_changed=rig_changed,
                forget=forget or [],
            )
        )
        shoot = Shoot(
            session,
            apparatus,
            rate_hz,
            policy=policy,
            keep_discarded=keep_discarded,
            compression="bitshuffle-lz4" if compress else "none",
        )
        scene = scene_order(
            exposures, frames, bookend, motion=motion, notes=notes, light=light, purpose=purpose
        )
        if guided is not None:
            steps = due(steps, session.record)
        options = CaptureOptions(retries, countdown, force, before_step, powered_minutes)
        interrupt = Interrupt()
        page = None
        if preview:
            process = stack.enter_context(PreviewProcess(apparatus.rings))
            prompt.say(f"preview: {process.url}")
            page = CapturePage(process, shoot, interrupt)
        stack.enter_context(apparatus)
        run = CaptureRun(shoot, exposures, prompt, interrupt, options, page=page)
        try:
            if is_scene:
                run.check([scene.pulses] * clips)
                run.scenes(clips, scene)
            else:
                run.check([each.frames for each in steps])
                run.steps(steps, notes=notes, light=light)
        finally:
            if json:
                command.print_json(run.as_fields())
            else:
                command.out().print(run.summary())
    return errors.EXIT_DONE


def _distances(near_mm: float, far_mm: float) -> GuideOptions:
    from pydantic import ValidationError

    from acquisition.guide.step import GuideOptions
    from bsd.document import first_fault

    try:
        return GuideOptions(near_mm=near_mm, far_mm=far_mm)
    except ValidationError as error:
        raise errors.UserMistake(f"--near-mm, --far-mm: {first_fault(error)}") from error


def _require_consent(out: Path) -> None:
    """Said before anything is made or started; the session itself refuses a scene without it."""
    from acquisition.session.document import SESSION_NAME
    from acquisition.session.record import SessionRecord

    begun = (out / SESSION_NAME).exists()
    if not begun or SessionRecord.read(out).consent is None:
        raise errors.UserMistake(
            f"{out}: a scene is recorded only with a statement on persons: say who"
            " consented and how (--consent, --consent-how), or --no-persons"
        )


if __name__ == "__main__":
    command.run(app, "acquisition.capture")
