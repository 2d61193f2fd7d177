"""What raw frames look like and what they tell: pure functions of arrays."""
