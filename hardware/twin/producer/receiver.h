/* SPDX-License-Identifier: MIT */
/* The thread that receives frames straight into the buffers of a stream. */
#ifndef RECEIVER_H
#define RECEIVER_H

#include "stream.h"

/* Connects to the camera's frames and starts the thread. */
GC_ERROR receiver_start(stream_t *stream);

/* Ends the thread. A frame under way is finished where it comes within `grace_ms`. */
void receiver_stop(stream_t *stream, uint64_t grace_ms);

#endif
