"""Boards in pictures: their corners, in both views, to a fraction of a pixel."""
