"""``python -m acquisition.preview``: both views in a browser, and takes from there."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import typer

from bsd import command, errors

app = command.application("Look at both views in a browser, live, and record from there.")


@app.command()
def main(
    rig: Annotated[Path, typer.Option("--rig", metavar="FILE", help="The rig's file.")],
    setting: Annotated[str, typer.Option("--setting", help="Exposures.")] = "2ms16ms",
    rate: Annotated[str, typer.Option("--rate", help="Frames per second.")] = "15",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="SESSION", help="Takes go here; without it, only a look."),
    ] = None,
    take: Annotated[bool, typer.Option(help="Whether takes can be started.")] = True,
    bookend: Annotated[
        int, typer.Option("--bookend", min=0, help="Still frames before and behind each scene.")
    ] = 5,
    policy: Annotated[
        Literal["discard_clip", "mark", "abort"],
        typer.Option("--policy", help="What the loss of a frame means."),
    ] = "discard_clip",
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
    force: Annotated[
        bool, typer.Option("--force", help="Record although the preflight finds a fault.")
    ] = False,
    free_running: Annotated[
        bool, typer.Option("--free-running", help="Without a trigger; no pair is claimed.")
    ] = False,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others than this one are open.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 0,
    show: Annotated[bool, typer.Option("--open", help="Open the browser, too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the address as JSON.")] = False,
) -> int:
    """Serve the page until it, or Ctrl-C, ends it. The printed address holds the key: keep it.

    Example: python -m acquisition.preview --rig rig.yaml --setting 2ms16ms --no-persons
    --out my-session
    """
    import webbrowser

    from acquisition.capture.interrupt import Interrupt
    from acquisition.engine.apparatus import Apparatus
    from acquisition.engine.shoot import Shoot
    from acquisition.exposure import parse_rate
    from acquisition.preview.doorway import doorway
    from acquisition.preview.process import PreviewProcess
    from acquisition.preview.run import Drive, PreviewRun
    from acquisition.rig import Rig
    from acquisition.session.opening import open_session, stated_consent
    from bsd.setting import Setting

    described = Rig.read(rig)
    drive = Drive(Setting.parse(setting), parse_rate(rate), bookend, force)
    apparatus = Apparatus(described, free_running)
    if not free_running:
        apparatus.plan(drive.setting, drive.rate_hz)  # what is impossible is said at once
    with ExitStack() as stack:
        shoot = None
        if out is not None and take:
            session = stack.enter_context(
                open_session(
                    out,
                    rig,
                    operator=operator,
                    say=lambda line: command.err().print(line, style="yellow", markup=False),
                    consent=stated_consent(consent, consent_how, no_persons=no_persons),
                )
            )
            shoot = Shoot(session, apparatus, drive.rate_hz, policy=policy)
        page = stack.enter_context(PreviewProcess(apparatus.rings, host, port))
        _tell(page.url, public=page.is_public, as_json=json)
        if show:
            webbrowser.open(stack.enter_context(doorway(page.url)).as_uri())
        stack.enter_context(apparatus)
        interrupt = Interrupt()
        with interrupt.held():
            PreviewRun(apparatus, page, shoot, drive, interrupt).serve()
    return errors.EXIT_DONE


def _tell(url: str, *, public: bool, as_json: bool) -> None:
    import sys

    if as_json:
        command.print_json({"url": url})
    else:
        command.out().print(f"preview: {url}", markup=False)
    sys.stdout.flush()
    if public:
        command.err().print(
            "warning: other computers can reach this page, and nothing is encrypted",
            style="yellow",
        )


if __name__ == "__main__":
    command.run(app, "acquisition.preview")
