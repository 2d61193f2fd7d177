/* SPDX-License-Identifier: MIT */
/*
 * The sequencer: which pulse comes when, on both channels, each edge made by the timer's hardware.
 *
 * Frame k begins at floor(k * PN / PD) ticks after frame 0, exactly, for ever: whole ticks plus a
 * remainder that is carried. A channel's edges form a chain, each counted from the one before it, so
 * nothing accumulates but integers.
 */
#ifndef SEQUENCER_H
#define SEQUENCER_H

#include "timer.h"

enum { CHANNELS = 2 };

#define SEQUENCER_LEAD 4000   /* ticks from the start to frame 0 */
#define SEQUENCER_GAP 200     /* ticks: shortest low time between two pulses */
#define SEQUENCER_MARGIN 64   /* ticks: a frame this near is not called off any more */

typedef struct {
    uint16_t width[CHANNELS];
    uint32_t delay[CHANNELS];
    uint32_t whole; /* PN / PD */
    uint16_t part;  /* PN % PD */
    uint16_t parts; /* PD */
} program_t;

typedef struct {
    uint32_t frame;
    uint8_t channel;
} late_t;

void sequencer_begin(void);

/* Start `frames` frames, 0 = until stopped. Returns the count at which frame 0 begins. */
ticks_t sequencer_start(const program_t *program, uint32_t frames);

/* Let both channels finish the frame that has begun, then rest. */
void sequencer_stop(void);

/* Both outputs low now. */
void sequencer_abort(void);

bool sequencer_active(void);               /* some channel has pulses to make */
bool sequencer_cut(void);                  /* some pulse had not its programmed width */
bool sequencer_late(late_t *late);         /* an edge came too late to be set */
uint32_t sequencer_completed(uint8_t channel);

#endif
