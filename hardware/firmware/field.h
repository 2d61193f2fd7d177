/* SPDX-License-Identifier: MIT */
/* The fields that the host sets: their names, ranges and values, and whether they fit together. */
#ifndef FIELD_H
#define FIELD_H

#include "sequencer.h"

enum field { W1, D1, W2, D2, PN, PD, HB, GATE, FIELDS };

void field_begin(void);

/* Which field the word at `name` is (it ends at a space or NUL); FIELDS where none. */
enum field field_named(const char *name);

const char *field_name(enum field field); /* in flash */
uint32_t field_value(enum field field);

/* Set it; false, and nothing changed, where the value is out of range. */
bool field_set(enum field field, uint32_t value);

/* What does not fit: channel 1 or 2, or the period or the heartbeat, which concern both. */
enum misfit { MISFIT_BOTH = 0, MISFIT_FIRST = 1, MISFIT_SECOND = 2, MISFIT_NONE = 3 };

/* The program for `frames` frames (0 = endless) that the fields make. */
enum misfit field_program(uint32_t frames, program_t *program);

#endif
