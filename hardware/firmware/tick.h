/* SPDX-License-Identifier: MIT */
/* Timer0 ticks every 8 ms; the watchdog bites when the main loop does not come round. */
#ifndef TICK_H
#define TICK_H

#include "chip.h"

void tick_begin(void);

/* Whether a tick has come since the last call. */
bool tick_take(void);

/* Kick the watchdog where `calm`, or where it has gone without for two ticks. */
void watchdog_step(bool calm, bool ticked);

#endif
