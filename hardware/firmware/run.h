/* SPDX-License-Identifier: MIT */
/* A run from its command to its end: states, and what ends it. */
#ifndef RUN_H
#define RUN_H

#include "sequencer.h"

enum state { IDLE, WAITING, RUNNING, STOPPING, FAULT };
enum cause { BY_COUNT, BY_STOP, BY_HEARTBEAT, BY_GATE, BY_OPEN, BY_ABORT, BY_FAULT };

void run_begin(void);
void run_step(void);

enum state run_state(void);
const char *run_state_name(void);   /* in flash */
enum cause run_cause(void);         /* what ended the last run */
uint16_t run_number(void);          /* of the last run, 1 to 65535 and round; 0 before the first */

/* Start `frames` frames (0 = until stopped), or wait for the gate. */
void run_start(const program_t *program, uint32_t frames, uint32_t stamp);

/* Stop gracefully. Nothing where nothing runs. */
void run_stop(enum cause cause);

/* Outputs low now, in any state. */
void run_abort(void);

/* The host has been heard, at the count `stamp`. */
void run_heard(uint32_t stamp);

#endif
