/* SPDX-License-Identifier: MIT */
#include "latch.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

#include "pins.h"

/* RCLK is high for 1 us: over before the first bit is shifted, so that a driver whose latch is
 * transparent while the line is high does as well as a 74HC595. */
enum { HIGH_CYCLES = 16 };

static volatile uint8_t is_edge;

ISR(TIMER1_OVF_vect) {
    is_edge = 1;
}

void latch_begin(uint16_t step_cycles) {
    TCCR1B = _BV(WGM13) | _BV(WGM12);
    TCCR1A = _BV(COM1A1) | _BV(WGM11); /* mode 14; ICR1 can be written only now */
    ICR1 = step_cycles - 1;
    OCR1A = HIGH_CYCLES - 1;
    TCNT1 = 0;
    TIFR1 = _BV(TOV1);
    TIMSK1 = _BV(TOIE1);
    set_sleep_mode(SLEEP_MODE_IDLE);
    TCCR1B |= _BV(CS10);
}

void latch_wait(void) {
    is_edge = 0;
    sleep_enable();
    while (!is_edge) {
        sei(); /* takes effect after the next instruction: no edge can slip in between */
        sleep_cpu();
        cli();
    }
    sleep_disable();
}

void latch_step(uint16_t step_cycles) {
    ICR1 = step_cycles - 1;
}

uint8_t latch_missed(void) {
    return TIFR1 & _BV(TOV1);
}
