/* SPDX-License-Identifier: MIT */
#include "event.h"

#include "failure.h"
#include "handle.h"
#include "reply.h"

#include <stdlib.h>
#include <string.h>

enum { ANY_SOURCE = HANDLE_SYSTEM | HANDLE_INTERFACE | HANDLE_DEVICE | HANDLE_REMOTE |
                    HANDLE_STREAM };

bool event_unregister(stream_t *stream) {
    monitor_lock(&stream->monitor);
    event_t *const event = stream->event;
    stream->event = NULL;
    if (event) {
        event->closing = true;
        handle_retire(event->handle, HANDLE_EVENT);
        monitor_notify(&stream->monitor);
    }
    monitor_unlock(&stream->monitor);
    if (event) {
        handle_discard(event->handle);
        free(event);
    }
    return event != NULL;
}

static GC_ERROR register_event(stream_t *stream, gentl_handle_t *handle) {
    GC_ERROR result = GC_ERR_SUCCESS;
    event_t *made = NULL;
    monitor_lock(&stream->monitor);
    if (stream->closing) {
        result = failure(GC_ERR_INVALID_HANDLE, "the data stream is being closed");
    } else if (stream->event) {
        result = failure(GC_ERR_RESOURCE_IN_USE, "the event is registered already");
    } else if (!(made = calloc(1, sizeof *made)) ||
               !(made->handle = handle_create(HANDLE_EVENT, made))) {
        free(made);
        result = failure(GC_ERR_OUT_OF_MEMORY, "no memory for the event");
    } else {
        made->stream = stream;
        stream->event = made;
        *handle = made->handle;
    }
    monitor_unlock(&stream->monitor);
    return result;
}

GC_ERROR GCRegisterEvent(gentl_handle_t source, int32_t type, gentl_handle_t *event) {
    handle_kind_t kind;
    void *const module = handle_hold(source, ANY_SOURCE, &kind);
    GC_ERROR result;
    if (!module) {
        return handle_failure(source, "module");
    }
    if (!event || type < 0) {
        result = failure(GC_ERR_INVALID_PARAMETER, "GCRegisterEvent: no handle or no such event");
    } else if (kind != HANDLE_STREAM || type != EVENT_NEW_BUFFER) {
        result = failure(GC_ERR_NOT_IMPLEMENTED, "this module has no event of type %d", (int)type);
    } else {
        result = register_event(module, event);
    }
    handle_release(source);
    return result;
}

GC_ERROR GCUnregisterEvent(gentl_handle_t source, int32_t type) {
    handle_kind_t kind;
    void *const module = handle_hold(source, ANY_SOURCE, &kind);
    GC_ERROR result = GC_ERR_SUCCESS;
    if (!module) {
        return handle_failure(source, "module");
    }
    if (kind != HANDLE_STREAM || type != EVENT_NEW_BUFFER) {
        result = failure(GC_ERR_NOT_IMPLEMENTED, "this module has no event of type %d", (int)type);
    } else if (!event_unregister(module)) {
        result = failure(GC_ERR_INVALID_PARAMETER, "the event is not registered");
    }
    handle_release(source);
    return result;
}

/* Waits with the stream locked until a buffer is in the output queue.
 *
 * After the camera is lost a wait with an end runs to its end, as with a real one; a wait without
 * an end would never return and gives IO. */
static GC_ERROR wait_for_buffer(event_t *event, uint64_t timeout_ms) {
    stream_t *const stream = event->stream;
    bool const endless = timeout_ms == GENTL_INFINITE;
    struct timespec const deadline = monitor_deadline(timeout_ms);
    bool in_time = timeout_ms > 0;
    for (;;) {
        if (event->closing) {
            return failure(GC_ERR_ABORT, "the event has been unregistered");
        }
        if (event->kills > 0) {
            event->kills--;
            return failure(GC_ERR_ABORT, "the wait has been ended by EventKill");
        }
        if (stream->output.first) {
            return GC_ERR_SUCCESS;
        }
        if (endless && stream->lost) {
            return failure(GC_ERR_IO, "the camera is lost: no frame can come");
        }
        if (!in_time) {
            return failure(GC_ERR_TIMEOUT, "no new buffer within %llu ms",
                           (unsigned long long)timeout_ms);
        }
        in_time = monitor_wait(&stream->monitor, endless ? NULL : &deadline);
    }
}

