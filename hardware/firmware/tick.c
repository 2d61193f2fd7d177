/* SPDX-License-Identifier: MIT */
#include "tick.h"

#define TOP 124 /* 16 MHz / 1024 / 125 = 8 ms */

static volatile bool ticked;

void tick_begin(void) {
    ticked = false;
    put(TCCR0A, MASK(WGM01));
    put(TCCR0B, MASK(CS02) | MASK(CS00));
    put(OCR0A, TOP);
    put(TIMSK0, MASK(OCIE0A));
    const uint8_t lock = chip_lock(); /* the value must follow the change bit within four cycles */
    chip_kick();
    put(WDTCSR, MASK(WDCE) | MASK(WDE));
    /* Reset after 2048 cycles of 128 kHz: 16 ms. A pulse whose falling edge a dead CPU never armed ends
     * with it. Twice as long would be 32 ms, and more: the watchdog's oscillator may be a quarter slow. */
    put(WDTCSR, MASK(WDE));
    chip_unlock(lock);
}

HANDLER(TIMER0_COMPA_vect) {
    ticked = true;
    chip_wake();
}

bool tick_take(void) {
    const bool was = ticked;
    if (was) {
        ticked = false;
    }
    return was;
}
