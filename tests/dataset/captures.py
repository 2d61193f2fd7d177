"""Small captured datasets with every product, made by the real writer from seeded noise."""

import json

import numpy as np

from dataset.completion import described_tree, finish_tree
from dataset.description import DatasetDescription
from dataset.extras import PairExtras
from dataset.manifest import CaptureSource, ClipSource
from dataset.opening import held_tree, published
from dataset.publication.documents import put_document, write_documents
from dataset.publication.facts import (
    CameraFacts,
    GateLimit,
    PublicationFacts,
    SessionFacts,
    Tolerance,
)
from dataset.publication.licence import data_licence
from dataset.sequence_facts import BlurLengths, GateValue, LinearScale, SequenceFacts
from dataset.splits import assign
from dataset.writer import SequenceWriter

SIZE = (12, 16)
RAW = {"Blur": (14, 18), "Sharp": (20, 24)}
CALIBRATION = "3" * 64


def origin(clip, index):
    return CaptureSource(
        session="monday",
        clip=clip,
        clip_uuid=f"uuid-{clip}",
        clip_sha256="2" * 64,
        pulse=10 + index,
        row=5 + index,
        calibration_sha256=CALIBRATION,
    )


def pair(clip, index):
    """Blurry, sharp and extras of frame `index`: the same for the same clip, whoever asks."""
    generator = np.random.default_rng([ord(letter) for letter in clip] + [index])
    blurry, sharp = generator.integers(0, 256, (2, *SIZE, 3), np.uint8)
    extras = PairExtras(
        raw=tuple(generator.integers(0, 4096, size, np.uint16) for size in RAW.values()),
        cfas=("RGGB", "GBRG"),
        bits=12,
        linear=tuple(generator.integers(0, 65536, (2, *SIZE, 3), np.uint16)),
        masks=tuple(generator.random((2, *SIZE)) < 0.1),
    )
    return blurry, sharp, extras


def map_of(clip):
    generator = np.random.default_rng(ord(clip[0]))
    return generator.uniform(0, 20, (*RAW["Blur"], 2)).astype(np.float32)


def plan_of(clips, splits, frames, **options):
    fields = {
        "verb": "test",
        "toolkit": "1",
        "options": {"frames": frames, **options},
        "inputs": [{"clip": clip, "sha256": "2" * 64} for clip in sorted(clips)],
        "splits": splits.model_dump(mode="json")["sequences"],
    }
    return json.dumps(fields, indent=2) + "\n"


def facts_of(item, frames):
    blur = BlurLengths(median_px=3.0, p95_px=5.5, largest_px=7.25)
    return SequenceFacts(
        split=item.split,
        sequence=item.sequence,
        scene=item.scene,
        session="monday",
        clip=item.scene,
        clip_uuid=f"uuid-{item.scene}",
        clip_sha256="2" * 64,
        calibration_sha256=CALIBRATION,
        setting="2ms16ms",
        frames=frames,
        rate_hz=15.0,
        crop_px=(8, 4, 16, 12),
        white_balance=(1.5, 1.0, 1.25),
        white_dn=(3900.0, 4000.0, 3950.0),
        linear=LinearScale(counts_per_dn=16.0),
        blurry_blur_px=blur,
        gates=(GateValue(gate="ledger", passed=True, value=0, limit=0, unit="frames"),),
    )


def publication(described, **changes):
    fields = {
        "description": described,
        "licence": data_licence("CC-BY-4.0", "The makers"),
        "consent": "Everybody who can be seen agreed.",
        "setting": "2ms16ms",
        "sharp_us": 2000.0,
        "blurry_us": 16000.0,
        "optics": "shared lens",
        "nd_transmission": 0.125,
        "cameras": (CameraFacts(role="blurry", model="A|B", pixel_format="BayerRG12", bits=12),),
        "sessions": (SessionFacts(session="monday", clips=2, calibration_sha256=CALIBRATION),),
        "tolerances": (Tolerance(item="map RMS", value=0.0432, limit=0.1, unit="px", sigma=0.01),),
        "gate_limits": (GateLimit(gate="ledger", limit=0, unit="frames", why="no frame is lost"),),
        "options": {"demosaic": "malvar"},
        **changes,
    }
    return PublicationFacts(**fields)


def build(root, clips, frames=3, threads=1, extras=True, **options):
    """Build, resume or extend: what `dataset.build` does, without cameras; the state it met."""
    before = published(root)
    splits = assign(before.splits if before else None, [(clip, 1) for clip in clips])
    plan = plan_of(clips, splits, frames, **options)
    known = before.splits.sequences if before else ()
    new = [item for item in splits.sequences if item not in known]
    with held_tree(root, plan, growing=("inputs", "splits")) as state:
        if state == "finished":
            return state
        for item in new:
            with SequenceWriter(root, item.split, item.sequence, threads) as writer:
                if extras:
                    writer.put_map(map_of(item.scene), source_of(item.scene))
                for index in range(writer.frames_done, frames):
                    blurry, sharp, beside = pair(item.scene, index)
                    source = origin(item.scene, index)
                    writer.append(blurry, sharp, source, beside if extras else None)
        description = DatasetDescription(
            name="BSD test",
            kind="capture",
            rate_hz=15.0,
            licence="CC-BY-4.0",
            sequences=tuple(facts_of(item, frames) for item in new),
        )
        write_documents(root, publication(described_tree(root, description, splits)))
        put_document(root, "qc.html", b"<!doctype html>" + ",".join(sorted(clips)).encode())
        put_document(root, "qc/clip.png", b"picture")
        finish_tree(root, description, splits)
    return state


def source_of(clip):
    return ClipSource(
        session="monday",
        clip=clip,
        clip_uuid=f"uuid-{clip}",
        clip_sha256="2" * 64,
        calibration_sha256=CALIBRATION,
    )
