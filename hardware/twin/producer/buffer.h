/* SPDX-License-Identifier: MIT */
/* Announced buffers, their queues, and what is known of the frame in each. */
#ifndef BUFFER_H
#define BUFFER_H

#include "gentl.h"
#include "wire.h"

typedef enum {
    BUFFER_IDLE,    /* with the consumer */
    BUFFER_INPUT,   /* waits for a frame */
    BUFFER_FILLING, /* a frame is coming in */
    BUFFER_OUTPUT,  /* waits to be fetched */
    BUFFER_REVOKED  /* about to go */
} buffer_state_t;

struct stream;

typedef struct buffer {
    gentl_handle_t handle;
    struct stream *stream;
    unsigned char *base;
    size_t size;
    void *user;
    bool owned; /* allocated here */
    buffer_state_t state;
    bool new_data;
    wire_frame_t frame; /* as it was announced */
    size_t filled;
    struct buffer *next;        /* in the stream's list */
    struct buffer *next_queued; /* in a queue */
} buffer_t;

typedef struct {
    buffer_t *first;
    buffer_t *last;
    size_t count;
} buffer_queue_t;

/* The buffer behind a handle, it and the stream held and the stream locked, until `buffer_leave`;
 * `result` says why where there is none. */
buffer_t *buffer_enter(gentl_handle_t stream, gentl_handle_t handle, GC_ERROR *result);
void buffer_leave(buffer_t *buffer);

/* All below: call with the stream locked. */
void buffer_append(buffer_queue_t *queue, buffer_t *buffer, buffer_state_t state);
void buffer_prepend(buffer_queue_t *queue, buffer_t *buffer, buffer_state_t state);
buffer_t *buffer_take(buffer_queue_t *queue, buffer_state_t state);

/* Every buffer of a stream that is being closed. */
void buffer_free_all(buffer_t *first);

#endif
