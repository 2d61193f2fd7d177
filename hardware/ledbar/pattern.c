/* SPDX-License-Identifier: MIT */
#include "pattern.h"

static image_t image;
static uint8_t column; /* one bit */
static uint8_t row;    /* one bit */
static uint8_t round_number;
static uint8_t is_equalising;

static void show(void) {
    image.columns = column;
    image.rows = (uint8_t)~row;
    image.counter = is_equalising ? 0xFF : round_number ^ (round_number >> 1);
}

void pattern_begin(uint8_t equalise) {
    column = 1;
    row = 1;
    round_number = 0;
    is_equalising = equalise;
    show();
}

static void begin_round(uint8_t equalise) {
    if (equalise != is_equalising) {
        pattern_begin(equalise);
        return;
    }
    row = 1;
    round_number++;
}

void pattern_advance(uint8_t equalise) {
    column = (uint8_t)(column << 1);
    if (column == 0) {
        column = 1;
        row = (uint8_t)(row << 1);
        if (row == 0) {
            begin_round(equalise);
        }
    }
    show();
}

const image_t *pattern_image(void) {
    return &image;
}

uint16_t pattern_step_cycles(void) {
    return is_equalising ? EQUALISE_STEP_CYCLES : STEP_CYCLES;
}
