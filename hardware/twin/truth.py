"""The truth beside a session: for each pair a record and the noise-free pictures behind it.

A folder holds ``world.yaml``, and for each pair ``00000012.json`` (a `TruthRecord`) and, where they
are wanted, ``00000012.npz`` with ``blurry`` and ``sharp`` (what each sensor received, as it lies)
and ``truth`` (`Renderer.sharp_truth`), float32 light-seconds. Every file is written whole or not at
all, and nothing is kept in memory. Without a folder nothing is computed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bsd.document import Document, Part, atomic_path
from hardware.twin.light import light_seconds
from hardware.twin.optics import Region, camera_at, throughput
from hardware.twin.renderer import Renderer
from hardware.twin.world_config import Matrix, WorldConfig


class Window(Part):
    """One camera's true exposure of a pair.

    Attributes
    ----------
    frame_id
        As the camera delivered it.
    begin_ns, end_ns
        Light was collected in between, world time.
    light_seconds
        The lamps' exact integral over it.
    way_px
        The longest way of what stands in the middle of the view.
    throughput
        Share of the light that splitter and real ND filter pass.
    temperature_c
        Of the sensor.
    """

    frame_id: int
    begin_ns: int
    end_ns: int
    light_seconds: float
    way_px: float
    throughput: float
    temperature_c: float


class LayerOffset(Part):
    """Where C1 sees what C2 sees in the middle of its view, were this layer there.

    Attributes
    ----------
    layer
        Number in the world's list.
    distance_mm
        Of its centre from the rig's rest.
    offset_px
        C1's upright pixel minus the homography's: parallax and distortion; 0 for a shared lens.
    """

    layer: int
    distance_mm: float
    offset_px: tuple[float, float]


class TruthRecord(Document):
    """``NNNNNNNN.json``: what is true of one pair."""

    format: Literal["bsd-truth"] = "bsd-truth"
    format_version: Annotated[int, Field(ge=1, le=1)] = 1
    pair: int
    scene: int
    blurry: Window
    sharp: Window
    centre_offset_ns: float
    homography_c2_to_c1: Matrix
    mirror_1: str
    mirror_2: str
    layers: tuple[LayerOffset, ...]
    region_1: Region
    region_2: Region


class Exposure(Part):
    """What the caller knows of a camera's exposure."""

    frame_id: int
    begin_ns: int
    end_ns: int
    temperature_c: float = 25.0


def truth_record(
    renderer: Renderer,
    pair: int,
    blurry: Exposure,
    sharp: Exposure,
    regions: tuple[Region, Region],
) -> TruthRecord:
    """The record of a pair; geometry is that of the sharp exposure's middle."""
    world = renderer.world
    middle_ns = (sharp.begin_ns + sharp.end_ns) // 2
    homography = renderer.homography(middle_ns)
    return TruthRecord(
        pair=pair,
        scene=world.scene.number,
        blurry=_window(renderer, 1, blurry),
        sharp=_window(renderer, 2, sharp),
        centre_offset_ns=(sharp.begin_ns + sharp.end_ns - blurry.begin_ns - blurry.end_ns) / 2.0,
        homography_c2_to_c1=as_matrix(homography),
        mirror_1=world.view(1).mirror,
        mirror_2=world.view(2).mirror,
        layers=tuple(_offsets(renderer, homography, middle_ns)),
        region_1=regions[0],
        region_2=regions[1],
    )


def as_matrix(values: NDArray[np.float64]) -> Matrix:
    """A (3, 3) array as nested tuples."""
    rows = [(float(row[0]), float(row[1]), float(row[2])) for row in values]
    return (rows[0], rows[1], rows[2])


class TruthWriter:
    """Writes the truth of a session into a folder of its own.

    Parameters
    ----------
    folder
        Made where it does not exist.
    renderer
        Of the world that is being recorded.
    pictures
        Whether the noise-free pictures are written too (about 11 MB a pair at 640 × 480).
    """

    def __init__(self, folder: Path, renderer: Renderer, *, pictures: bool = True) -> None:
        self._folder = folder
        self._renderer = renderer
        self._pictures = pictures
        folder.mkdir(parents=True, exist_ok=True)
        world = renderer.world
        world.model_copy(update={"seed": renderer.seed}).write(folder / "world.yaml")

    def write(
        self,
        pair: int,
        blurry: Exposure,
        sharp: Exposure,
        *,
        seen: tuple[NDArray[np.float32], NDArray[np.float32]],
        regions: tuple[Region, Region],
    ) -> Path:
        """Write one pair; the record comes last, so that its pictures are there when it is.

        Parameters
        ----------
        pair
            Its number: names the files.
        blurry, sharp
            The true optical exposures.
        seen
            What the renderer gave for each camera, (H, W, 3) float32.
        regions
            Of C1 and C2, raw pixels.

        Returns
        -------
        Path
            Of the record.
        """
        if self._pictures:
            truth = self._renderer.sharp_truth(sharp.begin_ns, sharp.end_ns, regions[0])
            with atomic_path(self._folder / f"{pair:08d}.npz") as part, part.open("wb") as file:
                np.savez(file, blurry=seen[0], sharp=seen[1], truth=truth)
        path = self._folder / f"{pair:08d}.json"
        truth_record(self._renderer, pair, blurry, sharp, regions).write(path)
        return path


def read_pictures(record: Path) -> dict[str, NDArray[np.float32]]:
    """The pictures beside a record: ``blurry``, ``sharp``, ``truth``."""
    with np.load(record.with_suffix(".npz")) as stored:
        return {name: stored[name] for name in ("blurry", "sharp", "truth")}


def _window(renderer: Renderer, camera: int, exposure: Exposure) -> Window:
    world: WorldConfig = renderer.world
    span = (exposure.begin_ns, exposure.end_ns)
    return Window(
        frame_id=exposure.frame_id,
        begin_ns=exposure.begin_ns,
        end_ns=exposure.end_ns,
        light_seconds=light_seconds(world.light, *span),
        way_px=renderer.blur_px(*span, camera=camera),
        throughput=throughput(world, camera),
        temperature_c=exposure.temperature_c,
    )


def _offsets(
    renderer: Renderer, homography: NDArray[np.float64], time_ns: int
) -> list[LayerOffset]:
    size = camera_at(renderer.world, 2, time_ns).size_px
    middle = np.array([(size[0] - 1) / 2.0, (size[1] - 1) / 2.0])
    plain = homography @ [*middle, 1.0]
    offsets = []
    for number, layer in enumerate(renderer.scene.layers):
        offset = renderer.layer_map(number, middle, time_ns) - plain[:2] / plain[2]
        offsets.append(
            LayerOffset(
                layer=number,
                distance_mm=float(layer.plane(time_ns)[2, 2]),
                offset_px=(float(offset[0]), float(offset[1])),
            )
        )
    return offsets
