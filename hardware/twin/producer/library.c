/* SPDX-License-Identifier: MIT */
#include "failure.h"
#include "handle.h"
#include "reply.h"
#include "system.h"
#include "wire.h"

#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

GC_ERROR GCInitLib(void) {
    pthread_mutex_lock(&lock);
    GC_ERROR result = GC_ERR_SUCCESS;
    if (handle_library_is_open()) {
        result = failure(GC_ERR_RESOURCE_IN_USE, "the library is initialised already");
    } else {
        result = wire_find_world();
        handle_set_library_open(result == GC_ERR_SUCCESS);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

GC_ERROR GCCloseLib(void) {
    pthread_mutex_lock(&lock);
    GC_ERROR result = GC_ERR_SUCCESS;
    if (handle_library_is_open()) {
        system_close_open();
        handle_set_library_open(false);
    } else {
        result = failure(GC_ERR_NOT_INITIALIZED, "GCCloseLib before GCInitLib");
    }
    pthread_mutex_unlock(&lock);
    return result;
}

GC_ERROR GCGetInfo(int32_t command, INFO_DATATYPE *type, void *buffer, size_t *size) {
    if (!handle_library_is_open()) {
        return failure(GC_ERR_NOT_INITIALIZED, "GCGetInfo before GCInitLib");
    }
    return system_info(command, (reply_t){type, buffer, size});
}

/* A question with too small a buffer must not replace the error that is asked about. */
GC_ERROR GCGetLastError(GC_ERROR *code, char *text, size_t *size) {
    const char *last_text;
    GC_ERROR const last = failure_last(&last_text);
    if (!handle_library_is_open()) {
        return GC_ERR_NOT_INITIALIZED;
    }
    if (!code || !size) {
        return GC_ERR_INVALID_PARAMETER;
    }
    *code = last;
    size_t const length = strlen(last_text) + 1;
    if (text && *size < length) {
        *size = length;
        return GC_ERR_BUFFER_TOO_SMALL;
    }
    return reply_string((reply_t){NULL, text, size}, last_text);
}
