/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing queue of small things that happen at a cycle, oldest first. */
#ifndef BSD_QUEUE_H
#define BSD_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "board.h"

typedef struct queue {
    board_edge_t *items; /* a byte of the serial line stands in `channel` */
    size_t first, count, room;
} queue_t;

/* 0, or -1 where there is no memory. */
int queue_push(queue_t *queue, uint64_t cycle, uint8_t channel, uint8_t level);

/* The oldest item, or NULL; it stays valid until the next push. */
const board_edge_t *queue_front(const queue_t *queue);

/* The first item of a channel that lies behind `cycle`, or NULL. */
const board_edge_t *queue_after(const queue_t *queue, uint64_t cycle, uint8_t channel);

void queue_pop(queue_t *queue);
void queue_free(queue_t *queue);

#endif
