"""A session's folder and its journal."""
