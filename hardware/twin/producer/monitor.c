/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "monitor.h"

#include <errno.h>

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };
static uint64_t const LONGEST_MS = 1000ull * 3600 * 24 * 365 * 10;

bool monitor_init(monitor_t *monitor) {
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    bool const done = pthread_cond_init(&monitor->changed, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return done && pthread_mutex_init(&monitor->mutex, NULL) == 0;
}

void monitor_destroy(monitor_t *monitor) {
    pthread_cond_destroy(&monitor->changed);
    pthread_mutex_destroy(&monitor->mutex);
}

void monitor_lock(monitor_t *monitor) {
    pthread_mutex_lock(&monitor->mutex);
}

void monitor_unlock(monitor_t *monitor) {
    pthread_mutex_unlock(&monitor->mutex);
}

void monitor_notify(monitor_t *monitor) {
    pthread_cond_broadcast(&monitor->changed);
}

struct timespec monitor_deadline(uint64_t timeout_ms) {
    uint64_t const wait_ms = timeout_ms < LONGEST_MS ? timeout_ms : LONGEST_MS;
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    moment.tv_sec += (time_t)(wait_ms / 1000);
    moment.tv_nsec += (long)(wait_ms % 1000) * NS_PER_MS;
    if (moment.tv_nsec >= NS_PER_S) {
        moment.tv_nsec -= NS_PER_S;
        moment.tv_sec++;
    }
    return moment;
}

bool monitor_wait(monitor_t *monitor, const struct timespec *deadline) {
    if (!deadline) {
        pthread_cond_wait(&monitor->changed, &monitor->mutex);
        return true;
    }
    return pthread_cond_timedwait(&monitor->changed, &monitor->mutex, deadline) != ETIMEDOUT;
}
