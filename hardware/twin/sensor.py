"""The sensor: light on its pixels → electrons → digital numbers.

For a pixel that receives H light-seconds over an exposure t at temperature T:

- photo-electrons  μ = H · S · (1 + PRNU), dark ones  d = t · D(T), D doubling every few degrees;
- collected  e ~ Poisson(μ + d), at most the full well;
- read  e' = e + DSNU + N(0, σ_r²);
- DN = black level + e' · G / K, rounded half up, within [0, 2^bits − 1].

S electrons per light-second, K electrons per DN of the delivered depth at 0 dB, G = 10^(dB/20).
Fixed patterns (PRNU, DSNU, hot pixels) lie on the silicon: they depend on seed and camera only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hardware.twin.optics import Region, whole
from hardware.twin.world_config import SensorConfig

Output = Literal["mosaic", "mono", "rgb"]
Frame = NDArray[np.uint16]

_REFERENCE_C = 25.0
_LUMA = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Pattern:
    """What is fixed in the silicon, each (H, W) float32.

    Attributes
    ----------
    response
        Relative sensitivity, mean 1, spread PRNU.
    offset_e
        DSNU in electrons, mean 0.
    dark_e_s
        Dark current at 25 °C, hot pixels included.
    """

    response: NDArray[np.float32]
    offset_e: NDArray[np.float32]
    dark_e_s: NDArray[np.float32]

    @classmethod
    def draw(cls, config: SensorConfig, seed: int, camera: int) -> Pattern:
        """Draw from ``SeedSequence([seed, camera])``."""
        shape = (config.height_px, config.width_px)
        generator = np.random.default_rng(np.random.SeedSequence([seed, camera]))
        response = 1.0 + config.prnu * generator.standard_normal(shape, dtype=np.float32)
        offset = config.dsnu_e * generator.standard_normal(shape, dtype=np.float32)
        hot = generator.random(shape, dtype=np.float32) < config.hot_share
        dark = np.where(hot, config.hot_current_e_s, config.dark_current_e_s)
        return cls(
            np.maximum(response, 0.0).astype(np.float32),
            offset.astype(np.float32),
            dark.astype(np.float32),
        )


class Sensor:
    """One camera's sensor.

    Parameters
    ----------
    config
        Its numbers.
    seed
        Of the world; with `camera` it decides the fixed patterns.
    camera
        1 or 2.
    """

    def __init__(self, config: SensorConfig, seed: int, camera: int) -> None:
        self.config = config
        self.pattern = Pattern.draw(config, seed, camera)

    def expose(
        self,
        irradiance: NDArray[np.float32],
        exposure_us: float,
        rng: np.random.Generator,
        *,
        gain_db: float = 0.0,
        black_level_dn: float | None = None,
        bits: int = 8,
        output: Output = "mosaic",
        temperature_c: float = _REFERENCE_C,
        region: Region | None = None,
        noise: bool | None = None,
    ) -> Frame:
        """One frame.

        Parameters
        ----------
        irradiance
            (H, W, 3) float32 light-seconds from the renderer, of `region`.
        exposure_us
            Collects dark current.
        rng
            From `frame_generator`: the frame's own noise.
        gain_db
            Of the amplifier before the converter.
        black_level_dn
            In DN of the delivered depth; the configuration's where none is given.
        bits
            8 to 16.
        output
            ``mosaic`` (Bayer RG by the sensor's own coordinates, or the plain sensor where it has
            no filters), ``mono`` (luminance) or ``rgb`` (both after a bilinear demosaic inside the
            camera).
        temperature_c
            Of the sensor.
        region
            Part of the sensor; all of it where none is given.
        noise
            Photon and read noise; the configuration's choice where none is given. Without it the
            frame is the rounded expectation, fixed patterns included.

        Returns
        -------
        array
            (H, W) or (H, W, 3) uint16.
        """
        region = region or whole(self.config)
        if irradiance.shape != (region.height, region.width, 3):
            raise ValueError(
                f"irradiance {irradiance.shape} does not fit the region"
                f" {region.height} × {region.width}"
            )
        noisy = self.config.noise if noise is None else noise
        light = self._filtered(irradiance, region)
        signal = self._read(light, exposure_us, temperature_c, region, rng if noisy else None)
        black = self.black_level_dn(bits) if black_level_dn is None else black_level_dn
        value = signal / np.float32(self.electrons_per_dn(bits, gain_db))
        if output != "mosaic":
            value = self._developed(value, region, output)
        return quantise(value + np.float32(black), bits)

    def electrons_per_dn(self, bits: int, gain_db: float = 0.0) -> float:
        """System gain K/G in electrons per DN at a depth and an amplification."""
        return float(self.config.gain_e_per_dn12 * 2.0 ** (12 - bits) / 10.0 ** (gain_db / 20.0))

    def black_level_dn(self, bits: int) -> float:
        """The configured black level in DN of a depth."""
        return float(self.config.black_level_dn12 * 2.0 ** (bits - 12))

    def temperature_c(self, time_ns: int) -> float:
        """Temperature at a time of the world, which begins with the cold start."""
        config = self.config
        grown = 1.0 - math.exp(-max(time_ns, 0) * 1e-9 / config.warmup_s)
        return config.ambient_c + config.warmup_c * grown

    def _filtered(self, irradiance: NDArray[np.float32], region: Region) -> NDArray[np.float32]:
        """What passes each pixel's colour filter, (H, W)."""
        if self.config.colour == "mono":
            return np.asarray(irradiance.mean(axis=2), dtype=np.float32)
        light = np.empty(irradiance.shape[:2], dtype=np.float32)
        for channel, (rows, columns) in _bayer(region):
            light[rows, columns] = irradiance[rows, columns, channel]
        return light

    def _read(
        self,
        light: NDArray[np.float32],
        exposure_us: float,
        temperature_c: float,
        region: Region,
        rng: np.random.Generator | None,
    ) -> NDArray[np.float32]:
        """Electrons that reach the converter, (H, W) float32."""
        config = self.config
        part = (
            slice(region.y, region.y + region.height),
            slice(region.x, region.x + region.width),
        )
        doublings = (temperature_c - _REFERENCE_C) / config.dark_doubling_c
        dark = self.pattern.dark_e_s[part] * np.float32(exposure_us * 1e-6 * 2.0**doublings)
        expected = np.maximum(light, 0.0) * np.float32(config.electrons_per_light_second)
        expected = expected * self.pattern.response[part] + dark
        collected = expected if rng is None else rng.poisson(expected).astype(np.float32)
        collected = np.minimum(collected, np.float32(config.full_well_e))
        signal = collected + self.pattern.offset_e[part]
        if rng is not None and config.read_noise_e > 0:
            read = rng.standard_normal(signal.shape, dtype=np.float32)
            signal = signal + np.float32(config.read_noise_e) * read
        return np.asarray(signal, dtype=np.float32)

    def _developed(
        self, value: NDArray[np.float32], region: Region, output: Output
    ) -> NDArray[np.float32]:
        if self.config.colour == "mono":
            return value if output == "mono" else np.repeat(value[..., None], 3, axis=2)
        rgb = demosaic(value, region)
        if output == "rgb":
            return rgb
        return np.asarray(rgb @ np.asarray(_LUMA, dtype=np.float32))


