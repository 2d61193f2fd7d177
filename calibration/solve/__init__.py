"""From a session's calibration clips to a calibration."""
