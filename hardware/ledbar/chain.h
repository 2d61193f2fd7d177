/* SPDX-License-Identifier: MIT */
/*
 * The chain of shift registers on the SPI, at half the CPU's clock. What is sent shows at the next edge
 * of the latch.
 */
#ifndef LEDBAR_CHAIN_H
#define LEDBAR_CHAIN_H

#include "pattern.h"

void chain_begin(void);

/* Fill the registers: 3 bytes, and return when the last bit is in. */
void chain_send(const image_t *image);

#endif
