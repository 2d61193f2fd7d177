/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include "event.h"
#include "failure.h"
#include "handle.h"
#include "identity.h"
#include "receiver.h"

#include <stdlib.h>

enum { STOP_GRACE_MS = 1000, KILL_GRACE_MS = 200 };

GC_ERROR stream_open(device_t *device, gentl_handle_t *handle) {
    /* Held first: another thread may have retired the device since its caller found it. */
    if (!handle_hold(device->handle, HANDLE_DEVICE, NULL)) {
        return handle_failure(device->handle, "device");
    }
    stream_t *const made = calloc(1, sizeof *made);
    if (!made || !monitor_init(&made->monitor) ||
        !(made->handle = handle_create(HANDLE_STREAM, made))) {
        free(made);
        handle_release(device->handle);
        return failure(GC_ERR_OUT_OF_MEMORY, "no memory for the data stream module");
    }
    made->device = device;
    *handle = made->handle;
    return GC_ERR_SUCCESS;
}

/* Stops if it runs; false where it does not. */
static bool stop(stream_t *stream, uint64_t grace_ms) {
    monitor_lock(&stream->monitor);
    bool const running = stream->phase == STREAM_GRABBING;
    if (running) {
        stream->phase = STREAM_STOPPING;
    }
    monitor_unlock(&stream->monitor);
    if (running) {
        receiver_stop(stream, grace_ms);
        monitor_lock(&stream->monitor);
        stream->phase = STREAM_IDLE;
        monitor_notify(&stream->monitor);
        monitor_unlock(&stream->monitor);
    }
    return running;
}

/* Another thread may be starting or stopping while the stream is closed. */
static void come_to_rest(stream_t *stream) {
    monitor_lock(&stream->monitor);
    stream->closing = true;
    while (stream->phase == STREAM_STARTING || stream->phase == STREAM_STOPPING) {
        monitor_wait(&stream->monitor, NULL);
    }
    monitor_unlock(&stream->monitor);
    stop(stream, KILL_GRACE_MS);
}

GC_ERROR stream_close(gentl_handle_t handle) {
    stream_t *const stream = handle_retire(handle, HANDLE_STREAM);
    if (!stream) {
        return handle_failure(handle, "data stream");
    }
    come_to_rest(stream);
    event_unregister(stream);
    handle_discard(handle);
    buffer_free_all(stream->buffers);
    device_t *const device = stream->device;
    pthread_mutex_lock(&device->lock);
    device->stream = NULL;
    pthread_mutex_unlock(&device->lock);
    handle_release(device->handle);
    monitor_destroy(&stream->monitor);
    free(stream);
    return GC_ERR_SUCCESS;
}

GC_ERROR DSClose(gentl_handle_t handle) {
    return stream_close(handle);
}

static GC_ERROR begin(stream_t *stream, uint64_t frames) {
    GC_ERROR result = GC_ERR_SUCCESS;
    monitor_lock(&stream->monitor);
    if (stream->closing) {
        result = failure(GC_ERR_INVALID_HANDLE, "the data stream is being closed");
    } else if (stream->phase != STREAM_IDLE) {
        result = failure(GC_ERR_RESOURCE_IN_USE, "the acquisition runs already");
    } else {
        stream->phase = STREAM_STARTING;
        stream->remaining = frames;
        stream->lost = false;
        stream->started = stream->delivered = stream->underrun = 0;
    }
    monitor_unlock(&stream->monitor);
    return result;
}

GC_ERROR DSStartAcquisition(gentl_handle_t handle, int32_t flags, uint64_t frames) {
    stream_t *const stream = handle_hold(handle, HANDLE_STREAM, NULL);
    (void)flags;
    if (!stream) {
        return handle_failure(handle, "data stream");
    }
    GC_ERROR result = frames ? begin(stream, frames)
                             : failure(GC_ERR_INVALID_PARAMETER, "an acquisition of no frames");
    if (!result) {
        result = receiver_start(stream);
        monitor_lock(&stream->monitor);
        stream->phase = result ? STREAM_IDLE : STREAM_GRABBING;
        monitor_notify(&stream->monitor);
        monitor_unlock(&stream->monitor);
    }
    handle_release(handle);
    return result;
}

GC_ERROR DSStopAcquisition(gentl_handle_t handle, int32_t flags) {
    stream_t *const stream = handle_hold(handle, HANDLE_STREAM, NULL);
    GC_ERROR result = GC_ERR_SUCCESS;
    if (!stream) {
        return handle_failure(handle, "data stream");
    }
    if (!stop(stream, flags & ACQ_STOP_FLAGS_KILL ? KILL_GRACE_MS : STOP_GRACE_MS)) {
        result = failure(GC_ERR_RESOURCE_IN_USE, "the acquisition does not run");
    }
    handle_release(handle);
    return result;
}

/* Call with the stream locked. */
static GC_ERROR stream_info(const stream_t *stream, int32_t command, reply_t reply) {
    switch (command) {
    case STREAM_INFO_ID:
        return reply_string(reply, IDENTITY_STREAM);
    case STREAM_INFO_NUM_DELIVERED:
        return reply_uint64(reply, stream->delivered);
    case STREAM_INFO_NUM_UNDERRUN:
        return reply_uint64(reply, stream->underrun);
    case STREAM_INFO_NUM_ANNOUNCED:
        return reply_size(reply, stream->announced);
    case STREAM_INFO_NUM_QUEUED:
        return reply_size(reply, stream->input.count);
    case STREAM_INFO_NUM_AWAIT_DELIVERY:
        return reply_size(reply, stream->output.count);
    case STREAM_INFO_NUM_STARTED:
        return reply_uint64(reply, stream->started);
    case STREAM_INFO_PAYLOAD_SIZE:
        return failure(GC_ERR_NOT_AVAILABLE, "the camera's feature PayloadSize says it");
    case STREAM_INFO_IS_GRABBING:
        return reply_bool(reply, stream->phase == STREAM_GRABBING);
    case STREAM_INFO_DEFINES_PAYLOADSIZE:
        return reply_bool(reply, false);
    case STREAM_INFO_TLTYPE:
        return reply_string(reply, IDENTITY_TL_TYPE);
    case STREAM_INFO_NUM_CHUNKS_MAX:
        return reply_size(reply, 0);
    case STREAM_INFO_BUF_ANNOUNCE_MIN:
    case STREAM_INFO_BUF_ALIGNMENT:
        return reply_size(reply, 1);
    default:
        return reply_unknown("data stream", command);
    }
}

GC_ERROR DSGetInfo(gentl_handle_t handle, int32_t command, INFO_DATATYPE *type, void *buffer,
                   size_t *size) {
    stream_t *const stream = handle_hold(handle, HANDLE_STREAM, NULL);
    if (!stream) {
        return handle_failure(handle, "data stream");
    }
    monitor_lock(&stream->monitor);
    GC_ERROR const result = stream_info(stream, command, (reply_t){type, buffer, size});
    monitor_unlock(&stream->monitor);
    handle_release(handle);
    return result;
}

GC_ERROR DSGetParentDev(gentl_handle_t handle, gentl_handle_t *device) {
    stream_t *const stream = handle_hold(handle, HANDLE_STREAM, NULL);
    if (!stream) {
        return handle_failure(handle, "data stream");
    }
    if (device) {
        *device = stream->device->handle;
    }
    handle_release(handle);
    return device ? GC_ERR_SUCCESS : failure(GC_ERR_INVALID_PARAMETER, "NULL for the handle");
}
