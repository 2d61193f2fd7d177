/* SPDX-License-Identifier: MIT */
#include "chain.h"

#include <avr/io.h>

#include "pins.h"

void chain_begin(void) {
    DDRB |= PIN_SELECT | PIN_DATA | PIN_SHIFT;
    SPSR = _BV(SPI2X);
    SPCR = _BV(SPE) | _BV(MSTR); /* mode 0, most significant bit first */
}

static void shift(uint8_t byte) {
    SPDR = byte;
    while (!(SPSR & _BV(SPIF))) {
    }
}

/* The byte that goes out first ends in the register at the far end. */
void chain_send(const image_t *image) {
    shift(image->counter);
    shift(image->rows);
    shift(image->columns);
}
