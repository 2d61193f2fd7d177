"""Rays of every sample of a region: `optics.Camera.rays` for millions of points."""

from __future__ import annotations

import numpy as np

from hardware.twin.integration import OVERSAMPLING, Samples, in_bands
from hardware.twin.optics import Camera, Region
from hardware.twin.sampling import Array, compiled

_NEWTON_STEPS = 8


def sample_rays(camera: Camera, region: Region, margin: int, threads: int) -> Samples:
    """Slopes of all samples of a region, float32 from float64 arithmetic.

    Sample k of a pixel's n lies at (k + ½)/n − ½ from the pixel's centre.

    Parameters
    ----------
    camera
        The geometry.
    region
        Raw pixels.
    margin
        Samples to add on every side.
    threads
        How many share the work.
    """
    columns = np.arange(-margin, region.width * OVERSAMPLING + margin)
    rows = np.arange(-margin, region.height * OVERSAMPLING + margin)
    raw_x = region.x + (columns + 0.5) / OVERSAMPLING - 0.5
    raw_y = region.y + (rows + 0.5) / OVERSAMPLING - 0.5
    # The mirror is undone on the axes: it only turns them round.
    x = camera.upright(np.stack([raw_x, np.zeros_like(raw_x)], axis=1))[:, 0]
    y = camera.upright(np.stack([np.zeros_like(raw_y), raw_y], axis=1))[:, 1]
    out_x = np.empty((len(y), len(x)), dtype=np.float32)
    out_y = np.empty_like(out_x)
    scale = np.array([[1.0, 0.0, -camera.centre_px[0]], [0.0, 1.0, -camera.centre_px[1]]])
    to_lens = np.vstack([scale / camera.focal_px, [0.0, 0.0, 1.0]]) @ camera.to_image
    to_pixels = np.diag([camera.focal_px, camera.focal_px, 1.0])
    to_pixels[:2, 2] = camera.centre_px
    to_slope = np.diag([1.0 / camera.ray_focal_px, 1.0 / camera.ray_focal_px, 1.0])
    to_slope[:2, 2] = -np.asarray(camera.ray_centre_px) / camera.ray_focal_px
    from_lens = to_slope @ camera.to_ideal @ to_pixels
    k1, k2 = camera.distortion

    def band(first: int, last: int) -> None:
        _trace(x, y[first:last], to_lens, from_lens, k1, k2, out_x[first:last], out_y[first:last])

    in_bands(band, len(y), threads)
    return Samples(out_x, out_y, margin)


@compiled
def _trace(
    x: Array, y: Array, h: Array, g: Array, k1: float, k2: float, out_x: Array, out_y: Array
) -> None:
    """Upright pixel → h → distortion undone → g → slope, for some rows."""
    for row in range(y.shape[0]):
        for column in range(x.shape[0]):
            w = h[2, 0] * x[column] + h[2, 1] * y[row] + h[2, 2]
            u = (h[0, 0] * x[column] + h[0, 1] * y[row] + h[0, 2]) / w
            v = (h[1, 0] * x[column] + h[1, 1] * y[row] + h[1, 2]) / w
            if k1 != 0.0 or k2 != 0.0:
                target = np.sqrt(u * u + v * v)
                r = target
                for _ in range(_NEWTON_STEPS):
                    r2 = r * r
                    excess = r * (1.0 + k1 * r2 + k2 * r2 * r2) - target
                    r -= excess / (1.0 + 3.0 * k1 * r2 + 5.0 * k2 * r2 * r2)
                if target > 0.0:
                    u *= r / target
                    v *= r / target
            w = g[2, 0] * u + g[2, 1] * v + g[2, 2]
            out_x[row, column] = (g[0, 0] * u + g[0, 1] * v + g[0, 2]) / w
            out_y[row, column] = (g[1, 0] * u + g[1, 1] * v + g[1, 2]) / w
