"""Sensor physics, image fidelity, and from calibration clips to a calibration bundle."""
