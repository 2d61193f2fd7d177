"""What a camera offers to be set and read: features by kind, as data.

A feature has a name that consumers see and a key that says what it means to the camera; they
differ where an older camera has another name for the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Value = bool | int | float | str


@dataclass(frozen=True, kw_only=True)
class Feature:
    """What all kinds have.

    Attributes
    ----------
    name
        As the consumer sees it.
    tip
        One line for people.
    key
        What it means to the camera; its name where nothing is given.
    category
        Of the feature tree.
    access
        ``RO`` or ``RW``.
    may_lock
        Whether there are times at which it cannot be written.
    visibility
        Of GenApi.
    """

    name: str
    tip: str
    key: str = ""
    category: str = ""
    access: Literal["RO", "RW"] = "RW"
    may_lock: bool = False
    visibility: Literal["Beginner", "Expert", "Guru", "Invisible"] = "Beginner"

    @property
    def meaning(self) -> str:
        """The key, or the name that stands for it."""
        return self.key or self.name

    @property
    def initial(self) -> Value | None:
        """Value at power-up; None where the camera works it out."""
        return None


@dataclass(frozen=True, kw_only=True)
class Integer(Feature):
    """A whole number; limits narrower than these may hold at times."""

    default: int | None = None
    minimum: int = 0
    maximum: int = 2**31 - 1
    increment: int = 1
    unit: str = ""

    @property
    def initial(self) -> Value | None:
        """Value at power-up."""
        return self.default


@dataclass(frozen=True, kw_only=True)
class Real(Feature):
    """A number; the camera rounds it to a whole number of steps."""

    default: float | None = None
    minimum: float = 0.0
    maximum: float = 0.0
    step: float = 0.0
    unit: str = ""

    @property
    def initial(self) -> Value | None:
        """Value at power-up."""
        return self.default


@dataclass(frozen=True, kw_only=True)
class Choice(Feature):
    """One of several names, with the number of each."""

    entries: dict[str, int]
    default: str | None = None
    may_lack: bool = False
    """Whether there are times at which an entry is not available."""
    selects: tuple[str, ...] = ()

    @property
    def initial(self) -> Value | None:
        """Value at power-up: the first entry where nothing else is said."""
        return self.default or next(iter(self.entries))


@dataclass(frozen=True, kw_only=True)
class Switch(Feature):
    """On or off."""

    default: bool = False

    @property
    def initial(self) -> Value | None:
        """Value at power-up."""
        return self.default


@dataclass(frozen=True, kw_only=True)
class Action(Feature):
    """Something that the camera does when told."""


@dataclass(frozen=True, kw_only=True)
class Text(Feature):
    """Up to 63 characters that nobody can change."""

    default: str
    access: Literal["RO", "RW"] = "RO"

    @property
    def initial(self) -> Value | None:
        """Its value."""
        return self.default
