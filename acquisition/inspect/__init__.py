"""``python -m acquisition.inspect``: a clip or a session, looked at."""
