/* SPDX-License-Identifier: MIT */
#include "timer1.h"

#include <stddef.h>

enum { MAXIMUM = 0xFFFF, FLAGS = TIMER1_TOV | TIMER1_OCFA | TIMER1_OCFB | TIMER1_ICF };
enum { ACTION_NONE, ACTION_TOGGLE, ACTION_CLEAR, ACTION_SET };
enum { FORCE_A = 0x80, FORCE_B = 0x40, HOLD_PRESCALER = 0x80, RESET_PRESCALER = 0x01 };

static unsigned mode(const timer1_t *timer) {
    return (unsigned)(timer->control_a & 3) | (unsigned)((timer->control_b >> 1) & 0x0C);
}

static int is_fast_pwm(const timer1_t *timer) {
    unsigned const now = mode(timer);
    return (now >= 5 && now <= 7) || now >= 14;
}

static int is_capture_top(const timer1_t *timer) {
    return mode(timer) == 12 || mode(timer) == 14;
}

static uint16_t top(const timer1_t *timer) {
    switch (mode(timer)) {
    case 4:
    case 15:
        return timer->match[0];
    case 12:
    case 14:
        return timer->capture;
    case 5:
        return 0x00FF;
    case 6:
        return 0x01FF;
    case 7:
        return 0x03FF;
    default:
        return MAXIMUM;
    }
}

/* CPU cycles of one tick, 0 where the timer stands still. */
static uint64_t tick_cycles(const timer1_t *timer) {
    static uint16_t const cycles[8] = {0, 1, 8, 64, 256, 1024, 0, 0};
    return cycles[timer->control_b & 7];
}

static unsigned action(const timer1_t *timer, int side) {
    return (timer->control_a >> (side == 0 ? 6 : 4)) & 3;
}

/* In fast PWM the code for "toggle" belongs to OC1A with a free top alone; else the port has the pin. */
static int is_connected(const timer1_t *timer, int side) {
    unsigned const what = action(timer, side);
    if (what == ACTION_TOGGLE && is_fast_pwm(timer)) {
        return side == 0 && mode(timer) >= 14;
    }
    return what != ACTION_NONE;
}

static uint8_t level_of(const timer1_t *timer, int side) {
    uint8_t const bit = (uint8_t)(2 << side);
    if (!(timer->ddrb & bit)) {
        return 0;
    }
    return is_connected(timer, side) ? timer->latch[side] : (timer->portb & bit) != 0;
}

static void tell_levels(timer1_t *timer, uint64_t cycle) {
    for (int side = 0; side < 2; side++) {
        uint8_t const level = level_of(timer, side);
        if (level != timer->pin[side]) {
            timer->pin[side] = level;
            if (timer->on_level) {
                timer->on_level(timer->context, side + 1, level, cycle);
            }
        }
    }
}

static uint8_t after_match(const timer1_t *timer, int side) {
    if (!is_connected(timer, side)) {
        return timer->latch[side];
    }
    switch (action(timer, side)) {
    case ACTION_TOGGLE:
        return !timer->latch[side];
    case ACTION_CLEAR:
        return 0;
    default:
        return 1;
    }
}

/* Fast PWM at bottom: the outputs begin anew and the compare registers take what was written. */
static void at_bottom(timer1_t *timer) {
    for (int side = 0; side < 2; side++) {
        if (action(timer, side) >= ACTION_CLEAR) {
            timer->latch[side] = action(timer, side) == ACTION_CLEAR;
        }
        timer->match[side] = timer->buffer[side];
    }
}

/* One tick. The comparators look at the count that ends: a match shows one tick after the count has
 * reached the compare register, and a write to TCNT1 in between takes it away. */
static void tick(timer1_t *timer, uint64_t cycle) {
    uint16_t const old = timer->count;
    uint16_t const limit = top(timer);
    int const pwm = is_fast_pwm(timer);
    int const is_top = old == limit && !timer->blocked;
    for (int side = 0; side < 2; side++) {
        if (old == timer->match[side] && !timer->blocked) {
            timer->flags |= side == 0 ? TIMER1_OCFA : TIMER1_OCFB;
            timer->latch[side] = after_match(timer, side);
        }
    }
    if (is_top && is_capture_top(timer)) {
        timer->flags |= TIMER1_ICF;
    }
    if (pwm ? is_top : old == MAXIMUM) {
        timer->flags |= TIMER1_TOV;
    }
    timer->count = is_top ? 0 : (uint16_t)(old + 1);
    timer->blocked = 0;
    if (pwm && timer->count == 0) {
        at_bottom(timer);
    }
    tell_levels(timer, cycle);
}

