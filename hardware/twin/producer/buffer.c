/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include "failure.h"
#include "handle.h"
#include "stream.h"

#include <stdlib.h>

void buffer_append(buffer_queue_t *queue, buffer_t *buffer, buffer_state_t state) {
    buffer->state = state;
    buffer->next_queued = NULL;
    if (queue->last) {
        queue->last->next_queued = buffer;
    } else {
        queue->first = buffer;
    }
    queue->last = buffer;
    queue->count++;
}

void buffer_prepend(buffer_queue_t *queue, buffer_t *buffer, buffer_state_t state) {
    buffer->state = state;
    buffer->next_queued = queue->first;
    queue->first = buffer;
    queue->last = queue->last ? queue->last : buffer;
    queue->count++;
}

buffer_t *buffer_take(buffer_queue_t *queue, buffer_state_t state) {
    buffer_t *const buffer = queue->first;
    if (buffer) {
        queue->first = buffer->next_queued;
        queue->last = queue->first ? queue->last : NULL;
        queue->count--;
        buffer->next_queued = NULL;
        buffer->state = state;
    }
    return buffer;
}

static void free_one(buffer_t *buffer) {
    if (buffer->owned) {
        free(buffer->base);
    }
    free(buffer);
}

void buffer_free_all(buffer_t *first) {
    while (first) {
        buffer_t *const next = first->next;
        if (handle_retire(first->handle, HANDLE_BUFFER)) {
            handle_discard(first->handle);
        }
        free_one(first);
        first = next;
    }
}

buffer_t *buffer_enter(gentl_handle_t stream_handle, gentl_handle_t handle, GC_ERROR *result) {
    stream_t *const stream = handle_hold(stream_handle, HANDLE_STREAM, NULL);
    if (!stream) {
        *result = handle_failure(stream_handle, "data stream");
        return NULL;
    }
    buffer_t *const buffer = handle_hold(handle, HANDLE_BUFFER, NULL);
    if (!buffer || buffer->stream != stream) {
        *result = handle_failure(handle, "buffer of this data stream");
        if (buffer) {
            handle_release(handle);
        }
        handle_release(stream_handle);
        return NULL;
    }
    monitor_lock(&stream->monitor);
    if (buffer->state == BUFFER_REVOKED) { /* while this thread waited for the lock */
        buffer_leave(buffer);
        *result = handle_failure(handle, "buffer");
        return NULL;
    }
    *result = GC_ERR_SUCCESS;
    return buffer;
}

void buffer_leave(buffer_t *buffer) {
    stream_t *const stream = buffer->stream;
    monitor_unlock(&stream->monitor);
    handle_release(buffer->handle);
    handle_release(stream->handle);
}

/* Call with the stream locked. */
static GC_ERROR announce(stream_t *stream, buffer_t *made) {
    buffer_t **end = &stream->buffers;
    for (; *end; end = &(*end)->next) {
        if ((*end)->base == made->base) {
            return failure(GC_ERR_RESOURCE_IN_USE, "this memory is announced already");
        }
    }
    made->handle = handle_create(HANDLE_BUFFER, made);
    if (!made->handle) {
        return failure(GC_ERR_OUT_OF_MEMORY, "no memory for the buffer's handle");
    }
    *end = made;
    stream->announced++;
    return GC_ERR_SUCCESS;
}

static GC_ERROR announce_memory(gentl_handle_t handle, buffer_t wanted, gentl_handle_t *buffer) {
    stream_t *const stream = handle_hold(handle, HANDLE_STREAM, NULL);
    GC_ERROR result = GC_ERR_SUCCESS;
    if (!stream) {
        result = handle_failure(handle, "data stream");
    } else if (!wanted.base || wanted.size == 0 || !buffer) {
        result = failure(GC_ERR_INVALID_PARAMETER, "a buffer needs memory, a size and a handle");
    }
    buffer_t *const made = result ? NULL : malloc(sizeof *made);
    if (made) {
        wanted.stream = stream;
        *made = wanted;
        monitor_lock(&stream->monitor);
        result = announce(stream, made);
        monitor_unlock(&stream->monitor);
        if (result) {
            free(made);
        } else {
            *buffer = made->handle;
        }
    } else if (!result) {
        result = failure(GC_ERR_OUT_OF_MEMORY, "no memory for a buffer");
    }
    if (stream) {
        handle_release(handle);
    }
    return result;
}

GC_ERROR DSAnnounceBuffer(gentl_handle_t stream, void *base, size_t size, void *user,
                          gentl_handle_t *buffer) {
    return announce_memory(stream, (buffer_t){.base = base, .size = size, .user = user}, buffer);
}

GC_ERROR DSAllocAndAnnounceBuffer(gentl_handle_t stream, size_t size, void *user,
                                  gentl_handle_t *buffer) {
    void *const base = size > 0 ? malloc(size) : NULL;
    if (size > 0 && !base) {
        return failure(GC_ERR_OUT_OF_MEMORY, "no memory for a buffer of %zu bytes", size);
    }
    GC_ERROR const result = announce_memory(
        stream, (buffer_t){.base = base, .size = size, .user = user, .owned = true}, buffer);
    if (result) {
        free(base);
    }
    return result;
}

