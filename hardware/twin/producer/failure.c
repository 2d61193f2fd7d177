/* SPDX-License-Identifier: MIT */
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local GC_ERROR last_code = GC_ERR_SUCCESS;
static _Thread_local char last_text[FAILURE_TEXT_SIZE] = "No error";

GC_ERROR failure(GC_ERROR code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_text, sizeof last_text, format, arguments);
    va_end(arguments);
    last_code = code;
    return code;
}

GC_ERROR failure_last(const char **text) {
    *text = last_text;
    return last_code;
}
