/* SPDX-License-Identifier: MIT */
/* The answer to an information command: type, size, and the value where there is room for it. */
#ifndef REPLY_H
#define REPLY_H

#include "gentl.h"

#include <stdbool.h>

typedef struct {
    INFO_DATATYPE *type; /* may be NULL */
    void *buffer;        /* NULL: only the size is asked for */
    size_t *size;        /* in: room in the buffer; out: bytes of the value */
} reply_t;

GC_ERROR reply_string(reply_t reply, const char *text);
GC_ERROR reply_int32(reply_t reply, int32_t value);
GC_ERROR reply_uint32(reply_t reply, uint32_t value);
GC_ERROR reply_uint64(reply_t reply, uint64_t value);
GC_ERROR reply_size(reply_t reply, size_t value);
GC_ERROR reply_bool(reply_t reply, bool value);
GC_ERROR reply_pointer(reply_t reply, void *value);
GC_ERROR reply_bytes(reply_t reply, INFO_DATATYPE type, const void *data, size_t size);

/* A command that is not known: NOT_IMPLEMENTED, and nothing is written. */
GC_ERROR reply_unknown(const char *module, int32_t command);

#endif
