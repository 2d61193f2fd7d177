/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 256 };

static event_t *place(const queue_t *queue, size_t at) {
    return &queue->events[at & (queue->capacity - 1)];
}

static bool grow(queue_t *queue) {
    queue_t bigger = *queue;
    bigger.capacity = queue->capacity ? 2 * queue->capacity : FIRST_CAPACITY;
    bigger.events = malloc(bigger.capacity * sizeof *bigger.events);
    if (bigger.events == NULL) {
        return false;
    }
    for (size_t at = queue->tail; at != queue->head; at++) {
        *place(&bigger, at) = *place(queue, at);
    }
    free(queue->events);
    *queue = bigger;
    return true;
}

bool queue_push(queue_t *queue, event_t event) {
    if (queue->head - queue->tail == queue->capacity && !grow(queue)) {
        return false;
    }
    *place(queue, queue->head++) = event;
    return true;
}

const event_t *queue_first(const queue_t *queue) {
    return queue->head == queue->tail ? NULL : place(queue, queue->tail);
}

void queue_pop(queue_t *queue) { queue->tail++; }

const event_t *queue_after(const queue_t *queue, uint64_t cycle, uint8_t what) {
    const event_t *found = NULL;
    for (size_t at = queue->head; at != queue->tail; at--) { /* from the youngest: few lie behind */
        const event_t *const event = place(queue, at - 1);
        if (event->cycle <= cycle) {
            break;
        }
        if (event->what == what) {
            found = event;
        }
    }
    return found;
}

void queue_cut(queue_t *queue, uint64_t cycle) {
    while (queue->head != queue->tail && place(queue, queue->head - 1)->cycle > cycle) {
        queue->head--;
    }
}

void queue_free(queue_t *queue) {
    free(queue->events);
    *queue = (queue_t){0};
}
