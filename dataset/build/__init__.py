"""From recordings and their calibration to a dataset."""
