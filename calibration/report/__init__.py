"""A page that shows a calibration."""
