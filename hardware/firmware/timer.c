/* SPDX-License-Identifier: MIT */
#include "timer.h"

volatile uint32_t timer_turns;

void timer_begin(void) {
    timer_turns = 0;
    put(TCCR1B, 0); /* a bootloader may have left it running */
    timer_force_low();
    put(TIFR1, MASK(TOV1));
    put16(TCNT1, 0);
    put(TCCR1B, MASK(CS11)); /* normal mode, clock / 8 */
    put(PORTB, 0);
    put(DDRB, MASK(DDB1) | MASK(DDB2) | MASK(DDB5));
}

HANDLER(TIMER1_OVF_vect) { timer_turns++; }

uint32_t timer_count(void) {
    const uint8_t lock = chip_lock();
    const uint32_t count = timer_stamp();
    chip_unlock(lock);
    return count;
}

ticks_t timer_now(void) {
    const uint8_t lock = chip_lock();
    const uint32_t low = timer_stamp();
    uint32_t turns = timer_turns;
    chip_unlock(lock);
    if ((uint16_t)turns != (uint16_t)(low >> 16)) {
        turns++; /* the overflow that timer_stamp() saw waiting */
    }
    return (ticks_t){.low = low, .high = (uint16_t)(turns >> 16)};
}

ticks_t timer_past(uint32_t stamp) {
    const ticks_t now = timer_now();
    return (ticks_t){.low = stamp, .high = (uint16_t)(now.high - (stamp > now.low))};
}

ticks_t ticks_sum(ticks_t ticks, uint32_t more) {
    ticks.low += more;
    ticks.high += ticks.low < more;
    return ticks;
}
