/* SPDX-License-Identifier: MIT */
/*
 * Lines from the host: whole or damaged, in order or not, each executed at most once.
 *
 * The protocol itself is described in docs/reference/trigger-protocol.md.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include "chip.h"

void protocol_begin(void);

/* Take in bytes up to the end of a line, at most. A damaged one is answered, where there is room, and
 * dropped. True where a command waits for protocol_answer(). */
bool protocol_collect(void);

/* Answer the command that waits; the caller has seen to line_room(). False: it has to wait on. */
bool protocol_answer(void);

uint16_t protocol_bad(void); /* damaged lines, 65535 = that many or more */

#endif
