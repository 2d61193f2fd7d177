"""The PSNR that the errors of a pair itself allow, predicted from a calibration."""