def frame_generator(seed: int, scene: int, camera: int, frame: int) -> np.random.Generator:
    """The noise of one frame: ``SeedSequence([seed, scene, camera, frame])``."""
    return np.random.default_rng(np.random.SeedSequence([seed, scene, camera, frame]))


def quantise(value: NDArray[np.float32], bits: int) -> Frame:
    """Round half up and saturate at 0 and 2^bits − 1."""
    rounded = np.floor(value + np.float32(0.5))
    return np.asarray(np.clip(rounded, 0, 2**bits - 1), dtype=np.uint16)


def demosaic(mosaic: NDArray[np.float32], region: Region) -> NDArray[np.float32]:
    """Bilinear demosaic of a Bayer RG mosaic, (H, W) → (H, W, 3) float32."""
    kernel = np.array([[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]], dtype=np.float32)
    known = np.zeros((*mosaic.shape, 3), dtype=np.float32)
    weight = np.zeros_like(known)
    for channel, place in _bayer(region):
        known[(*place, channel)] = mosaic[place]
        weight[(*place, channel)] = 1.0
    border = cv2.BORDER_REFLECT_101  # keeps the phase of the mosaic
    spread = cv2.filter2D(known, cv2.CV_32F, kernel, borderType=border)
    return np.asarray(spread / cv2.filter2D(weight, cv2.CV_32F, kernel, borderType=border))


def _bayer(region: Region) -> list[tuple[int, tuple[slice, slice]]]:
    """Channel and places of the four filters in a region: red where x and y are even."""
    filters = [(0, 0, 0), (1, 1, 0), (1, 0, 1), (2, 1, 1)]  # channel, x, y
    return [
        (channel, (slice((y - region.y) % 2, None, 2), slice((x - region.x) % 2, None, 2)))
        for channel, x, y in filters
    ]
