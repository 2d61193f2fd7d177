/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "receiver.h"

#include "event.h"
#include "failure.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { DRAIN_BYTES = 1 << 16 };

static bool drain(int socket, uint64_t size) {
    unsigned char nowhere[DRAIN_BYTES];
    while (size > 0) {
        size_t const part = size < sizeof nowhere ? (size_t)size : sizeof nowhere;
        if (!wire_receive(socket, nowhere, part)) {
            return false;
        }
        size -= part;
    }
    return true;
}

/* A buffer for the frame that comes; NULL where it is to be let pass. */
static buffer_t *choose(stream_t *stream) {
    buffer_t *buffer = NULL;
    monitor_lock(&stream->monitor);
    if (stream->phase != STREAM_STOPPING && stream->remaining > 0) {
        stream->started++;
        buffer = buffer_take(&stream->input, BUFFER_FILLING);
        stream->underrun += buffer ? 0 : 1;
    }
    monitor_unlock(&stream->monitor);
    return buffer;
}

static void deliver(stream_t *stream, buffer_t *buffer, const wire_frame_t *frame, size_t filled) {
    monitor_lock(&stream->monitor);
    buffer->frame = *frame;
    buffer->filled = filled;
    buffer->new_data = true;
    buffer_append(&stream->output, buffer, BUFFER_OUTPUT);
    stream->delivered++;
    if (stream->event) {
        stream->event->fired++;
    }
    if (stream->remaining != GENTL_INFINITE) {
        stream->remaining--;
    }
    monitor_notify(&stream->monitor);
    monitor_unlock(&stream->monitor);
}

/* A frame that was cut off leaves its buffer where it was: first in the queue. */
static void give_back(stream_t *stream, buffer_t *buffer) {
    monitor_lock(&stream->monitor);
    buffer_prepend(&stream->input, buffer, BUFFER_INPUT);
    monitor_unlock(&stream->monitor);
}

static bool receive_frame(stream_t *stream, const wire_frame_t *frame) {
    int const socket = stream->link.socket;
    buffer_t *const buffer = choose(stream);
    if (!buffer) {
        return drain(socket, frame->filled);
    }
    size_t const filled = frame->filled < buffer->size ? (size_t)frame->filled : buffer->size;
    if (!wire_receive(socket, buffer->base, filled) || !drain(socket, frame->filled - filled)) {
        give_back(stream, buffer);
        return false;
    }
    deliver(stream, buffer, frame, filled);
    return true;
}

static void *receive_frames(void *context) {
    stream_t *const stream = context;
    wire_frame_t frame;
    while (wire_receive(stream->link.socket, &frame, sizeof frame) && frame.magic == WIRE_FRAME) {
        if (frame.flags & WIRE_FLAG_CRASH) {
            signal(SIGSEGV, SIG_DFL);
            raise(SIGSEGV);
        }
        if (!receive_frame(stream, &frame)) {
            break;
        }
    }
    monitor_lock(&stream->monitor);
    stream->receiving = false;
    stream->lost = stream->phase != STREAM_STOPPING;
    monitor_notify(&stream->monitor);
    monitor_unlock(&stream->monitor);
    return NULL;
}

/* Signals belong to the consumer's threads, all but those of a fault in this one. */
static bool launch(stream_t *stream) {
    static int const faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t most;
    sigset_t before;
    sigfillset(&most);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        sigdelset(&most, faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &most, &before);
    bool const done = pthread_create(&stream->receiver, NULL, receive_frames, stream) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return done;
}

GC_ERROR receiver_start(stream_t *stream) {
    struct timeval const for_ever = {0};
    wire_call_t attach = {.operation = WIRE_STREAM,
                          .payload = &stream->device->token,
                          .length = sizeof stream->device->token};
    GC_ERROR result = wire_open(&stream->link);
    if (result) {
        return result;
    }
    result = wire_ask(&stream->link, &attach);
    if (!result) {
        setsockopt(stream->link.socket, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof for_ever);
        stream->receiving = true;
        if (!launch(stream)) {
            stream->receiving = false;
            result = failure(GC_ERR_RESOURCE_EXHAUSTED, "no thread for the data stream");
        }
    }
    if (result) {
        wire_close(&stream->link);
    }
    return result;
}

/* Closing our side asks the camera to end; it finishes its frame and closes the other, which also
 * tells that it has stopped. Where it does not, the socket is cut. */
void receiver_stop(stream_t *stream, uint64_t grace_ms) {
    struct timespec const deadline = monitor_deadline(grace_ms);
    shutdown(stream->link.socket, SHUT_WR);
    monitor_lock(&stream->monitor);
    while (stream->receiving && monitor_wait(&stream->monitor, &deadline)) {
    }
    monitor_unlock(&stream->monitor);
    shutdown(stream->link.socket, SHUT_RDWR);
    pthread_join(stream->receiver, NULL);
    wire_close(&stream->link);
}
