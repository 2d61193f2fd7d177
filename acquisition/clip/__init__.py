"""The clip file: written frame by frame, sealed, recovered, read lazily."""
