"""Whole sessions of the virtual rig without a running one: written as a capture writes them.

Light comes from the twin's renderer, noise from its sensors, files and journal from the product.
What stands still is rendered once. `twin_session` keeps what it made, by its parameters and the
code; never change what it returns, work on a `TwinSession.copy`.
"""

from tests.twin_session.making import twin_session
from tests.twin_session.session import TwinSession, truncate
from tests.twin_session.spec import SceneClip, Spec

__all__ = ["SceneClip", "Spec", "TwinSession", "truncate", "twin_session"]
