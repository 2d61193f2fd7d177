"""The renderer: a world, a camera and a window of time → noise-free light on the sensor."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsd.threads import available_cores
from hardware.twin import integration
from hardware.twin.integration import OVERSAMPLING, Image, Passes, Samples
from hardware.twin.light import light_seconds
from hardware.twin.optics import (
    Camera,
    Homography,
    Region,
    apply,
    camera_at,
    dust,
    homography_c2_to_c1,
    polarised_gain,
    throughput,
    vignetting,
    whole,
)
from hardware.twin.rays import sample_rays
from hardware.twin.scene import Layer, Scene
from hardware.twin.steps import step_bounds
from hardware.twin.world_config import WorldConfig

_KEPT_GRIDS = 3


class _Grid(NamedTuple):
    """What depends on a region of a camera, but not on the exposure."""

    samples: Samples
    shade: NDArray[np.float32]
    view: NDArray[np.float64]


class Renderer:
    """Renders what either camera's sensor receives, and the truth of a pair.

    One renderer may be asked from several threads at once.

    Parameters
    ----------
    world
        The configuration.
    seed
        Of textures, shakes and dust; the world's own where none is given.
    threads
        How many share a picture; the result does not depend on it.
    """

    def __init__(
        self,
        world: WorldConfig,
        seed: int | None = None,
        *,
        threads: int | None = None,
    ) -> None:
        self.world = world
        self.seed = world.seed if seed is None else seed
        self.scene = Scene(world, self.seed)
        self._threads = threads or available_cores()
        self._grids: OrderedDict[tuple[object, ...], _Grid] = OrderedDict()
        self._lock = threading.Lock()

    def irradiance(
        self, camera: int, begin_ns: int, end_ns: int, region: Region | None = None
    ) -> Image:
        """What a camera's sensor receives in a window of the world's time.

        Parameters
        ----------
        camera
            1 (blurry, C1) or 2 (sharp, C2).
        begin_ns, end_ns
            The optical exposure.
        region
            Part of the sensor in raw pixels, or all of it.

        Returns
        -------
        array
            (H, W, 3) float32, linear light-seconds in the camera's RGB, as the sensor lies (a
            reflected view is mirrored): a white surface under light 1 before an ideal camera
            gives the length of the window in seconds.
        """
        region = region or whole(self.world.sensor(camera))
        return self._render(camera, camera, begin_ns, end_ns, region)

    def sharp_truth(self, begin_ns: int, end_ns: int, region: Region | None = None) -> Image:
        """What C2 would receive if its pixels stood exactly where C1's are.

        C1's geometry and shading, C2's window, splitter share, filter, blur and colour; no dust,
        no ghost. Upright as C1 is after its mirror is undone; (H, W, 3) float32 light-seconds.
        `region` counts C1's raw pixels.
        """
        region = region or whole(self.world.sensor(1))
        return self._upright(self._render(1, 2, begin_ns, end_ns, region))

    def homography(self, time_ns: int) -> Homography:
        """H (3, 3) from upright C2 to upright C1, pixel centres at integers, (x, y)."""
        return homography_c2_to_c1(self.world, time_ns)

    def layer_map(
        self, layer: int, upright_c2: NDArray[np.float64], time_ns: int
    ) -> NDArray[np.float64]:
        """Upright C1 pixels (..., 2) of what C2 sees of a layer at upright pixels (..., 2).

        Exact for any optics, with distortion and parallax; counts layers as the world does.
        """
        here, there = (camera_at(self.world, camera, time_ns) for camera in (1, 2))
        to_1, to_2 = (self._from_ray(self.scene.layers[layer], c, time_ns) for c in (here, there))
        slopes = apply(np.asarray(np.linalg.solve(to_1, to_2)), there.rays(upright_c2))
        return here.pixels(slopes)

    def blur_px(self, begin_ns: int, end_ns: int, camera: int = 1) -> float:
        """The longest way, in pixels, of what stands in the middle of the view, over a window."""
        at = camera_at(self.world, camera, begin_ns)
        centre = at.rays(np.array([[(at.size_px[0] - 1) / 2.0, (at.size_px[1] - 1) / 2.0]]))
        times = np.linspace(begin_ns, end_ns, 33).round().astype(np.int64)
        way = 0.0
        for layer in self.scene.layers:
            poses = [self._from_ray(layer, at, int(t)) for t in times]
            hits = np.array(
                [apply(np.asarray(np.linalg.solve(pose, poses[0])), centre)[0] for pose in poses]
            )
            way = max(way, float(np.hypot(*np.diff(hits, axis=0).T).sum()) * at.focal_px)
        return way

    def _render(
        self, geometry: int, response: int, begin_ns: int, end_ns: int, region: Region
    ) -> Image:
        if end_ns <= begin_ns or not self.scene.layers:
            return np.zeros((region.height, region.width, 3), dtype=np.float32)
        middle_ns = (begin_ns + end_ns) // 2
        camera = camera_at(self.world, geometry, middle_ns)
        sigma = self.world.view(response).blur_sigma_px
        splitter = self.world.optics.splitter
        own = geometry == response
        ghost = splitter.ghost_share if own else 0.0
        shift = tuple(round(s * OVERSAMPLING) for s in splitter.ghost_shift_px) if ghost else (0, 0)
        margin = integration.sample_margin(sigma, max(abs(s) for s in shift) / OVERSAMPLING)
        grid = self._grid(geometry, camera, region, margin, own, middle_ns)
        passes = self._passes(response, camera, grid.view, begin_ns, end_ns)
        light = integration.integrate(grid.samples, passes, self._threads)
        image = integration.to_pixels(light, sigma, margin, (0, 0), self._threads)
        if ghost:
            double = integration.to_pixels(
                light, sigma, margin, (shift[0], shift[1]), self._threads
            )
            image += np.float32(ghost) * double
        image *= grid.shade[..., None] * np.float32(throughput(self.world, response))
        spectral = np.asarray(self.world.view(response).spectral, dtype=np.float32)
        return np.asarray(image @ spectral.T, dtype=np.float32)

    def _passes(
        self, response: int, camera: Camera, view: NDArray[np.float64], begin_ns: int, end_ns: int
    ) -> Passes:
        layers = self.scene.front_to_back((begin_ns + end_ns) // 2)

        def from_ray(time_ns: int) -> NDArray[np.float64]:
            return np.stack([self._from_ray(layer, camera, time_ns) for layer in layers])

        bounds = step_bounds(from_ray, view, camera.focal_px, begin_ns, end_ns)
        spans = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
        light = np.array([light_seconds(self.world.light, a, b) for a, b in spans])
        gains = [
            polarised_gain(self.world, response, layer.config.polarisation) for layer in layers
        ]
        place = np.stack([layer.texture.to_texel for layer in layers])
        to_texel = np.stack([place @ from_ray((a + b) // 2) for a, b in spans])
        weight = light[:, None] * np.asarray(gains)[None]
        pool = _Pool()
        first = np.empty(weight.shape, dtype=np.int64)
        for column, layer in enumerate(layers):
            if layer.leds is None:
                first[:, column] = pool.add(layer.texture.rgba)
                continue
            weight[:, column] = gains[column]  # the light is in the texels
            for step, (a, b) in enumerate(spans):
                first[step, column] = pool.add(
                    layer.leds.lit(layer.texture.rgba, float(light[step]), a, b)
                )
        size = [(*layer.texture.rgba.shape[:2], layer.texture.extent) for layer in layers]
        return Passes(
            to_texel.astype(np.float32),
            weight.astype(np.float32),
            pool.texels(),
            first,
            np.array(size, dtype=np.int64),
        )

    def _from_ray(self, layer: Layer, camera: Camera, time_ns: int) -> NDArray[np.float64]:
        return layer.from_ray(self.scene.rig.pose(time_ns), camera.pupil_mm, time_ns)

    def _grid(
        self, number: int, camera: Camera, region: Region, margin: int, own: bool, time_ns: int
    ) -> _Grid:
        """Rays and shading of a region; kept, since they change with the alignment's drift only.

        At most `_KEPT_GRIDS` are (40 MB each at 640 × 480, 120 MB at 1280 × 720).
        """
        dirty = own and self.world.optics.splitter.dust_spots > 0
        placed = np.concatenate([camera.to_image.ravel(), camera.to_ideal.ravel()])
        key = (number, region, margin, dirty, placed.round(9).tobytes())
        with self._lock:
            if key not in self._grids:
                self._grids[key] = self._make_grid(number, camera, region, margin, dirty, time_ns)
            self._grids.move_to_end(key)
            while len(self._grids) > _KEPT_GRIDS:
                self._grids.popitem(last=False)
            return self._grids[key]

    def _make_grid(
        self, number: int, camera: Camera, region: Region, margin: int, dirty: bool, time_ns: int
    ) -> _Grid:
        world = self.world
        samples = sample_rays(camera, region, margin, self._threads)
        y, x = np.mgrid[0 : region.height, 0 : region.width]
        raw = np.stack([x + region.x, y + region.y], axis=2).astype(np.float64)
        shade = vignetting(world, number, camera.upright(raw), time_ns).astype(np.float32)
        if dirty:
            shade *= dust(world, number, region, self.seed)
        corners = np.array([[x, y] for y in (0.0, 0.5, 1.0) for x in (0.0, 0.5, 1.0)])
        spread = corners * (region.width - 1, region.height - 1) + (region.x, region.y)
        return _Grid(samples, shade, camera.rays(camera.upright(spread)))

    def _upright(self, image: Image) -> Image:
        mirror = self.world.view(1).mirror
        if mirror == "none":
            return image
        return np.ascontiguousarray(image[:, ::-1] if mirror == "horizontal" else image[::-1])


class _Pool:
    """Textures one after another, as the kernel takes them."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.float32]] = []
        self._length = 0

    def add(self, rgba: NDArray[np.float32]) -> int:
        """Append a texture; where it begins."""
        first = self._length
        self._parts.append(rgba.reshape(-1, 4))
        self._length += len(self._parts[-1])
        return first

    def texels(self) -> NDArray[np.float32]:
        return np.concatenate(self._parts)
