/* SPDX-License-Identifier: MIT */
/*
 * Pins of the timing target: an ATmega328P at 16 MHz drives three 74HC595 in a chain.
 *
 *   PB0  D8   OE    output enable of all three, low active; a pull-up keeps the target dark in reset
 *   PB1  D9   RCLK  latch, made by Timer1 (OC1A)
 *   PB2  D10  -     not used; an output, or the SPI would leave master mode when it is pulled low
 *   PB3  D11  SER   data
 *   PB5  D13  SRCLK shift clock
 *   PD2  D2   jumper to ground: equalise
 */
#ifndef LEDBAR_PINS_H
#define LEDBAR_PINS_H

#include <avr/io.h>

enum {
    PIN_DARK = _BV(PB0),
    PIN_LATCH = _BV(PB1),
    PIN_SELECT = _BV(PB2),
    PIN_DATA = _BV(PB3),
    PIN_SHIFT = _BV(PB5),
    PIN_EQUALISE = _BV(PD2)
};

#endif
