"""A camera as the server of the socket sees it, and how it refuses a call."""

from __future__ import annotations

from typing import ClassVar, Final, Protocol

from hardware.twin.frame import FrameSink

READONLY: Final = 2
CONTROL: Final = 3
EXCLUSIVE: Final = 4
"""Accesses that a consumer opens a device with."""


class Refused(Exception):
    """What a device raises to refuse a call; the consumer sees the GenTL code `status`."""

    status: ClassVar[int] = -1001


class AccessDenied(Refused):
    """The register cannot be read or written, or not now."""

    status = -1005


class DeviceBusy(Refused):
    """Somebody else has the device."""

    status = -1005


class NotAvailable(Refused):
    """There is no such device, or it is gone."""

    status = -1014


class InvalidAddress(Refused):
    """There is no register there."""

    status = -1015


class InvalidValue(Refused):
    """The register does not take this value."""

    status = -1019


class Device(Protocol):
    """A camera as the server sees it.

    `open` to `write` are called from the thread of the consumer's connection, `start_stream` and
    `stop_stream` from that of its stream: a device guards what both touch. A call is refused by
    raising a `Refused`.
    """

    @property
    def serial(self) -> str:
        """Serial number, at most 50 characters, its own among the devices."""

    @property
    def model(self) -> str:
        """Name of the model, at most 63 characters."""

    def xml(self) -> bytes:
        """The GenApi description; its port is named ``Device``."""

    def open(self, access: int) -> None:
        """Somebody takes the device, with one of `READONLY`, `CONTROL`, `EXCLUSIVE`."""

    def close(self) -> None:
        """Its owner lets go of it, or is gone."""

    def read(self, address: int, length: int) -> bytes:
        """Read `length` bytes of registers."""

    def write(self, address: int, data: bytes) -> None:
        """Write registers."""

    def start_stream(self, sink: FrameSink) -> None:
        """Frames go to `sink` from now on; send none before this call has returned."""

    def stop_stream(self) -> None:
        """Nobody takes frames any more."""
