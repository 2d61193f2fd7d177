/* SPDX-License-Identifier: MIT */
/* Why the controller began anew. */
#ifndef CAUSE_H
#define CAUSE_H

/* The name is "power", "external", "brownout" or "watchdog", a string in flash. */
void cause_begin(void);
const char *cause_name(void);

#endif
