"""The LED timing target: firmware in C, and the pattern that it shows."""