static GC_ERROR fetch(event_t *event, void *buffer, size_t *size, uint64_t timeout_ms) {
    stream_t *const stream = event->stream;
    monitor_lock(&stream->monitor);
    GC_ERROR const result = wait_for_buffer(event, timeout_ms);
    if (result == GC_ERR_SUCCESS) {
        const buffer_t *const filled = buffer_take(&stream->output, BUFFER_IDLE);
        new_buffer_data_t const data = {filled->handle, filled->user};
        memcpy(buffer, &data, sizeof data);
        *size = sizeof data;
    }
    monitor_unlock(&stream->monitor);
    return result;
}

GC_ERROR EventGetData(gentl_handle_t handle, void *buffer, size_t *size, uint64_t timeout_ms) {
    event_t *const event = handle_hold(handle, HANDLE_EVENT, NULL);
    GC_ERROR result = GC_ERR_SUCCESS;
    if (!event) {
        return handle_failure(handle, "event");
    }
    if (!size) {
        result = failure(GC_ERR_INVALID_PARAMETER, "the pointer to the size is NULL");
    } else if (!buffer) {
        *size = sizeof(new_buffer_data_t);
    } else if (*size < sizeof(new_buffer_data_t)) {
        result = failure(GC_ERR_BUFFER_TOO_SMALL, "the event takes %zu bytes, room for %zu",
                         sizeof(new_buffer_data_t), *size);
    } else {
        result = fetch(event, buffer, size, timeout_ms);
    }
    handle_release(handle);
    return result;
}

GC_ERROR EventGetDataInfo(gentl_handle_t handle, const void *data, size_t data_size,
                          int32_t command, INFO_DATATYPE *type, void *buffer, size_t *size) {
    new_buffer_data_t event;
    if (!handle_hold(handle, HANDLE_EVENT, NULL)) {
        return handle_failure(handle, "event");
    }
    handle_release(handle);
    if (!data || data_size < sizeof event) {
        return failure(GC_ERR_INVALID_PARAMETER, "the event's data have %zu bytes", sizeof event);
    }
    memcpy(&event, data, sizeof event);
    switch (command) {
    case EVENT_DATA_ID:
        return reply_pointer((reply_t){type, buffer, size}, event.buffer);
    case EVENT_DATA_VALUE:
        return reply_pointer((reply_t){type, buffer, size}, event.user);
    default:
        return reply_unknown("event data", command);
    }
}

/* Call with the stream locked. */
static GC_ERROR event_info(const event_t *event, int32_t command, reply_t reply) {
    switch (command) {
    case EVENT_EVENT_TYPE:
        return reply_int32(reply, EVENT_NEW_BUFFER);
    case EVENT_NUM_IN_QUEUE:
        return reply_size(reply, event->stream->output.count);
    case EVENT_NUM_FIRED:
        return reply_uint64(reply, event->fired);
    case EVENT_SIZE_MAX:
    case EVENT_INFO_DATA_SIZE_MAX:
        return reply_size(reply, sizeof(new_buffer_data_t));
    default:
        return reply_unknown("event", command);
    }
}

GC_ERROR EventGetInfo(gentl_handle_t handle, int32_t command, INFO_DATATYPE *type, void *buffer,
                      size_t *size) {
    event_t *const event = handle_hold(handle, HANDLE_EVENT, NULL);
    if (!event) {
        return handle_failure(handle, "event");
    }
    monitor_lock(&event->stream->monitor);
    GC_ERROR const result = event_info(event, command, (reply_t){type, buffer, size});
    monitor_unlock(&event->stream->monitor);
    handle_release(handle);
    return result;
}

GC_ERROR EventFlush(gentl_handle_t handle) {
    event_t *const event = handle_hold(handle, HANDLE_EVENT, NULL);
    if (!event) {
        return handle_failure(handle, "event");
    }
    monitor_lock(&event->stream->monitor);
    while (buffer_take(&event->stream->output, BUFFER_IDLE)) {
    }
    monitor_unlock(&event->stream->monitor);
    handle_release(handle);
    return GC_ERR_SUCCESS;
}

GC_ERROR EventKill(gentl_handle_t handle) {
    event_t *const event = handle_hold(handle, HANDLE_EVENT, NULL);
    if (!event) {
        return handle_failure(handle, "event");
    }
    monitor_lock(&event->stream->monitor);
    event->kills++;
    monitor_notify(&event->stream->monitor);
    monitor_unlock(&event->stream->monitor);
    handle_release(handle);
    return GC_ERR_SUCCESS;
}
