"""The host build: the firmware's C sources compiled natively over a model of the chip."""
