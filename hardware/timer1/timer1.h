/* SPDX-License-Identifier: MIT */
/*
 * Timer/Counter1 of the ATmega328P, register by register and cycle by cycle.
 *
 * Written after the chip's datasheet (DS40002061, chapter "16-bit Timer/Counter1 with PWM"), not after
 * any other program. Time is the absolute count of CPU cycles. Nothing runs by itself: each call first
 * brings the model up to the cycle that it names, ticks of that very cycle included, so a register
 * written in the cycle of a match comes after the match. A cycle earlier than the last one named counts
 * as that one.
 *
 * Modelled: normal mode, clear timer on compare (OCR1A and ICR1 as top), fast PWM (8, 9, 10 bits, ICR1
 * and OCR1A as top), the free-running prescaler and its reset, all compare actions, force output
 * compare, the TEMP byte, flags. Anything else is named by timer1_unsupported(), never guessed.
 */
#ifndef BSD_TIMER1_H
#define BSD_TIMER1_H

#include <stdint.h>

/* Addresses in data space. The high byte of a 16-bit register is the next address. */
enum {
    TIMER1_TIFR1 = 0x36,
    TIMER1_GTCCR = 0x43,
    TIMER1_TIMSK1 = 0x6F,
    TIMER1_TCCR1A = 0x80,
    TIMER1_TCCR1B = 0x81,
    TIMER1_TCCR1C = 0x82,
    TIMER1_TCNT1 = 0x84,
    TIMER1_ICR1 = 0x86,
    TIMER1_OCR1A = 0x88,
    TIMER1_OCR1B = 0x8A
};

/* Bits of TIFR1, and the same ones of TIMSK1. */
enum { TIMER1_TOV = 0x01, TIMER1_OCFA = 0x02, TIMER1_OCFB = 0x04, TIMER1_ICF = 0x20 };

/* channel 1 is OC1A on PB1, channel 2 is OC1B on PB2 */
typedef void timer1_level_fn(void *context, int channel, int level, uint64_t cycle);

/* The caller allocates it, filled with zeros (static, calloc or = {0}); then timer1_reset(). */
typedef struct timer1 {
    timer1_level_fn *on_level;
    void *context;
    const char *unsupported;
    uint64_t now;       /* cycle up to which everything has happened */
    uint64_t origin;    /* a cycle at which the prescaler stood at zero */
    uint16_t count;     /* TCNT1 */
    uint16_t match[2];  /* OCR1A, OCR1B as compared with */
    uint16_t buffer[2]; /* OCR1A, OCR1B as written: moved to match[] at once, in PWM at bottom */
    uint16_t capture;   /* ICR1 */
    uint8_t control_a;  /* TCCR1A */
    uint8_t control_b;  /* TCCR1B */
    uint8_t mask;       /* TIMSK1 */
    uint8_t flags;      /* TIFR1 */
    uint8_t temp;       /* the high byte on its way in or out */
    uint8_t blocked;    /* TCNT1 was written: the next tick signals no match */
    uint8_t latch[2];   /* the OC1A and OC1B registers behind the pins */
    uint8_t pin[2];     /* levels as last told */
    uint8_t ddrb;
    uint8_t portb;
} timer1_t;

/* As after a reset of the chip at `cycle`: registers zero, prescaler at zero, pins released (and told
 * low where they were high). The function given to timer1_on_level() stays. */
void timer1_reset(timer1_t *timer, uint64_t cycle);

/* `fn` is called at each change of a pin's level, in the order of time. */
void timer1_on_level(timer1_t *timer, timer1_level_fn *fn, void *context);

/* Bytes, as the CPU moves them: of a 16-bit register the high byte is written first, read last. */
void timer1_write(timer1_t *timer, uint16_t address, uint8_t value, uint64_t cycle);
uint8_t timer1_read(timer1_t *timer, uint16_t address, uint64_t cycle);

/* DDRB and PORTB. A pin that is no output reads low: an external pull-down holds it. */
void timer1_port(timer1_t *timer, uint8_t ddrb, uint8_t portb, uint64_t cycle);

/* Let everything up to and including `cycle` happen. */
void timer1_advance(timer1_t *timer, uint64_t cycle);

/* No flag and no pin changes before this cycle by itself; UINT64_MAX where none ever will. */
uint64_t timer1_next(const timer1_t *timer);

/* TIFR1 now, and clearing its bits as the service of an interrupt does. */
uint8_t timer1_flags(const timer1_t *timer);
void timer1_clear(timer1_t *timer, uint8_t flags);

/* Level of channel 1 or 2. */
int timer1_level(const timer1_t *timer, int channel);

/* NULL, or the first thing since the reset that was asked of the timer and is not modelled. */
const char *timer1_unsupported(const timer1_t *timer);

#endif
