"""One clip as blocks of an offline page: verdict, pictures, timeline, ledger, clocks, settings."""

from __future__ import annotations

from collections.abc import Iterator

from acquisition.clip.reader import Clip
from acquisition.inspect.clip_evidence import NAMES, clocks, ledger_tables, over_time
from acquisition.inspect.clip_inspection import (
    CameraInspection,
    ClipInspection,
    Rate,
    inspect_clip,
)
from acquisition.inspect.clip_picture import Studio, chosen_pairs
from acquisition.picture.measurement import PairMeasurement
from acquisition.rig import ROLES
from bsd.page import (
    Block,
    Column,
    Comparison,
    Details,
    Facts,
    Figure,
    FigureRow,
    Heading,
    KeyFigure,
    KeyFigures,
    Page,
    Paragraph,
    Picture,
    Table,
    grouped,
)
from bsd.provenance import toolkit_version

FOOTER = f"bsd-toolkit {toolkit_version()}. This file asks for nothing outside itself."


def clip_page(clip: Clip) -> Page:
    """The page of an open clip."""
    seen = inspect_clip(clip)
    attempt = f", attempt {seen.take}" if seen.take > 1 else ""
    page = Page(
        f"{seen.file}",
        f"{seen.purpose}, {seen.setting or 'no setting'} at {seen.rate_hz} fps, recorded"
        f" {seen.created_utc}{attempt}",
        footer=FOOTER,
    )
    page.add(_key_figures(seen), *_cautions(seen))
    page.add(Heading("Pictures"), *_pictures(clip))
    page.add(Heading("Timeline"), *over_time(clip, seen))
    page.add(Heading("Ledger"), *ledger_tables(seen))
    page.add(Heading("Rates and clocks"), *clocks(clip, seen))
    page.add(Heading("Cameras"), *_cameras(seen))
    page.add(Heading("Recording"), _facts(clip, seen))
    return page


