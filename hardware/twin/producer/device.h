/* SPDX-License-Identifier: MIT */
/* The device module: the connection to one camera and its description. */
#ifndef DEVICE_H
#define DEVICE_H

#include "interface.h"
#include "reply.h"
#include "wire.h"

typedef struct {
    gentl_handle_t handle;
    gentl_handle_t remote;  /* the port of the camera itself */
    interface_t *interface; /* held */
    wire_device_t row;
    int32_t access;
    wire_link_t link;
    wire_token_t token;
    char *xml; /* GenApi description, as the camera gave it */
    size_t xml_size;
    pthread_mutex_t lock;
    gentl_handle_t stream; /* NULL where it is not open */
    bool closing;
} device_t;

GC_ERROR device_open(interface_t *interface, const wire_device_t *row, int32_t access,
                     gentl_handle_t *handle);
GC_ERROR device_close(gentl_handle_t handle);
GC_ERROR device_info(device_t *device, int32_t command, reply_t reply);

/* What the list tells of a device; it says nothing of the access status. */
GC_ERROR device_describe(const wire_device_t *row, int32_t command, reply_t reply);

#endif
