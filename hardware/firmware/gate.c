/* SPDX-License-Identifier: MIT */
#include "gate.h"

static bool closed;
static bool seen;

static bool look(void) { return (get(PIND) & MASK(PIND2)) == 0; }

void gate_begin(void) {
    put(DDRD, get(DDRD) & (uint8_t)~MASK(DDD2));
    put(PORTD, get(PORTD) | MASK(PORTD2)); /* an open input reads high */
    for (uint8_t i = 0; i < 16; i++) {
        (void)look(); /* the pull-up charges the wire */
    }
    closed = look();
    seen = closed;
}

void gate_tick(void) {
    const bool now = look();
    if (now == seen) {
        closed = now;
    }
    seen = now;
}

bool gate_closed(void) { return closed; }
