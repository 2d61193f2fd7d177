/* SPDX-License-Identifier: MIT */
/* The data stream module: announced buffers in two queues, filled by one thread. */
#ifndef STREAM_H
#define STREAM_H

#include "buffer.h"
#include "device.h"
#include "monitor.h"

#include <pthread.h>

struct event;

typedef enum { STREAM_IDLE, STREAM_STARTING, STREAM_GRABBING, STREAM_STOPPING } stream_phase_t;

typedef struct stream {
    gentl_handle_t handle;
    device_t *device; /* held */
    monitor_t monitor; /* guards all that follows */
    buffer_t *buffers; /* announced ones, in the order they came */
    size_t announced;
    buffer_queue_t input;
    buffer_queue_t output;
    struct event *event; /* NULL where none is registered */
    stream_phase_t phase;
    bool receiving; /* the receiver's thread has not come to its end */
    bool lost;      /* the frames' socket ended by itself */
    bool closing;
    wire_link_t link;
    pthread_t receiver;
    uint64_t remaining; /* frames that this acquisition still wants */
    uint64_t started;
    uint64_t delivered;
    uint64_t underrun; /* frames that found no buffer */
} stream_t;

GC_ERROR stream_open(device_t *device, gentl_handle_t *handle);
GC_ERROR stream_close(gentl_handle_t handle);

#endif