/* Call with the stream locked. From here on nobody can take the buffer any more. */
static void withdraw(stream_t *stream, buffer_t *buffer) {
    buffer_t **place = &stream->buffers;
    while (*place != buffer) {
        place = &(*place)->next;
    }
    *place = buffer->next;
    buffer->state = BUFFER_REVOKED;
    stream->announced--;
    handle_retire(buffer->handle, HANDLE_BUFFER);
}

GC_ERROR DSRevokeBuffer(gentl_handle_t stream, gentl_handle_t handle, void **base, void **user) {
    GC_ERROR result;
    buffer_t *const buffer = buffer_enter(stream, handle, &result);
    if (!buffer) {
        return result;
    }
    if (buffer->state != BUFFER_IDLE) {
        result = failure(GC_ERR_BUSY, "the buffer is queued; flush or fetch it before");
        buffer_leave(buffer);
        return result;
    }
    if (base) {
        *base = buffer->owned ? NULL : buffer->base;
    }
    if (user) {
        *user = buffer->user;
    }
    withdraw(buffer->stream, buffer);
    buffer_leave(buffer);
    handle_discard(handle);
    free_one(buffer);
    return GC_ERR_SUCCESS;
}

GC_ERROR DSQueueBuffer(gentl_handle_t stream, gentl_handle_t handle) {
    GC_ERROR result;
    buffer_t *const buffer = buffer_enter(stream, handle, &result);
    if (!buffer) {
        return result;
    }
    if (buffer->state != BUFFER_IDLE) {
        result = failure(GC_ERR_BUSY, "the buffer is queued already");
    } else {
        buffer->new_data = false;
        buffer_append(&buffer->stream->input, buffer, BUFFER_INPUT);
    }
    buffer_leave(buffer);
    return result;
}

static void discard(buffer_queue_t *queue) {
    buffer_t *buffer;
    while ((buffer = buffer_take(queue, BUFFER_IDLE))) {
        buffer->new_data = false;
    }
}

static void idle_to_input(stream_t *stream) {
    for (buffer_t *buffer = stream->buffers; buffer; buffer = buffer->next) {
        if (buffer->state == BUFFER_IDLE) {
            buffer->new_data = false;
            buffer_append(&stream->input, buffer, BUFFER_INPUT);
        }
    }
}

static void input_to_output(stream_t *stream) {
    buffer_t *buffer;
    while ((buffer = buffer_take(&stream->input, BUFFER_IDLE))) {
        buffer->filled = 0;
        buffer->frame = (wire_frame_t){0};
        buffer->new_data = false;
        buffer_append(&stream->output, buffer, BUFFER_OUTPUT);
    }
    monitor_notify(&stream->monitor);
}

/* A buffer that is being filled stays where it is. */
GC_ERROR DSFlushQueue(gentl_handle_t handle, int32_t operation) {
    stream_t *const stream = handle_hold(handle, HANDLE_STREAM, NULL);
    GC_ERROR result = GC_ERR_SUCCESS;
    if (!stream) {
        return handle_failure(handle, "data stream");
    }
    monitor_lock(&stream->monitor);
    switch (operation) {
    case ACQ_QUEUE_INPUT_TO_OUTPUT:
        input_to_output(stream);
        break;
    case ACQ_QUEUE_OUTPUT_DISCARD:
        discard(&stream->output);
        break;
    case ACQ_QUEUE_ALL_TO_INPUT:
        discard(&stream->output);
        idle_to_input(stream);
        break;
    case ACQ_QUEUE_UNQUEUED_TO_INPUT:
        idle_to_input(stream);
        break;
    case ACQ_QUEUE_ALL_DISCARD:
        discard(&stream->input);
        discard(&stream->output);
        break;
    default:
        result = failure(GC_ERR_INVALID_PARAMETER, "no flush operation %d", (int)operation);
    }
    monitor_unlock(&stream->monitor);
    handle_release(handle);
    return result;
}

GC_ERROR DSGetBufferID(gentl_handle_t handle, uint32_t index, gentl_handle_t *id) {
    stream_t *const stream = handle_hold(handle, HANDLE_STREAM, NULL);
    GC_ERROR result = GC_ERR_SUCCESS;
    if (!stream) {
        return handle_failure(handle, "data stream");
    }
    monitor_lock(&stream->monitor);
    const buffer_t *buffer = stream->buffers;
    for (uint32_t i = 0; buffer && i < index; i++) {
        buffer = buffer->next;
    }
    if (!buffer) {
        result = failure(GC_ERR_INVALID_INDEX, "buffer %u asked for, %zu are announced", index,
                         stream->announced);
    } else if (!id) {
        result = failure(GC_ERR_INVALID_PARAMETER, "NULL for the buffer's handle");
    } else {
        *id = buffer->handle;
    }
    monitor_unlock(&stream->monitor);
    handle_release(handle);
    return result;
}
