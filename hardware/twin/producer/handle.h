/* SPDX-License-Identifier: MIT */
/* The registry of handles. A handle is a number that is never dereferenced and never given out
 * twice, so a stale, foreign or doubly closed one is found out and harms nothing.
 *
 * A function that works on a module holds its handle meanwhile; a child holds its parent's for as
 * long as it lives. Closing retires the handle (nobody can hold it any more), wakes whoever waits
 * inside, and discards it once the last user has let go. */
#ifndef HANDLE_H
#define HANDLE_H

#include "gentl.h"

#include <stdbool.h>

typedef enum {
    HANDLE_SYSTEM = 1,
    HANDLE_INTERFACE = 2,
    HANDLE_DEVICE = 4,
    HANDLE_REMOTE = 8, /* the port of the camera itself; its object is the device */
    HANDLE_STREAM = 16,
    HANDLE_BUFFER = 32,
    HANDLE_EVENT = 64
} handle_kind_t;

/* NULL where memory is out. */
gentl_handle_t handle_create(handle_kind_t kind, void *object);

/* The object of a living handle of one of `kinds`, or NULL. `found` may be NULL. */
void *handle_hold(gentl_handle_t handle, unsigned kinds, handle_kind_t *found);

void handle_release(gentl_handle_t handle);

/* Makes the handle invalid and returns its object to the one caller that may close it. */
void *handle_retire(gentl_handle_t handle, handle_kind_t kind);

/* Waits for the users of a retired handle and forgets it. */
void handle_discard(gentl_handle_t handle);

/* The error of a handle that could not be held. */
GC_ERROR handle_failure(gentl_handle_t handle, const char *wanted);

/* Whether GCInitLib has been called; set by the library module alone. */
bool handle_library_is_open(void);
void handle_set_library_open(bool open);

#endif
