/* SPDX-License-Identifier: MIT */
/* The interface module: the list of devices, and which of them this process has open. */
#ifndef INTERFACE_H
#define INTERFACE_H

#include "reply.h"
#include "wire.h"

#include <pthread.h>

enum { INTERFACE_MAX_OPEN = 16 };

struct system_module;

typedef struct {
    gentl_handle_t handle;
    struct system_module *system; /* held */
    pthread_mutex_t lock;
    wire_device_t *rows; /* as of the last update */
    size_t count;
    gentl_handle_t devices[INTERFACE_MAX_OPEN];
    bool closing;
} interface_t;

GC_ERROR interface_open(struct system_module *system, gentl_handle_t *handle);
GC_ERROR interface_close(gentl_handle_t handle);
GC_ERROR interface_info(int32_t command, reply_t reply);

/* A device that has been closed leaves its place. */
void interface_forget(interface_t *interface, gentl_handle_t device);

/* What the world says of a device that is not open here. */
int32_t interface_ask_status(const char *id);

#endif