def size_text(size_bytes: int) -> str:
    """Bytes for a person: ``138 MB``."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.3g} {name}"
    return f"{size_bytes} bytes"


def rate_text(rate: Rate | None) -> str:
    """Rate and jitter for a person."""
    if rate is None:
        return "not told"
    return f"{rate.rate_hz:.4f} fps, jitter {rate.jitter_us:.3g} µs rms"


def _key_figures(seen: ClipInspection) -> KeyFigures:
    lost = len(seen.losses)
    bookends = seen.pairs - seen.scene_pairs
    detail = f"{grouped(seen.scene_pairs)} of the scene, {bookends} of bookends"
    figures = [
        KeyFigure("Verdict", seen.verdict, tone="good" if seen.good else "bad"),
        KeyFigure("Pairs", grouped(seen.pairs), detail if bookends else ""),
        KeyFigure(
            "Rows without a pair",
            grouped(lost),
            f"of {grouped(seen.rows)}" if seen.rows else "the ledger is empty",
            tone="bad" if lost and seen.sync == "trigger" else "plain",
        ),
    ]
    if seen.pulses is not None:
        jitter = f"worst pulse {seen.pulses.worst_us:.3g} µs off an even train"
        figures.append(KeyFigure("Pulse rate", f"{seen.pulses.rate_hz:.6g} fps", jitter))
    figures.append(KeyFigure("Size", size_text(seen.size_bytes)))
    return KeyFigures(figures)


def _cautions(seen: ClipInspection) -> Iterator[Block]:
    if seen.sync == "none":
        yield Paragraph(
            "No trigger drove the cameras: no frame of one belongs to a frame of the other, and"
            " nothing here is a pair.",
            "warning",
        )
    if seen.verdict == "recovered":
        yield Paragraph(
            "The recording was killed and its frames were saved; nothing pairs them.", "warning"
        )
    for finding in seen.findings:
        yield Paragraph(finding, "note" if seen.good else "warning")


def _pictures(clip: Clip) -> Iterator[Block]:
    studio = Studio.of(clip)
    pairs = chosen_pairs(clip)
    if not pairs:
        yield from _single_views(clip, studio)
        return
    yield Paragraph(
        "Upright, half the size, balanced and brightened alike in both views, for the eye alone."
        " Drag across a picture; the lists choose what stands on each side. In the anaglyph, edges"
        " that do not coincide have coloured fringes; in the difference, equal views are grey."
    )
    for name, pair in pairs.items():
        made = studio.pictures(pair)
        yield Comparison(
            [
                Picture("C1, blurry", made.blurry),
                Picture("C2, sharp", made.sharp),
                Picture("anaglyph", made.anaglyph),
                Picture("difference", made.difference),
            ],
            f"The {name} pair, pulse {pair.pulse}.",
        )
    middle = pairs.get("middle", next(iter(pairs.values())))
    figure = Figure(
        studio.blinking(middle),
        f"Pulse {middle.pulse}, C1 and C2 in turn.",
        "Animated picture that shows the blurry and the sharp view in turn.",
    )
    yield Details("Blink: both views in turn", [figure])
    measured = {name: studio.measure(pair) for name, pair in pairs.items()}
    yield _light({f"{name}, pulse {pairs[name].pulse}": each for name, each in measured.items()})


def _single_views(clip: Clip, studio: Studio) -> Iterator[Block]:
    figures = []
    for role in ROLES:
        frames = clip.frames(role)
        if len(frames):
            middle = len(frames) // 2
            picture = studio.single(role, frames[middle])
            caption = f"{NAMES[role]}: frame {middle} of {len(frames)}, no partner claimed."
            figures.append(Figure(picture, caption, f"A frame of the {role} camera."))
    yield FigureRow(figures) if figures else Paragraph("No frame was stored.", "warning")


def _light(measured: dict[str, PairMeasurement]) -> Table:
    rows = []
    for name, pair in measured.items():
        for role, view in (("C1", pair.blurry), ("C2", pair.sharp)):
            ratio = pair.ratio.value if role == "C1" and pair.ratio is not None else None
            row = (name, role, 100 * view.level, 100 * view.clipped_share, view.focus, ratio)
            rows.append(row)
    columns = (
        Column("pair"),
        Column("view"),
        Column("mean level, % of full scale", ".1f"),
        Column("clipped, %", ".2f"),
        Column("focus score", ".2f"),
        Column("C1/C2, linear", ".3f"),
    )
    return Table(columns, rows, "Light and focus of these pairs, from the raw frames.")


def _cameras(seen: ClipInspection) -> Iterator[Block]:
    columns = (Column(""), *(Column(NAMES[role]) for role in ROLES))
    both = [seen.cameras[role] for role in ROLES]
    rows = [
        ("camera", *(camera.name or "not told" for camera in both)),
        ("serial number", *(camera.serial for camera in both)),
        ("frames", *(f"{camera.size}, {camera.pixel_format}" for camera in both)),
        ("stored", *(grouped(camera.stored) for camera in both)),
        ("temperature, begin → end", *(_warmth(camera) for camera in both)),
    ]
    yield Table(columns, rows, sortable=False)
    for role, camera in zip(ROLES, both, strict=True):
        for text in camera.without:
            yield Paragraph(f"{NAMES[role]}: {text}", "note")
    names = sorted({name for camera in both for name in camera.readback})
    if names:
        settings = [
            (name, *(_value(camera.readback.get(name)) for camera in both)) for name in names
        ]
        yield Details("Settings as read back", [Table(columns, settings)])


def _warmth(camera: CameraInspection) -> str:
    begin, end = ("?" if each is None else f"{each:.1f}" for each in camera.temperature_c)
    return "not told" if (begin, end) == ("?", "?") else f"{begin} → {end} °C"


def _value(value: object) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _facts(clip: Clip, seen: ClipInspection) -> Facts:
    head = clip.head
    told = {
        "session": head.session,
        "file": head.uuid,
        "asked": f"{head.frames_asked} frames and {head.bookend_frames} still ones at each end",
        "trigger": "none, free-running"
        if head.trigger is None
        else ", ".join(f"{name} {value}" for name, value in head.trigger.items()),
        "step": head.step,
        "distance": "" if head.distance_mm is None else f"{head.distance_mm:g} mm",
        "operator": head.operator,
        "motion": seen.motion,
        "light": head.light,
        "notes": seen.notes,
        "consent": head.consent,
        "compression": head.compression,
        "host clock": head.host_clock,
        "written by": f"bsd-toolkit {head.toolkit_version}",
    }
    return Facts([(name, text) for name, text in told.items() if text])
