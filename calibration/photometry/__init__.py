"""What a sample says of the light: black level, linearity, flat field, colour, noise."""
