/* SPDX-License-Identifier: MIT */
/* The gate input on D2: closed = connected to ground. */
#ifndef GATE_H
#define GATE_H

#include "chip.h"

void gate_begin(void);

/* Look at the pin, every 8 ms: what two looks agree on counts, for contacts bounce. */
void gate_tick(void);

bool gate_closed(void);

#endif
