/* SPDX-License-Identifier: MIT */
/*
 * Timer1: a 48-bit count of ticks of 500 ns, and two pins that change by compare match.
 *
 * The inline functions are for interrupt handlers, or under chip_lock(): Timer1's 16-bit registers
 * share one TEMP byte.
 */
#ifndef TIMER_H
#define TIMER_H

#include "chip.h"

#define TIMER_TICK_NS 500
#define TIMER_TICKS_PER_MS 2000

/* 48 bits: 4.4 years of ticks. */
typedef struct {
    uint32_t low;
    uint16_t high;
} ticks_t;

extern volatile uint32_t timer_turns; /* overflows of the 16-bit counter */

void timer_begin(void);

/* Now, from anywhere. */
ticks_t timer_now(void);
uint32_t timer_count(void);

/* The full count that `stamp` was the low half of, less than 35 minutes ago. */
ticks_t timer_past(uint32_t stamp);

ticks_t ticks_sum(ticks_t ticks, uint32_t more);

INLINE uint16_t timer_tick(void) { return get16(TCNT1); }

/* Bits 16 to 31 of the count, `tick` just read; an overflow that waits for its handler counts. */
INLINE uint16_t timer_turn(uint16_t tick) {
    uint16_t turn = (uint16_t)timer_turns;
    if ((get(TIFR1) & MASK(TOV1)) && !(tick & 0x8000)) {
        turn++;
    }
    return turn;
}

/* Low 32 bits of the count. */
INLINE uint32_t timer_stamp(void) {
    const uint16_t tick = timer_tick();
    return (uint32_t)timer_turn(tick) << 16 | tick;
}

/* Channel 0 is OC1A (D9, blurry), channel 1 is OC1B (D10, sharp). What happens at its match: */
INLINE void timer_clear_at_match(uint8_t channel) {
    put(TCCR1A, get(TCCR1A) & (uint8_t)~(channel ? MASK(COM1B0) : MASK(COM1A0)));
}

INLINE void timer_set_at_match(uint8_t channel) {
    put(TCCR1A, get(TCCR1A) | (channel ? MASK(COM1B0) : MASK(COM1A0)));
}

/* The pin changes when the count steps from `tick` to the next. */
INLINE void timer_match_at(uint8_t channel, uint16_t tick) {
    if (channel) {
        put16(OCR1B, tick);
    } else {
        put16(OCR1A, tick);
    }
}

INLINE bool timer_matched(uint8_t channel) {
    return (get(TIFR1) & (channel ? MASK(OCF1B) : MASK(OCF1A))) != 0;
}

INLINE void timer_watch_matches(void) {
    put(TIFR1, MASK(OCF1A) | MASK(OCF1B));
    put(TIMSK1, MASK(TOIE1) | MASK(OCIE1A) | MASK(OCIE1B));
}

/* Pins of both channels as they are, each at its timer_pin(). */
INLINE uint8_t timer_pin(uint8_t channel) { return channel ? MASK(PINB2) : MASK(PINB1); }

INLINE uint8_t timer_levels(void) { return get(PINB) & (MASK(PINB1) | MASK(PINB2)); }

/* No match of either channel sets its pin any more. */
INLINE void timer_clear_at_matches(void) { put(TCCR1A, MASK(COM1A1) | MASK(COM1B1)); }

/* Both pins low now; no match sets or reports anything any more. */
INLINE void timer_force_low(void) {
    timer_clear_at_matches();
    put(TCCR1C, MASK(FOC1A) | MASK(FOC1B));
    put(TIMSK1, MASK(TOIE1));
    put(TIFR1, MASK(OCF1A) | MASK(OCF1B));
}

#endif
