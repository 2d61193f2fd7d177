"""Everything that would spoil a session, found before and while it is recorded."""
