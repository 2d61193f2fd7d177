/* SPDX-License-Identifier: MIT */
/*
 * The LED timing target: a clock that runs free from power-up and that cameras photograph.
 *
 * No interrupt does any work: after each edge of the latch the next image is worked out and shifted, and
 * the program sleeps. An image that came too late, which no known fault but a wrong clock can cause,
 * leaves the target dark until the watchdog starts it anew: it never shows a wrong time.
 */
#include <avr/io.h>
#include <avr/wdt.h>

#include "chain.h"
#include "latch.h"
#include "pattern.h"
#include "pins.h"

/* Before anything else: dark, and no watchdog of a former life. */
__attribute__((naked, used, section(".init3"))) static void safe(void) {
    PORTB = PIN_DARK;
    DDRB = PIN_DARK | PIN_LATCH;
    MCUSR = 0;
    wdt_disable();
}

static uint8_t is_jumper_closed(void) {
    return !(PIND & PIN_EQUALISE);
}

static void show_next(void) {
    latch_step(pattern_step_cycles());
    pattern_advance(is_jumper_closed());
    chain_send(pattern_image());
    while (latch_missed()) {
        PORTB |= PIN_DARK;
    }
    wdt_reset();
    latch_wait();
}

int main(void) {
    PORTD = PIN_EQUALISE; /* pull-up */
    chain_begin();
    wdt_enable(WDTO_30MS);
    pattern_begin(0);
    chain_send(pattern_image());
    latch_begin(pattern_step_cycles());
    latch_wait();
    PORTB &= (uint8_t)~PIN_DARK;
    for (;;) {
        show_next();
    }
}
