/* SPDX-License-Identifier: MIT */
/* This controller's name, kept in EEPROM with a CRC: a name half written counts as none. */
#ifndef NAME_H
#define NAME_H

#include "chip.h"

enum { NAME_LENGTH = 16 };

void name_begin(void);

/* Whether `text` may be a name: 1 to 16 letters, digits, '-' and '_'. */
bool name_fits(const char *text);

/* Keep it. False as long as the EEPROM is not through: call again with the same text. */
bool name_keep(const char *text);

/* Write the next byte when the EEPROM is ready for it. */
void name_step(void);

const char *name_text(void); /* "-" where none is set; in RAM */

#endif
