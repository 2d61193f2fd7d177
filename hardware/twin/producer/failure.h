/* SPDX-License-Identifier: MIT */
/* What went wrong last in this thread, as GCGetLastError tells it. */
#ifndef FAILURE_H
#define FAILURE_H

#include "gentl.h"

enum { FAILURE_TEXT_SIZE = 256 };

/* Keeps code and text for this thread and returns the code. */
GC_ERROR failure(GC_ERROR code, const char *format, ...) __attribute__((format(printf, 2, 3)));

GC_ERROR failure_last(const char **text);

#endif
