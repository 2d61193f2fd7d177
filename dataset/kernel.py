"""How the inner loops are compiled: as those of `calibration.kernel`."""

from __future__ import annotations

from calibration.kernel import compiled

__all__ = ["compiled"]
