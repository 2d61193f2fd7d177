"""Installs the documents of a dataset together: staged in ``.work/next``, then renamed one by one.

``dataset.json`` is staged last: where it stands in ``.work/next``, all other documents are whole
and the change is decided. Whatever kills the run from then on, installing goes on where it ended.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bsd.document import sync_folder, write_bytes
from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes, sha256_file
from dataset.description import DESCRIPTION_NAME
from dataset.layout import DOCUMENT_NAMES, NEXT_NAME, WORK_NAME, is_extra_document


def stage_path(root: Path, name: str) -> Path:
    """Where a document waits until it is installed; its folder is made."""
    path = root / WORK_NAME / NEXT_NAME / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def stage_document(root: Path, name: str, content: bytes) -> str:
    """Let a document be published with the dataset that is being written; its SHA-256.

    Parameters
    ----------
    root
        Of a dataset that `open_tree` opened.
    name
        ``datasheet.md``, ``LICENSE-DATA.txt``, ``qc.html`` or ``qc/NAME.{html,png,jpg,webp,json}``.
    content
        The file. The same name again replaces it.

    Raises
    ------
    UserMistake
        Another name, or nothing is being written there.
    """
    if not is_extra_document(name):
        raise UserMistake(f"{name}: not the name of a document that a dataset may have")
    if not (root / WORK_NAME).is_dir():
        raise UserMistake(f"{root}: no dataset is being written here, so {name} has no place")
    write_bytes(stage_path(root, name), content)
    return sha256_bytes(content)


def staged_documents(root: Path) -> dict[str, str]:
    """Name → SHA-256 of what `stage_document` was given, sorted."""
    folder = root / WORK_NAME / NEXT_NAME
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name: sha256_file(folder / name) for name in sorted(names) if is_extra_document(name)}


def is_decided(root: Path) -> bool:
    """Whether all documents are staged, and only remain to be installed."""
    return (root / WORK_NAME / NEXT_NAME / DESCRIPTION_NAME).exists()


def install_documents(root: Path) -> None:
    """Install what is staged, ``dataset.json`` last, and remove ``.work``."""
    folder = root / WORK_NAME / NEXT_NAME
    staged = [path for path in folder.rglob("*") if path.is_file()]
    names = sorted(path.relative_to(folder).as_posix() for path in staged)
    names = [name for name in names if name in DOCUMENT_NAMES or is_extra_document(name)]
    names.sort(key=lambda name: name == DESCRIPTION_NAME)
    sync_folder(folder)  # the decision is on the disk before anything is replaced
    for name in names:
        (root / name).parent.mkdir(exist_ok=True)
        if name == DESCRIPTION_NAME:
            sync_folder(root)
        (folder / name).replace(root / name)
        if "/" in name:
            sync_folder((root / name).parent)
    sync_folder(root)
    shutil.rmtree(root / WORK_NAME)