/* Ticks until the count leaves `value`, by way of top or of 0xFFFF; 0 where it never gets there. */
static uint32_t ticks_to_leave(const timer1_t *timer, uint16_t value) {
    uint32_t const limit = top(timer);
    uint32_t const turn = timer->count <= limit ? limit : MAXIMUM;
    if (value >= timer->count && value <= turn) {
        return (uint32_t)value - timer->count + 1;
    }
    return value <= limit ? turn - timer->count + 1 + value + 1 : 0;
}

static uint32_t nearer(uint32_t best, uint32_t ticks) {
    return ticks != 0 && ticks < best ? ticks : best;
}

void timer1_advance(timer1_t *timer, uint64_t cycle) {
    uint64_t const step = tick_cycles(timer);
    if (cycle <= timer->now) {
        return;
    }
    if (step == 0) {
        timer->now = cycle;
        return;
    }
    uint64_t done = (timer->now - timer->origin) / step;
    uint64_t const wanted = (cycle - timer->origin) / step;
    while (done < wanted) {
        uint32_t near = 1;
        if (!timer->blocked) {
            near = ticks_to_leave(timer, timer->count <= top(timer) ? top(timer) : MAXIMUM);
            near = nearer(near, ticks_to_leave(timer, timer->match[0]));
            near = nearer(near, ticks_to_leave(timer, timer->match[1]));
        }
        if (wanted - done < near) {
            timer->count = (uint16_t)(timer->count + (wanted - done));
            break;
        }
        timer->count = (uint16_t)(timer->count + (near - 1));
        done += near;
        timer->now = timer->origin + done * step;
        tick(timer, timer->now);
    }
    timer->now = cycle;
}

static int match_changes(const timer1_t *timer, int side) {
    uint8_t const flag = side == 0 ? TIMER1_OCFA : TIMER1_OCFB;
    return !(timer->flags & flag) || after_match(timer, side) != timer->latch[side];
}

/* At the turn from top (or 0xFFFF) to zero. */
static int turn_changes(const timer1_t *timer) {
    uint8_t const wanted = is_capture_top(timer) ? TIMER1_TOV | TIMER1_ICF : TIMER1_TOV;
    return is_fast_pwm(timer) || (timer->flags & wanted) != wanted;
}

uint64_t timer1_next(const timer1_t *timer) {
    uint64_t const step = tick_cycles(timer);
    uint32_t near = UINT32_MAX;
    if (step == 0) {
        return UINT64_MAX;
    }
    if (timer->blocked) {
        near = 1;
    }
    for (int side = 0; side < 2; side++) {
        if (match_changes(timer, side)) {
            near = nearer(near, ticks_to_leave(timer, timer->match[side]));
        }
    }
    if (turn_changes(timer)) {
        near = nearer(near, ticks_to_leave(timer, top(timer)));
        near = nearer(near, ticks_to_leave(timer, MAXIMUM));
    }
    if (near == UINT32_MAX) {
        return UINT64_MAX;
    }
    return timer->origin + ((timer->now - timer->origin) / step + near) * step;
}

static void refuse(timer1_t *timer, const char *what) {
    if (!timer->unsupported) {
        timer->unsupported = what;
    }
}

static void check(timer1_t *timer) {
    unsigned const now = mode(timer);
    if ((now >= 1 && now <= 3) || (now >= 8 && now <= 11)) {
        refuse(timer, "phase-correct PWM (WGM1 1 to 3, 8 to 11)");
    }
    if (now == 13) {
        refuse(timer, "reserved mode (WGM1 13)");
    }
    if ((timer->control_b & 7) >= 6) {
        refuse(timer, "external clock on T1 (CS1 6 or 7)");
    }
    if ((timer->mask & TIMER1_ICF) && !is_capture_top(timer)) {
        refuse(timer, "input capture (ICIE1 without ICR1 as top)");
    }
}

static void write_control(timer1_t *timer, uint16_t address, uint8_t value) {
    if (address == TIMER1_TCCR1A) {
        timer->control_a = value & 0xF3;
    } else {
        timer->control_b = value & 0xDF;
    }
    if (!is_fast_pwm(timer)) { /* the buffers are out of the way: what was not moved is lost */
        timer->buffer[0] = timer->match[0];
        timer->buffer[1] = timer->match[1];
    }
    check(timer);
    tell_levels(timer, timer->now);
}

static void force(timer1_t *timer, uint8_t value) {
    if (is_fast_pwm(timer)) {
        return;
    }
    for (int side = 0; side < 2; side++) {
        if (value & (side == 0 ? FORCE_A : FORCE_B)) {
            timer->latch[side] = after_match(timer, side);
        }
    }
    tell_levels(timer, timer->now);
}

