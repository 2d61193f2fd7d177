"""Where manifest, splits and description of a dataset do not agree with one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from dataset.description import DESCRIPTION_NAME, DatasetDescription
from dataset.image import size_text
from dataset.layout import BUILD_NAME, MAP_NAME, VIEWS, Product, frame_path, product_of
from dataset.manifest import MANIFEST_NAME, Entry
from dataset.splits import SPLITS_NAME, Splits
from dataset.tree import sequence_of
from dataset.verification import Finding

_Contents = frozenset[Product | None]


def contradictions(
    entries: Sequence[Entry], description: DatasetDescription | None, splits: Splits | None
) -> list[Finding]:
    """Compare the documents of a dataset; one that could not be read is None.

    Parameters
    ----------
    entries
        Of the manifest, sorted by path.
    description, splits
        The other two.
    """
    findings = []
    frames: dict[tuple[str, str], int] = {}
    contents: set[_Contents] = set()
    for (split, name), group in groupby(entries, key=sequence_of):
        paths = {entry.path for entry in group}
        found = _counted(split, name, paths)
        frames[split, name], held = found
        contents.add(held)
        if _wanted(split, name, *found) != paths:
            text = f"{split}/{name}: blurry and sharp frames are not numbered 0 to N - 1 alike"
            findings.append(Finding(path=MANIFEST_NAME, kind="count", text=text))
    if len(contents) > 1:
        text = "not all sequences have the same products"
        findings.append(Finding(path=MANIFEST_NAME, kind="count", text=text))
    if splits is not None:
        findings += _unassigned(frames, splits)
    if description is not None:
        findings += _counts(frames, description)
        findings += _sizes(entries, (description.height_px, description.width_px))
    return findings


def _counted(split: str, name: str, paths: set[str]) -> tuple[int, _Contents]:
    count = sum(1 for path in paths if product_of(path) == "RGB") // len(VIEWS)
    held: set[Product | None] = {product for path in paths if (product := product_of(path))}
    if f"{split}/{name}/{MAP_NAME}" in paths:
        held.add(None)
    return count, frozenset(held)


def _wanted(split: str, name: str, count: int, held: _Contents) -> set[str]:
    wanted = {
        frame_path(split, name, view, index, product)
        for product in held
        if product is not None
        for view in VIEWS
        for index in range(count)
    }
    return wanted | ({f"{split}/{name}/{MAP_NAME}"} if None in held else set())


def _unassigned(frames: dict[tuple[str, str], int], splits: Splits) -> Iterator[Finding]:
    assigned = {(item.split, item.sequence) for item in splits.sequences}
    for split, name in sorted(assigned ^ frames.keys()):
        there, lacking = (
            (MANIFEST_NAME, SPLITS_NAME)
            if (split, name) in frames
            else (SPLITS_NAME, MANIFEST_NAME)
        )
        text = f"is in {there} but not in {lacking}"
        yield Finding(path=f"{split}/{name}", kind="splits", text=text)


def _counts(
    frames: dict[tuple[str, str], int], description: DatasetDescription
) -> Iterator[Finding]:
    for split, said in description.counts.items():
        found = [count for (where, _), count in frames.items() if where == split]
        if (said.sequences, said.frames) != (len(found), sum(found)):
            text = (
                f"{split}: {said.sequences} sequences, {said.frames} frames; the manifest has"
                f" {len(found)} and {sum(found)}"
            )
            yield Finding(path=DESCRIPTION_NAME, kind="count", text=text)
    for facts in description.sequences:
        count = frames.get((facts.split, facts.sequence), 0)
        if facts.frames != count:
            text = f"{facts.split}/{facts.sequence}: {facts.frames} frames, listed are {count}"
            yield Finding(path=DESCRIPTION_NAME, kind="count", text=text)
    plan = description.documents.get(BUILD_NAME, description.plan_sha256)
    if plan != description.plan_sha256:
        text = f"its hash of {BUILD_NAME} is not that of the plan"
        yield Finding(path=DESCRIPTION_NAME, kind="changed", text=text)


def _sizes(entries: Sequence[Entry], size: tuple[int, int]) -> Iterator[Finding]:
    """RAW files and maps have sizes of their own."""
    for entry in entries:
        if product_of(entry.path) in {"RGB", "Linear", "Mask"} and entry.shape[:2] != size:
            text = f"shape {entry.shape}, the dataset's frames are {size_text(size)} px"
            yield Finding(path=entry.path, kind="shape", text=text)
