"""``python -m bsd WING VERB``: the same as ``bsd WING VERB``."""

from bsd.command import main

main()
