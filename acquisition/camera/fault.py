"""What goes wrong with a camera."""

from __future__ import annotations

from bsd.errors import EnvironmentFault


class CameraFault(EnvironmentFault):
    """A camera did not do what it was told."""


class CameraLost(CameraFault):
    """The camera, its producer or its process is gone; `CameraProcess.reconnect` may bring it."""


class CameraUnfit(CameraFault):
    """The camera lacks what a capture needs, or did not take a setting."""


class CameraStuck(CameraLost):
    """The camera's process did not answer in time and was ended."""
