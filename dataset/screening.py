"""Checks the frames of whole sequences: they decode, have one size, and belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, groupby
from pathlib import Path

from bsd.document import PART_SUFFIX
from bsd.errors import UserMistake
from dataset.image import size_text
from dataset.layout import VIEWS, product_of
from dataset.manifest import Entry, SyntheticSource
from dataset.pairing import Block, Thumbnail, judge, swapped_frames, thumbnail
from dataset.png import TruncatedPng, read_png
from dataset.splits import SPLITS
from dataset.tree import SequenceFiles, sequence_of, unlike
from dataset.verification import Finding, Kind, PairingResult, Progress

_WHOLE_FRAMES = 128  # a plain tree is read in blocks of this length: bounds the memory
_SAMPLE_FRAMES, _SAMPLES = 12, 3  # where hashes hold the order already
Found = tuple[list[Finding], PairingResult]


def check_pairs(
    root: Path, entries: Sequence[Entry], bad: set[str], threads: int, progress: Progress
) -> tuple[list[Finding], tuple[PairingResult, ...]]:
    """Judge samples of each sequence of a manifest; sequences with a `bad` file are skipped."""
    sequences: list[SequenceFiles] = []
    single: dict[str, bool] = {}
    entries = [entry for entry in entries if product_of(entry.path) == "RGB"]
    for (split, name), group in groupby(entries, key=sequence_of):
        listed = list(group)
        blurry, sharp = (
            tuple(
                root / item.path
                for item in listed
                if item.path.startswith(f"{split}/{name}/{view}/")
            )
            for view in VIEWS
        )
        sequences += [
            SequenceFiles(known, name, None, blurry, sharp) for known in SPLITS if known == split
        ]
        single[f"{split}/{name}"] = all(_of_one_frame(item) for item in listed)
    shape = Counter(item.shape for item in entries).most_common(1)[0][0] if entries else None
    unreadable = {root / path for path in bad}

    def check(item: SequenceFiles) -> Found:
        if unlike(item) or unreadable & {*item.blurry, *item.sharp}:
            return [], _skipped(item)
        reader = _Reader(root, item, shape)
        return _judged(reader, _sampled(len(item)), single[f"{item.split}/{item.name}"])

    return _run(sequences, check, threads, progress)


def _of_one_frame(entry: Entry) -> bool:
    """Whether a blurry frame was made from one source frame, and so is the sharp one itself."""
    return isinstance(entry.source, SyntheticSource) and entry.source.frame_count == 1


def check_plain(
    root: Path, sequences: Sequence[SequenceFiles], threads: int, progress: Progress
) -> tuple[list[Finding], tuple[PairingResult, ...]]:
    """Decode every frame of a plain tree and judge each sequence as a whole."""
    shape = _common_shape(sequences)

    def check(item: SequenceFiles) -> Found:
        reader = _Reader(root, item, shape)
        findings = _foreign(root, item)
        if fault := unlike(item):
            where = f"{item.split}/{item.name}"
            findings.append(Finding(path=where, kind="count", text=fault))
            for path in (*item.blurry, *item.sharp):
                reader.read(path)
            return findings + reader.findings, _skipped(item)
        spans = [
            range(start, min(start + _WHOLE_FRAMES, len(item)))
            for start in range(0, len(item), _WHOLE_FRAMES)
        ]
        found, result = _judged(reader, spans)
        return findings + found, result

    return _run(sequences, check, threads, progress)


class _Reader:
    """Reads frames of one sequence; what is wrong with a file becomes a finding."""

    def __init__(self, root: Path, sequence: SequenceFiles, shape: tuple[int, ...] | None) -> None:
        self.root, self.sequence, self.shape = root, sequence, shape
        self.findings: list[Finding] = []
        self.swapped: list[tuple[int, int]] = []

    def read(self, path: Path) -> Thumbnail | None:
        try:
            image = read_png(path)
        except TruncatedPng as error:
            self._note(path, "truncated", str(error))
        except UserMistake as error:
            self._note(path, "damaged", str(error))
        else:
            if self.shape is None or image.shape == self.shape:
                return thumbnail(image)
            text = f"is {size_text(image.shape)} px, other frames are {size_text(self.shape)} px"
            self._note(path, "shape", text)
        return None

    def blocks(self, spans: Iterable[range]) -> Iterator[Block]:
        for span in spans:
            views = [
                [self.read(files[index]) for index in span]
                for files in (self.sequence.blurry, self.sequence.sharp)
            ]
            blurry, sharp = (tuple(item for item in view if item is not None) for view in views)
            if not self.findings:
                block = Block(span.start, blurry, sharp)
                self.swapped += swapped_frames(block)
                yield block

    def _note(self, path: Path, kind: Kind, text: str) -> None:
        text = text.removeprefix(f"{path}: ")
        self.findings.append(
            Finding(path=path.relative_to(self.root).as_posix(), kind=kind, text=text)
        )


def _judged(reader: _Reader, spans: Sequence[range], may_be_equal: bool = False) -> Found:
    item = reader.sequence
    blocks = reader.blocks(spans)
    first = next(blocks, None)
    pairing = None if first is None else judge(chain([first], blocks), may_be_equal)
    if pairing is None or reader.findings:
        return reader.findings, _skipped(item)
    result = PairingResult(
        split=item.split,
        sequence=item.name,
        verdict=pairing.verdict,
        offset=pairing.offset,
        gain=round(pairing.gain, 4),
        agreement=round(pairing.agreement, 4),
        detail_ratio=round(pairing.detail_ratio, 4),
        frames=pairing.frames,
        text=pairing.text,
    )
    findings = []
    where = f"{item.split}/{item.name}"
    if pairing.verdict not in {"ok", "undetermined"}:
        findings.append(Finding(path=where, kind="pairing", text=pairing.text))
    else:
        for one, other in reader.swapped:
            names = f"{item.sharp[one].name} and {item.sharp[other].name}"
            text = f"frames {names} have changed places in Blur or in Sharp"
            findings.append(Finding(path=where, kind="swapped", text=text))
    return findings, result


def _skipped(item: SequenceFiles) -> PairingResult:
    return PairingResult(
        split=item.split,
        sequence=item.name,
        verdict="undetermined",
        text="not compared: files are missing or damaged",
    )


def _sampled(count: int) -> list[range]:
    if count <= _SAMPLE_FRAMES * _SAMPLES:
        return [range(count)]
    last = count - _SAMPLE_FRAMES
    starts = [round(last * sample / (_SAMPLES - 1)) for sample in range(_SAMPLES)]
    return [range(start, start + _SAMPLE_FRAMES) for start in starts]


def _common_shape(sequences: Sequence[SequenceFiles]) -> tuple[int, ...] | None:
    """The shape that most sequences' first frames declare; None where no header can be read."""
    shapes: Counter[tuple[int, ...]] = Counter()
    for item in sequences:
        if item.blurry:
            with suppress(UserMistake):  # a damaged file is named when it is decoded
                shapes[item.shape] += 1
    return max(shapes, key=lambda shape: (shapes[shape], shape)) if shapes else None


def _foreign(root: Path, item: SequenceFiles) -> list[Finding]:
    """Files beside the frames that are none."""
    known = {*item.blurry, *item.sharp}
    folders = {path.parent for path in known}
    strangers = sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    return [
        Finding(path=path.relative_to(root).as_posix(), kind="extra", text="is not a frame")
        for path in strangers
        if path not in known and not path.name.endswith(PART_SUFFIX)
    ]


def _run(
    sequences: Sequence[SequenceFiles],
    check: Callable[[SequenceFiles], Found],
    threads: int,
    progress: Progress,
) -> tuple[list[Finding], tuple[PairingResult, ...]]:
    findings: list[Finding] = []
    results = []
    with ThreadPoolExecutor(threads) as pool, progress("pairing", len(sequences)) as advance:
        for found, result in pool.map(check, sequences):
            findings += found
            results.append(result)
            advance(1)
    return findings, tuple(results)
