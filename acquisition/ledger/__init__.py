"""Which frames belong to which pulse: pure functions of what the devices told."""
