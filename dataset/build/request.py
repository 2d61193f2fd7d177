"""What a person asks of a build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from bsd.errors import UserMistake
from bsd.setting import Setting
from dataset.build.config import BuildConfig
from dataset.build.source import ClipSource
from dataset.publication.licence import DataLicence, data_licence
from dataset.splits import SPLITS, Split

WORK_NAME = ".build"
"""Folder in the output folder of what was found out about clips; may be removed at any time."""


@dataclass(frozen=True)
class BuildRequest:
    """A build.

    Attributes
    ----------
    sessions, calibrations
        Folders.
    out
        Folder of the trees, one for each setting.
    config
        How.
    settings
        Only these; empty: all.
    leave_out
        Clips that are not wanted.
    scenes
        Clip → scene, as a person names them.
    splits
        Scene or clip → split, as a person decides.
    licence
        Of the data, where it is published; None: only built.
    contact
        Whom users of the data may write to.
    terms
        The licence as it was read; `resolved` reads it.
    workers
        Cores to use. The files do not depend on it.
    """

    sessions: tuple[Path, ...]
    calibrations: tuple[Path, ...]
    out: Path
    config: BuildConfig
    settings: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    scenes: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, Split] = field(default_factory=dict)
    licence: str | None = None
    contact: str = ""
    terms: DataLicence | None = None
    workers: int = 1

    @property
    def memory(self) -> Path:
        """Where findings are remembered."""
        return self.out / WORK_NAME

    def resolved(self) -> Self:
        """The same with the licence read, and with settings as they are named everywhere.

        Raises
        ------
        UserMistake
            A setting or a licence that nobody can read.
        """
        return replace(
            self,
            settings=tuple(Setting.parse(each).name for each in self.settings),
            terms=None if self.licence is None else data_licence(self.licence),
        )


def parse_scenes(rules: Sequence[str]) -> dict[str, str]:
    """``CLIP=NAME`` rules; `UserMistake` for another form."""
    found = {}
    for rule in rules:
        clip, sign, name = rule.partition("=")
        if not sign or not clip or not name.strip():
            raise UserMistake(f"--scene {rule}: write CLIP=NAME, e.g. session/clip-030=street")
        found[clip] = name.strip()
    return found


def parse_splits(rules: Sequence[str]) -> dict[str, Split]:
    """``SCENE=SPLIT`` rules; `UserMistake` for another form."""
    found: dict[str, Split] = {}
    for rule in rules:
        scene, sign, split = rule.rpartition("=")
        if not sign or not scene or split not in SPLITS:
            raise UserMistake(
                f"--split {rule}: write SCENE=SPLIT with one of {', '.join(SPLITS)}; a scene is"
                " called by the name of its first clip, or as --scene named it"
            )
        if found.setdefault(scene, split) != split:
            raise UserMistake(f"--split {rule}: was given as {found[scene]} too")
    return found


def identities(names: Mapping[str, str], clips: Sequence[ClipSource]) -> dict[str, str]:
    """The same rules with whole identities instead of what a person typed.

    Raises
    ------
    UserMistake
        A name that no clip has, or several have.
    """
    found = {}
    for name, value in names.items():
        meant = [clip.identity for clip in clips if clip.is_called(name)]
        if len(meant) != 1:
            text = "no such clip" if not meant else f"may be {' or '.join(meant)}"
            raise UserMistake(f"--scene {name}={value}: {text}; name it as SESSION/clip-000")
        found[meant[0]] = value
    return found
