"""The calibration as a folder of files."""
