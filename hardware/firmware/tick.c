/* SPDX-License-Identifier: MIT */
#include "tick.h"

#define TOP 124      /* 16 MHz / 1024 / 125 = 8 ms */
#define PATIENCE 2   /* ticks: with the 8 ms to the next one still well within the watchdog's 32 ms */

static volatile bool ticked;
static uint8_t hungry;

void tick_begin(void) {
    ticked = false;
    hungry = 0;
    put(TCCR0A, MASK(WGM01));
    put(TCCR0B, MASK(CS02) | MASK(CS00));
    put(OCR0A, TOP);
    put(TIMSK0, MASK(OCIE0A));
    const uint8_t lock = chip_lock(); /* the value must follow the change bit within four cycles */
    chip_kick();
    put(WDTCSR, MASK(WDCE) | MASK(WDE));
    put(WDTCSR, MASK(WDE) | MASK(WDP0)); /* reset after 4096 cycles of 128 kHz: 32 ms */
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

/* See HOP in sequencer.c. Programs with hardly a calm moment (periods of a few ms) live by patience. */
void watchdog_step(bool calm, bool tick) {
    hungry += tick;
    if (calm || hungry >= PATIENCE) {
        chip_kick();
        hungry = 0;
    }
}
