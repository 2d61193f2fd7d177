"""What is stated where a tree is published: licence, contact, and whether persons can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes
from dataset.build.plan import PlannedConsent, PlannedSession, Publication, TreePlan
from dataset.build.published_tree import PublishedTree
from dataset.build.request import BuildRequest
from dataset.build.source import SessionSource
from dataset.layout import LICENCE_NAME
from dataset.publication.licence import LICENCES, DataLicence, data_licence


def check_statements(
    request: BuildRequest, sessions: Sequence[SessionSource], before: Mapping[str, PublishedTree]
) -> None:
    """Refuse at once what could only be refused when all work is done.

    Raises
    ------
    UserMistake
        A tree of another preset stands there, or one that is published otherwise; a session that
        is to be published says nothing on persons.
    """
    for tree in before.values():
        preset = tree.plan.options.get("preset")
        if preset != request.config.preset:
            raise UserMistake(
                f"{tree.root}: is of the preset {preset}; use another --out for"
                f" {request.config.preset}"
            )
    if request.terms is None:
        return
    for session in sessions:
        asked = {clip.setting for clip in session.clips if _is_asked(request, clip.setting)}
        for tree in (tree for tree in before.values() if tree.plan.setting in asked):
            planned_publication(request, tree)
        if asked and session.facts.persons is None:
            raise _unstated(session.facts.name)


def planned_publication(
    request: BuildRequest, before: PublishedTree | None
) -> tuple[Publication, ...]:
    """What was published stays published, under the licence that it was given.

    Raises
    ------
    UserMistake
        Another licence was asked for.
    """
    old = before.plan.publication if before else ()
    if request.terms is None:
        return old
    asked = Publication(
        licence=request.terms.name,
        text_sha256=_text_sha256(request.terms),
        contact=request.contact,
    )
    if not old or before is None:
        return (asked,)
    last = old[-1]
    if (last.licence, last.text_sha256) != (asked.licence, asked.text_sha256):
        text = f"{last.licence}, of another text" if last.licence == asked.licence else last.licence
        raise UserMistake(
            f"--licence {request.licence}: {before.plan.name} is published under {text}; what was"
            " given cannot be taken back, use another --out"
        )
    return (*old, asked) if asked.contact not in ("", last.contact) else old


def planned_consents(
    publication: Sequence[Publication],
    told: Sequence[PlannedSession],
    before: PublishedTree | None,
    sessions: Sequence[SessionSource],
) -> tuple[PlannedConsent, ...]:
    """What the sessions of a tree that is published state now; earlier statements stay.

    Raises
    ------
    UserMistake
        One says nothing, or is not given.
    """
    if not publication:
        return ()
    old = before.plan.consents if before else ()
    known = {each.session for each in old}
    given = {each.facts.session: each.facts for each in sessions}
    added = []
    for session in (each for each in told if each.session not in known):
        if session.session not in given:
            raise UserMistake(
                f"session {session.name}: nobody knows here whether persons can be seen; give it"
                " too, --session FOLDER, where its data is published"
            )
        persons = given[session.session].persons
        if persons is None:
            raise _unstated(session.name)
        added.append(PlannedConsent(session=session.session, persons=persons))
    return (*old, *added)


def consent_text(persons: Sequence[bool]) -> str:
    """The statement on persons for everybody to read.

    Parameters
    ----------
    persons
        Of each session whether they can be recognised. Who agreed, and how, may hold names in any
        form, and is not published.
    """
    if any(persons):
        return "persons are recorded; their consent is on record with the publisher"
    return "no persons are recorded"


def terms_of(request: BuildRequest, plan: TreePlan, root: Path) -> DataLicence:
    """The licence of a tree that is published: as asked for now, or as it stands there."""
    if request.terms is not None:
        return request.terms
    name = plan.publication[-1].licence
    if name in LICENCES:
        return data_licence(name)
    return DataLicence(name=name, url="", text=(root / LICENCE_NAME).read_text(encoding="utf-8"))


def _text_sha256(terms: DataLicence) -> str:
    return "" if terms.name in LICENCES else sha256_bytes(terms.text.encode())


def _is_asked(request: BuildRequest, setting: str | None) -> bool:
    return setting is not None and (not request.settings or setting in request.settings)


def _unstated(name: str) -> UserMistake:
    return UserMistake(
        f"session {name}: nobody stated whether persons can be seen, so it cannot be published;"
        " state it with acquisition.capture --no-persons or --consent"
    )
