/* SPDX-License-Identifier: MIT */
/* The one event that this producer has: a new buffer of a data stream. */
#ifndef EVENT_H
#define EVENT_H

#include "stream.h"

typedef struct event {
    gentl_handle_t handle;
    stream_t *stream;
    uint64_t fired; /* buffers that came since it was registered */
    unsigned kills; /* waits to be ended */
    bool closing;
} event_t;

/* Ends the waits and forgets the event, if one is registered; false where none is. */
bool event_unregister(stream_t *stream);

#endif
