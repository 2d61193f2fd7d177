"""From trigger pulses and cameras to clip files."""
