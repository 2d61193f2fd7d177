"""The documents that are published beside a captured dataset: datasheet, licence, pages."""

from __future__ import annotations

from pathlib import Path

from bsd.errors import UserMistake
from dataset.installation import stage_document
from dataset.layout import BUILD_NAME, DATASHEET_NAME, LICENCE_NAME
from dataset.publication.datasheet import datasheet
from dataset.publication.facts import PublicationFacts


def write_documents(root: Path, facts: PublicationFacts) -> dict[str, str]:
    """Let datasheet and licence be published with the dataset that is being written.

    Parameters
    ----------
    root
        Of a dataset that `open_tree` opened; `finish_tree` publishes what was staged.
    facts
        What they state.

    Returns
    -------
    Name → SHA-256.

    Raises
    ------
    UserMistake
        The description names another licence.
    """
    said = facts.description.licence
    if said != facts.licence.name:
        raise UserMistake(
            f"{root}: the description's licence is '{said}', the documents' is"
            f" '{facts.licence.name}'; they must be one"
        )
    return {
        DATASHEET_NAME: stage_document(root, DATASHEET_NAME, datasheet(facts).encode()),
        LICENCE_NAME: stage_document(root, LICENCE_NAME, facts.licence.text.encode()),
    }


def put_document(root: Path, name: str, content: bytes) -> str:
    """Let another document be published: ``qc.html`` or what lies in ``qc/``; its SHA-256.

    Raises
    ------
    UserMistake
        Another name, or nothing is being written there.
    """
    if name in {BUILD_NAME, DATASHEET_NAME, LICENCE_NAME}:
        raise UserMistake(f"{name}: is made from facts, not given")
    return stage_document(root, name, content)
