/* SPDX-License-Identifier: MIT */
/*
 * The latch: Timer1 raises RCLK every step by itself (fast PWM on OC1A), so that what the program does
 * cannot move an edge. Between two edges the program has one step of time to fill the registers.
 */
#ifndef LEDBAR_LATCH_H
#define LEDBAR_LATCH_H

#include <stdint.h>

/* The first edge comes one step from now. */
void latch_begin(uint16_t step_cycles);

/* Sleep until the next edge. */
void latch_wait(void);

/* The length of the step that has just begun: to be called within 400 cycles after the edge, because
 * the top of the count takes effect at once. */
void latch_step(uint16_t step_cycles);

/* Has an edge come since latch_wait() returned? */
uint8_t latch_missed(void);

#endif
