/* SPDX-License-Identifier: MIT */
/* Events to the host, in the order in which they belong: BOOT, START, PULSE..., FAULT, DONE. */
#ifndef REPORT_H
#define REPORT_H

#include "sequencer.h"

void report_begin(void); /* BOOT is due */
void report_run(void);   /* a new run: nothing of it is reported yet */
void report_start(ticks_t begin, const program_t *program);
void report_fault(const late_t *late);
void report_done(void);

/* Whether some event waits to be sent, and sending one; the caller has seen to line_room(). */
bool report_due(void);
void report_send(void);

uint16_t report_lost(void); /* PULSE events given up, 65535 = that many or more */

#endif
