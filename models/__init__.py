"""The networks: torch modules that take RGB frames in [-0.5, 0.5], know no file and no dataset."""
