/* SPDX-License-Identifier: MIT */
/* A mutex and a condition that counts time on the monotonic clock. */
#ifndef MONITOR_H
#define MONITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
} monitor_t;

bool monitor_init(monitor_t *monitor);
void monitor_destroy(monitor_t *monitor);
void monitor_lock(monitor_t *monitor);
void monitor_unlock(monitor_t *monitor);
void monitor_notify(monitor_t *monitor);

/* The moment `timeout_ms` from now, held within what a clock can say. */
struct timespec monitor_deadline(uint64_t timeout_ms);

/* Waits for a notification, for ever where `deadline` is NULL; false once that has passed. */
bool monitor_wait(monitor_t *monitor, const struct timespec *deadline);

#endif
