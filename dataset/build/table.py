"""The papers' table 1 of what was built: sequences × frames per split, size, rate, settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bsd.document import Part
from dataset.build.preset import Preset, Shape
from dataset.description import Count
from dataset.splits import SPLITS, Split


class BuiltTree(Part):
    """One row: a tree as it stands.

    Attributes
    ----------
    name, setting, rate_hz
        Of the tree.
    size
        Width and height, px.
    counts
        Sequences and pairs of each split.
    frames
        Split → lengths of its sequences, each once, ascending.
    """

    name: str
    setting: str
    rate_hz: float
    size: tuple[int, int]
    counts: dict[Split, Count]
    frames: dict[Split, tuple[int, ...]]

    @property
    def sequences(self) -> int:
        """Of all splits."""
        return sum(count.sequences for count in self.counts.values())

    @property
    def pairs(self) -> int:
        """Of all splits."""
        return sum(count.frames for count in self.counts.values())


HEADS: tuple[str, ...] = (
    "setting",
    "fps",
    "resolution",
    "train",
    "valid",
    "test",
    "sequences",
    "pairs",
)
"""What `row_of` gives."""


def built_tree(
    name: str,
    setting: str,
    rate_hz: float,
    size: tuple[int, int],
    sequences: Iterable[tuple[Split, int]],
) -> BuiltTree:
    """A row from (split, pairs) of each sequence."""
    lengths: dict[Split, list[int]] = {split: [] for split in SPLITS}
    for split, pairs in sequences:
        lengths[split].append(pairs)
    return BuiltTree(
        name=name,
        setting=setting,
        rate_hz=rate_hz,
        size=size,
        counts={
            split: Count(sequences=len(each), frames=sum(each)) for split, each in lengths.items()
        },
        frames={split: tuple(sorted(set(each))) for split, each in lengths.items()},
    )


def row_of(tree: BuiltTree) -> tuple[str, str, str, str, str, str, str, str]:
    """A row as text, in the order of `HEADS`: ``60 × 100`` is 60 sequences of 100 frames."""
    train, valid, test = (_cell(tree, split) for split in SPLITS)
    return (
        tree.setting,
        f"{tree.rate_hz:g}",
        f"{tree.size[0]} × {tree.size[1]}",
        train,
        valid,
        test,
        str(tree.sequences),
        str(tree.pairs),
    )


def asked_row(
    preset: Preset, shape: Shape, size: tuple[int, int]
) -> tuple[str, str, str, str, str, str, str, str]:
    """What is asked for of each setting, in the order of `HEADS`."""
    train, valid, test = (
        f"{size.sequences} × {size.frames}" if size.sequences else "–"
        for size in (shape.of(split) for split in SPLITS)
    )
    return (
        f"asked for ({preset.name}), each setting",
        ", ".join(preset.rates_hz),
        f"{size[0]} × {size[1]}",
        train,
        valid,
        test,
        str(shape.sequences),
        str(shape.pairs),
    )


def shortfall(shape: Shape, tree: BuiltTree) -> tuple[str, ...]:
    """What a tree lacks of what was asked for, one sentence each; empty where it is complete."""
    told = []
    for split in SPLITS:
        asked, count = shape.of(split), tree.counts[split]
        if count.sequences < asked.sequences:
            told.append(
                f"{tree.name}: {split} has {count.sequences} of {asked.sequences} sequences"
            )
        if short := [length for length in tree.frames[split] if length < asked.frames]:
            text = str(short[0]) if len(short) == 1 else f"{short[0]} to {short[-1]}"
            told.append(f"{tree.name}: {split} has sequences of {text} of {asked.frames} frames")
    return tuple(told)


def plain_table(rows: Sequence[Sequence[str]], heads: Sequence[str] = HEADS) -> str:
    """Columns of text for a terminal or a Markdown file."""
    whole = [list(heads), ["---"] * len(heads), *(list(row) for row in rows)]
    widths = [max(len(row[place]) for row in whole) for place in range(len(heads))]
    lines = []
    for row in whole:
        filler = "-" if row[0] == "---" else " "
        cells = [
            cell.replace("---", "").ljust(width, filler)
            for cell, width in zip(row, widths, strict=True)
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def totals(trees: Sequence[BuiltTree]) -> Mapping[str, int]:
    """Sequences and pairs of all trees together."""
    return {
        "sequences": sum(tree.sequences for tree in trees),
        "pairs": sum(tree.pairs for tree in trees),
    }


def _cell(tree: BuiltTree, split: Split) -> str:
    lengths = tree.frames[split]
    if not lengths:
        return "–"
    text = str(lengths[0]) if len(lengths) == 1 else f"{lengths[0]}…{lengths[-1]}"
    return f"{tree.counts[split].sequences} × {text}"
