/* SPDX-License-Identifier: MIT */
/*
 * A line to the host: written piece by piece into the serial ring while its CRC runs along.
 *
 * The caller has seen to LINE_LENGTH bytes of room. Texts are strings in flash.
 */
#ifndef LINE_H
#define LINE_H

#include "timer.h"

enum { LINE_LENGTH = 128 }; /* with the LF */

/* End whatever the host has of a line: to it an empty line is none. */
void line_break(void);

void line_begin(void);            /* start a line, kept nowhere */
void line_begin_kept(void);       /* start a line that line_repeat() can send again */
void line_char(char c);
void line_text(const char *text);
void line_number(uint32_t number);
void line_ticks(ticks_t ticks);   /* 12 hexadecimal digits */
void line_end(void);              /* "*", CRC, LF */
void line_repeat(void);

/* " key=" and the value */
void line_field(const char *key, uint32_t value);
void line_word(const char *key, const char *word);
void line_time(const char *key, ticks_t ticks);

bool line_room(void);

#endif
