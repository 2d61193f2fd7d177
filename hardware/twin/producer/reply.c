/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include "failure.h"

#include <string.h>

GC_ERROR reply_bytes(reply_t reply, INFO_DATATYPE type, const void *data, size_t size) {
    if (!reply.size) {
        return failure(GC_ERR_INVALID_PARAMETER, "the pointer to the size is NULL");
    }
    if (reply.type) {
        *reply.type = type;
    }
    size_t const room = *reply.size;
    *reply.size = size;
    if (!reply.buffer) {
        return GC_ERR_SUCCESS;
    }
    if (room < size) {
        return failure(GC_ERR_BUFFER_TOO_SMALL, "the answer takes %zu bytes, room for %zu", size,
                       room);
    }
    memcpy(reply.buffer, data, size);
    return GC_ERR_SUCCESS;
}

GC_ERROR reply_string(reply_t reply, const char *text) {
    return reply_bytes(reply, INFO_DATATYPE_STRING, text, strlen(text) + 1);
}

GC_ERROR reply_int32(reply_t reply, int32_t value) {
    return reply_bytes(reply, INFO_DATATYPE_INT32, &value, sizeof value);
}

GC_ERROR reply_uint32(reply_t reply, uint32_t value) {
    return reply_bytes(reply, INFO_DATATYPE_UINT32, &value, sizeof value);
}

GC_ERROR reply_uint64(reply_t reply, uint64_t value) {
    return reply_bytes(reply, INFO_DATATYPE_UINT64, &value, sizeof value);
}

GC_ERROR reply_size(reply_t reply, size_t value) {
    return reply_bytes(reply, INFO_DATATYPE_SIZET, &value, sizeof value);
}

GC_ERROR reply_bool(reply_t reply, bool value) {
    bool8_t const byte = value ? 1 : 0;
    return reply_bytes(reply, INFO_DATATYPE_BOOL8, &byte, sizeof byte);
}

GC_ERROR reply_pointer(reply_t reply, void *value) {
    return reply_bytes(reply, INFO_DATATYPE_PTR, &value, sizeof value);
}

GC_ERROR reply_unknown(const char *module, int32_t command) {
    return failure(GC_ERR_NOT_IMPLEMENTED, "%s: no such information as %d", module, (int)command);
}
