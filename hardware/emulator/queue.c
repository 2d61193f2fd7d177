/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

static int grow(queue_t *queue) {
    size_t const room = queue->room ? 2 * queue->room : 256;
    board_edge_t *const items = malloc(room * sizeof *items);
    if (!items) {
        return -1;
    }
    for (size_t i = 0; i < queue->count; i++) {
        items[i] = queue->items[(queue->first + i) % queue->room];
    }
    free(queue->items);
    queue->items = items;
    queue->first = 0;
    queue->room = room;
    return 0;
}

int queue_push(queue_t *queue, uint64_t cycle, uint8_t channel, uint8_t level) {
    if (queue->count == queue->room && grow(queue)) {
        return -1;
    }
    queue->items[(queue->first + queue->count++) % queue->room] =
        (board_edge_t){.cycle = cycle, .channel = channel, .level = level};
    return 0;
}

const board_edge_t *queue_front(const queue_t *queue) {
    return queue->count ? &queue->items[queue->first] : NULL;
}

void queue_pop(queue_t *queue) {
    queue->first = (queue->first + 1) % queue->room;
    queue->count--;
}

const board_edge_t *queue_after(const queue_t *queue, uint64_t cycle, uint8_t channel) {
    const board_edge_t *found = NULL;
    for (size_t i = queue->count; i > 0; i--) { /* from the youngest: few lie behind now */
        const board_edge_t *const item = &queue->items[(queue->first + i - 1) % queue->room];
        if (item->cycle <= cycle) {
            break;
        }
        if (item->channel == channel) {
            found = item;
        }
    }
    return found;
}

void queue_free(queue_t *queue) {
    free(queue->items);
    memset(queue, 0, sizeof *queue);
}
