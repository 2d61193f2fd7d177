"""Controlled sources: still pictures moved along a hand's path, with known truth."""
