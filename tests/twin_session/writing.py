"""A session written as a capture writes it."""

from __future__ import annotations

from pathlib import Path

import yaml

from acquisition.guide.check import StepCheck, check_clip
from acquisition.guide.steps import Step, end_steps, start_steps
from acquisition.session.journal_entry import Consent, TakePlan
from acquisition.session.session import Session
from acquisition.session.take import Take
from bsd.setting import Setting
from hardware.twin.placing import Occasion
from tests.twin_session.bench import Bench
from tests.twin_session.filming import calibration_filming, scene_filming
from tests.twin_session.spec import Spec

OPERATOR = "A. Operator"


def write(folder: Path, spec: Spec) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    rig_file = folder.parent / "rig-of-the-session.yaml"
    rig = spec.rig()
    rig_file.write_text(yaml.safe_dump(rig.model_dump(mode="json", exclude_defaults=False)))
    asked = Setting.parse(spec.setting)
    with Session.create(
        folder, rig_file, operator=OPERATOR, name="session", consent=Consent(persons=False)
    ) as session:
        bench = Bench(session, spec)
        steps = start_steps(asked, spec.rate, rig, spec.guide())
        _guided(bench, [step for step in steps if step.name != "sync-equal"])
        for clip in spec.scenes:
            setting = Setting.parse(clip.setting or spec.setting)
            filming = scene_filming(spec, session.record.next_number, clip)
            take_plan = TakePlan(
                purpose="scene", frames=clip.frames, setting=setting.name,
                motion="hand shake" if clip.moves else "none",
            )  # fmt: skip
            bench.record(take_plan, setting, filming, clip.bookend, clip)
        if spec.end:
            _guided(bench, end_steps(asked, spec.guide()))
    rig_file.unlink()


def _guided(bench: Bench, steps: list[Step]) -> None:
    session, spec = bench.session, bench.spec
    for step in steps:
        if spec.lacks(step.purpose, step.name, step.when):
            continue
        told = Occasion(step.purpose, step.name, step.distance_mm)
        number = session.record.next_number
        filming = calibration_filming(spec, number, told, step.when, step.setting)
        take = bench.record(step.plan(), step.setting, filming)
        session.checked(step, take, _check(take, step) if spec.checked else StepCheck())


def _check(take: Take, step: Step) -> StepCheck:
    from acquisition.clip.reader import Clip

    with Clip(take.final) as clip:
        return check_clip(clip, step.purpose)