static void write_prescaler(timer1_t *timer, uint8_t value) {
    if (value & HOLD_PRESCALER) {
        refuse(timer, "prescaler held (TSM in GTCCR)");
    }
    if (value & RESET_PRESCALER) {
        timer->origin = timer->now;
    }
}

static void write_word(timer1_t *timer, uint16_t address, uint16_t value) {
    int const side = address == TIMER1_OCR1B;
    switch (address) {
    case TIMER1_TCNT1:
        timer->count = value;
        timer->blocked = 1;
        break;
    case TIMER1_ICR1:
        if (is_capture_top(timer)) {
            timer->capture = value;
        }
        break;
    default:
        timer->buffer[side] = value;
        if (!is_fast_pwm(timer)) {
            timer->match[side] = value;
        }
    }
}

void timer1_write(timer1_t *timer, uint16_t address, uint8_t value, uint64_t cycle) {
    timer1_advance(timer, cycle);
    switch (address) {
    case TIMER1_TIFR1:
        timer1_clear(timer, value);
        break;
    case TIMER1_GTCCR:
        write_prescaler(timer, value);
        break;
    case TIMER1_TIMSK1:
        timer->mask = value & FLAGS;
        check(timer);
        break;
    case TIMER1_TCCR1A:
    case TIMER1_TCCR1B:
        write_control(timer, address, value);
        break;
    case TIMER1_TCCR1C:
        force(timer, value);
        break;
    case TIMER1_TCNT1:
    case TIMER1_ICR1:
    case TIMER1_OCR1A:
    case TIMER1_OCR1B:
        write_word(timer, address, (uint16_t)(timer->temp << 8 | value));
        break;
    case TIMER1_TCNT1 + 1:
    case TIMER1_ICR1 + 1:
    case TIMER1_OCR1A + 1:
    case TIMER1_OCR1B + 1:
        timer->temp = value;
        break;
    default:
        refuse(timer, "a register that is not Timer1's");
    }
}

uint8_t timer1_read(timer1_t *timer, uint16_t address, uint64_t cycle) {
    timer1_advance(timer, cycle);
    switch (address) {
    case TIMER1_TIFR1:
        return timer->flags;
    case TIMER1_TIMSK1:
        return timer->mask;
    case TIMER1_TCCR1A:
        return timer->control_a;
    case TIMER1_TCCR1B:
        return timer->control_b;
    case TIMER1_GTCCR:
    case TIMER1_TCCR1C: /* strobes read as zero */
        return 0;
    case TIMER1_TCNT1:
        timer->temp = (uint8_t)(timer->count >> 8);
        return (uint8_t)timer->count;
    case TIMER1_ICR1:
        timer->temp = (uint8_t)(timer->capture >> 8);
        return (uint8_t)timer->capture;
    case TIMER1_TCNT1 + 1:
    case TIMER1_ICR1 + 1:
        return timer->temp;
    case TIMER1_OCR1A: /* compare registers are read directly, without TEMP */
    case TIMER1_OCR1B:
        return (uint8_t)timer->buffer[address == TIMER1_OCR1B];
    case TIMER1_OCR1A + 1:
    case TIMER1_OCR1B + 1:
        return (uint8_t)(timer->buffer[address == TIMER1_OCR1B + 1] >> 8);
    default:
        refuse(timer, "a register that is not Timer1's");
        return 0;
    }
}

void timer1_port(timer1_t *timer, uint8_t ddrb, uint8_t portb, uint64_t cycle) {
    timer1_advance(timer, cycle);
    timer->ddrb = ddrb;
    timer->portb = portb;
    tell_levels(timer, timer->now);
}

void timer1_on_level(timer1_t *timer, timer1_level_fn *fn, void *context) {
    timer->on_level = fn;
    timer->context = context;
}

void timer1_reset(timer1_t *timer, uint64_t cycle) {
    timer1_advance(timer, cycle);
    uint64_t const now = cycle > timer->now ? cycle : timer->now;
    timer1_t const fresh = {
        .on_level = timer->on_level,
        .context = timer->context,
        .now = now,
        .origin = now,
        .pin = {timer->pin[0], timer->pin[1]},
    };
    *timer = fresh;
    tell_levels(timer, now);
}

uint8_t timer1_flags(const timer1_t *timer) {
    return timer->flags;
}

void timer1_clear(timer1_t *timer, uint8_t flags) {
    timer->flags = (uint8_t)(timer->flags & ~flags);
}

int timer1_level(const timer1_t *timer, int channel) {
    return timer->pin[channel == 2];
}

const char *timer1_unsupported(const timer1_t *timer) {
    return timer->unsupported;
}
