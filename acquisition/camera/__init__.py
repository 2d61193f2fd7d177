"""GenICam cameras: one process each, configured for linear raw frames, read back and watched."""
