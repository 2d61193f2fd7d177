/* SPDX-License-Identifier: MIT */
/* Timer0 ticks every 8 ms; the watchdog bites when the main loop does not come round for 16 ms. */
#ifndef TICK_H
#define TICK_H

#include "chip.h"

void tick_begin(void);

/* Whether a tick has come since the last call. */
bool tick_take(void);

#endif
