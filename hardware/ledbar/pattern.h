/* SPDX-License-Identifier: MIT */
/*
 * What is lit: one LED of 64 after the other, 480 us each, and the number of the round in a Gray code of
 * 8 bits. Where the jumper is closed: the same 64 in 31.25 us each, and all 8 bits, so that every LED
 * gets the same light in any even number of milliseconds.
 *
 * pattern.py and docs/how-to/timing-target.md say the same; a test holds the three together.
 */
#ifndef LEDBAR_PATTERN_H
#define LEDBAR_PATTERN_H

#include <stdint.h>

/* In cycles of 62.5 ns. */
enum { STEP_CYCLES = 7680, EQUALISE_STEP_CYCLES = 500 };

/* One step's image as the registers take it; bit n belongs to output Qn (QA = bit 0). */
typedef struct {
    uint8_t columns; /* one bit high: that column's anodes */
    uint8_t rows;    /* one bit low: that row's cathodes */
    uint8_t counter;
} image_t;

/* The first LED of round 0. */
void pattern_begin(uint8_t equalise);

/* The next LED. The mode changes only between two rounds, and then the count starts at round 0. */
void pattern_advance(uint8_t equalise);

const image_t *pattern_image(void);
uint16_t pattern_step_cycles(void);

#endif
