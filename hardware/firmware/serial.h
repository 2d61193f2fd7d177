/* SPDX-License-Identifier: MIT */
/*
 * The serial line: 500,000 baud, both directions by interrupt through rings.
 *
 * A byte that could not be kept, or that the receiver found faulty, leaves the byte SERIAL_DAMAGE in
 * its place, which no command contains: a line with a hole can never pass for a shorter one.
 */
#ifndef SERIAL_H
#define SERIAL_H

#include "chip.h"

#define SERIAL_DAMAGE 0xFF

void serial_begin(void);

/* Take the next byte received. After an LF comes its time: see serial_stamp(). Runs of LF are one. */
bool serial_read(uint8_t *byte);

/* The low 32 bits of the count when the LF just read had arrived. */
uint32_t serial_stamp(void);

/* Bytes that can be written now. Nothing is sent before serial_flush(). */
uint8_t serial_room(void);
void serial_write(uint8_t byte);
void serial_flush(void);

#endif
