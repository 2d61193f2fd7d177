"""A model in C of the ATmega328P's 16-bit timer, written after the datasheet (see `timer1.h`)."""
