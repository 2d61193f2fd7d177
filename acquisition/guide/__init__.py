"""The calibration clips of a session, one step after the other."""
