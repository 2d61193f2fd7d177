/* SPDX-License-Identifier: MIT */
/* The system module: one in a process, with one interface. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include "interface.h"
#include "reply.h"

#include <pthread.h>

struct system_module {
    gentl_handle_t handle;
    pthread_mutex_t lock;
    gentl_handle_t interface; /* NULL where it is not open */
    bool listed;
    bool closing;
};

typedef struct system_module system_module_t;

/* Closes the system that is open, if one is. */
void system_close_open(void);

GC_ERROR system_info(int32_t command, reply_t reply);

#endif
