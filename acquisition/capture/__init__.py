"""``python -m acquisition.capture``: an operator records a session."""
