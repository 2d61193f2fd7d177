"""Documents of a tree: measurements, quality page; where published, datasheet and licence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dataset.build.plan import TreePlan
from dataset.build.quality import left_out_pictures, picture_name, quality_page
from dataset.build.request import BuildRequest
from dataset.build.selection import Selection
from dataset.build.statement import consent_text, terms_of
from dataset.completion import described_tree
from dataset.description import DatasetDescription
from dataset.gate.limits import GateLimits
from dataset.publication.documents import put_document, write_documents
from dataset.publication.facts import (
    CameraFacts,
    GateLimit,
    PublicationFacts,
    SessionFacts,
    Tolerance,
)
from dataset.splits import Splits

PAGE_NAME = "qc.html"
BLUR_NAME = "qc/blur.json"


def put_documents(
    request: BuildRequest,
    selection: Selection,
    plan: TreePlan,
    description: DatasetDescription,
    splits: Splits,
) -> None:
    """Stage all documents of a tree whose sequences are written.

    Parameters
    ----------
    request, selection, plan
        Of the build.
    description, splits
        As for `finish_tree`.
    """
    root = request.out / plan.name
    described = described_tree(root, description, splits)
    blur = _blur(root, plan, selection)
    put_document(root, BLUR_NAME, (json.dumps(blur, indent=1) + "\n").encode())
    pictures = left_out_pictures(selection, plan.left_out, [root])
    for clip, each in pictures.items():
        for name, content in each.items():
            put_document(root, picture_name(clip, name), content)
    page = quality_page(root, plan, described, request.config, blur, pictures)
    put_document(root, PAGE_NAME, page.to_html().encode())
    if plan.publication:
        write_documents(root, publication_facts(request, plan, described))


def publication_facts(
    request: BuildRequest, plan: TreePlan, described: DatasetDescription
) -> PublicationFacts:
    """All that the datasheet tells."""
    published = plan.publication[-1]
    first = plan.sessions[0]
    return PublicationFacts(
        description=described,
        licence=terms_of(request, plan, request.out / plan.name),
        consent=consent_text([each.persons for each in plan.consents]),
        setting=plan.setting,
        sharp_us=plan.sharp_us,
        blurry_us=plan.blurry_us,
        optics=", ".join(dict.fromkeys(session.lens for session in plan.sessions)),
        nd_transmission=first.nd_transmission,
        cameras=tuple(
            CameraFacts(
                role=camera.role,
                model=camera.model,
                pixel_format=camera.pixel_format,
                bits=camera.bits,
            )
            for camera in first.cameras
        ),
        sessions=tuple(_session(plan, session.session) for session in plan.sessions),
        tolerances=tuple(
            Tolerance(**each.model_dump(), session=calibration.session)
            for calibration in plan.calibrations
            for each in calibration.tolerances
        ),
        gate_limits=_gate_limits(request.config.gates),
        options={name: _shown(value) for name, value in plan.options.items() if name != "gates"},
        contact=published.contact,
    )


def _session(plan: TreePlan, session: str) -> SessionFacts:
    clips = [clip for clip in plan.inputs if clip.session == session]
    told = next(each for each in plan.sessions if each.session == session)
    return SessionFacts(
        session=session,
        recorded_on=told.recorded_on,
        clips=len(clips),
        calibration_sha256=clips[0].calibration_sha256,
    )


def _gate_limits(limits: GateLimits) -> tuple[GateLimit, ...]:
    reasons = _reasons(GateLimits.__doc__ or "")
    return tuple(
        GateLimit(
            gate=name,
            limit=None if isinstance(value, bool) else float(value),
            unit=name.rpartition("_")[2] if name.endswith(("_px", "_percent")) else "",
            why=f"{_word(value)}{reasons.get(name, '')}",
        )
        for name, value in limits.model_dump().items()
    )


def _word(value: object) -> str:
    """Of a limit that is no number but yes or no."""
    if not isinstance(value, bool):
        return ""
    return "Yes. " if value else "No. "


def _reasons(text: str) -> dict[str, str]:
    """Field → its sentences in a numpy-style docstring."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.partition("----------")[2].splitlines():
        stripped = line.strip()
        if line.startswith("    ") and not line.startswith("     "):
            names = [name.strip() for name in stripped.split(",")]
        elif stripped:
            for name in names:
                found[name] = f"{found.get(name, '')} {stripped}".strip()
    return found


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _blur(root: Path, plan: TreePlan, selection: Selection) -> dict[str, Any]:
    """Sequence → pulses and blur of C1 and C2 in px; published ones as they were published."""
    path = root / BLUR_NAME
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    for clip in plan.inputs:
        name = f"{clip.split}/{clip.sequence}"
        if name in known or clip.identity not in selection.clips:
            continue
        facts = selection.clips[clip.identity].inspected.inspection.facts
        pulses = sorted(facts.blur_blurry_px)
        known[name] = {
            "pulse": pulses,
            "blurry_px": [round(facts.blur_blurry_px[each], 3) for each in pulses],
            "sharp_px": [round(facts.blur_sharp_px[each], 3) for each in pulses],
        }
    return known
