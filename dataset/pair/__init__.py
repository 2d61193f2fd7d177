"""From two raw frames to an aligned pair."""
