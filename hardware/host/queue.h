/* SPDX-License-Identifier: MIT */
/* A queue of events, each at a cycle, that grows as it must. */
#ifndef HOST_QUEUE_H
#define HOST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t cycle;
    uint8_t what;  /* a byte, or a channel */
    uint8_t level;
} event_t;

/* All zero is an empty one. */
typedef struct {
    event_t *events;
    size_t capacity; /* a power of two */
    size_t head;     /* counts for ever; the place is its remainder */
    size_t tail;
} queue_t;

bool queue_push(queue_t *queue, event_t event); /* false: no memory */
const event_t *queue_first(const queue_t *queue); /* NULL where empty */
void queue_pop(queue_t *queue);

/* The first event behind `cycle` that is about `what`, or NULL. */
const event_t *queue_after(const queue_t *queue, uint64_t cycle, uint8_t what);

/* Drop what comes after `cycle`; the queue is in the order of time. */
void queue_cut(queue_t *queue, uint64_t cycle);
void queue_free(queue_t *queue);

#endif
