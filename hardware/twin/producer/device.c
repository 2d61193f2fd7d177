/* SPDX-License-Identifier: MIT */
#include "device.h"

#include "failure.h"
#include "handle.h"
#include "identity.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

GC_ERROR device_describe(const wire_device_t *row, int32_t command, reply_t reply) {
    char name[2 * WIRE_TEXT_SIZE + 4];
    switch (command) {
    case DEVICE_INFO_ID:
        return reply_string(reply, row->id);
    case DEVICE_INFO_VENDOR:
        return reply_string(reply, row->vendor);
    case DEVICE_INFO_MODEL:
        return reply_string(reply, row->model);
    case DEVICE_INFO_TLTYPE:
        return reply_string(reply, IDENTITY_TL_TYPE);
    case DEVICE_INFO_DISPLAYNAME:
        snprintf(name, sizeof name, "%s (%s)", row->model, row->serial);
        return reply_string(reply, name);
    case DEVICE_INFO_USER_DEFINED_NAME:
        return reply_string(reply, ""); /* the list has none: the feature DeviceUserID says it */
    case DEVICE_INFO_SERIAL_NUMBER:
        return reply_string(reply, row->serial);
    case DEVICE_INFO_VERSION:
        return reply_string(reply, row->version);
    case DEVICE_INFO_TIMESTAMP_FREQUENCY:
        return reply_uint64(reply, IDENTITY_TICKS_HZ);
    default:
        return reply_unknown("device", command);
    }
}

GC_ERROR device_info(device_t *device, int32_t command, reply_t reply) {
    if (command != DEVICE_INFO_ACCESS_STATUS) {
        return device_describe(&device->row, command, reply);
    }
    int32_t const open = device->access == DEVICE_ACCESS_READONLY
                             ? DEVICE_ACCESS_STATUS_OPEN_READONLY
                             : DEVICE_ACCESS_STATUS_OPEN_READWRITE;
    return reply_int32(reply,
                       wire_is_alive(&device->link) ? open : DEVICE_ACCESS_STATUS_NOACCESS);
}

/* Takes hold of the camera: its token for the stream and its description. */
static GC_ERROR acquire(device_t *device) {
    wire_call_t open = {.operation = WIRE_OPEN,
                        .argument = (uint64_t)device->access,
                        .payload = device->row.id,
                        .length = strlen(device->row.id),
                        .answer = &device->token,
                        .capacity = sizeof device->token};
    wire_call_t describe = {.operation = WIRE_XML};
    GC_ERROR result = wire_ask(&device->link, &open);
    if (!result) {
        result = wire_ask(&device->link, &describe);
    }
    device->xml = describe.answer;
    device->xml_size = describe.answered;
    if (!result && device->xml_size == 0) {
        result = failure(GC_ERR_IO, "device %s has no description", device->row.id);
    }
    return result;
}

static void destroy(device_t *device) {
    pthread_mutex_destroy(&device->lock);
    free(device->xml);
    free(device);
}

/* Call with the interface held for the device. */
static GC_ERROR make(interface_t *interface, const wire_device_t *row, int32_t access,
                     gentl_handle_t *handle) {
    device_t *const made = calloc(1, sizeof *made);
    if (!made) {
        return failure(GC_ERR_OUT_OF_MEMORY, "no memory for the device module");
    }
    made->interface = interface;
    made->row = *row;
    made->access = access;
    pthread_mutex_init(&made->lock, NULL);
    GC_ERROR result = wire_open(&made->link);
    if (result) {
        destroy(made);
        return result;
    }
    result = acquire(made);
    made->handle = result ? NULL : handle_create(HANDLE_DEVICE, made);
    made->remote = made->handle ? handle_create(HANDLE_REMOTE, made) : NULL;
    if (!made->remote) {
        if (made->handle && handle_retire(made->handle, HANDLE_DEVICE)) {
            handle_discard(made->handle);
        }
        wire_close(&made->link);
        destroy(made);
        return result ? result : failure(GC_ERR_OUT_OF_MEMORY, "no memory for the device's handle");
    }
    *handle = made->handle;
    return GC_ERR_SUCCESS;
}

GC_ERROR device_open(interface_t *interface, const wire_device_t *row, int32_t access,
                     gentl_handle_t *handle) {
    /* Held first: another thread may have retired the interface since its caller found it. */
    if (!handle_hold(interface->handle, HANDLE_INTERFACE, NULL)) {
        return handle_failure(interface->handle, "interface");
    }
    GC_ERROR const result = make(interface, row, access, handle);
    if (result) {
        handle_release(interface->handle);
    }
    return result;
}

GC_ERROR device_close(gentl_handle_t handle) {
    device_t *const device = handle_retire(handle, HANDLE_DEVICE);
    wire_call_t goodbye = {.operation = WIRE_CLOSE};
    if (!device) {
        return handle_failure(handle, "device");
    }
    pthread_mutex_lock(&device->lock);
    device->closing = true;
    gentl_handle_t const stream = device->stream;
    pthread_mutex_unlock(&device->lock);
    if (stream) {
        stream_close(stream);
    }
    handle_retire(device->remote, HANDLE_REMOTE);
    handle_discard(device->remote);
    handle_discard(handle);
    /* Answered before this returns, so that the camera is free for whoever opens it next. A lost
     * one cannot answer and need not. */
    if (wire_is_alive(&device->link)) {
        wire_ask(&device->link, &goodbye);
    }
    wire_close(&device->link);
    interface_forget(device->interface, handle);
    handle_release(device->interface->handle);
    destroy(device);
    return GC_ERR_SUCCESS;
}

GC_ERROR DevClose(gentl_handle_t handle) {
    return device_close(handle);
}

GC_ERROR DevGetInfo(gentl_handle_t handle, int32_t command, INFO_DATATYPE *type, void *buffer,
                    size_t *size) {
    device_t *const device = handle_hold(handle, HANDLE_DEVICE, NULL);
    if (!device) {
        return handle_failure(handle, "device");
    }
    GC_ERROR const result = device_info(device, command, (reply_t){type, buffer, size});
    handle_release(handle);
    return result;
}

GC_ERROR DevGetPort(gentl_handle_t handle, gentl_handle_t *port) {
    device_t *const device = handle_hold(handle, HANDLE_DEVICE, NULL);
    if (!device) {
        return handle_failure(handle, "device");
    }
    if (port) {
        *port = device->remote;
    }
    handle_release(handle);
    return port ? GC_ERR_SUCCESS : failure(GC_ERR_INVALID_PARAMETER, "NULL for the port");
}

GC_ERROR DevGetParentIF(gentl_handle_t handle, gentl_handle_t *interface) {
    device_t *const device = handle_hold(handle, HANDLE_DEVICE, NULL);
    if (!device) {
        return handle_failure(handle, "device");
    }
    if (interface) {
        *interface = device->interface->handle;
    }
    handle_release(handle);
    return interface ? GC_ERR_SUCCESS : failure(GC_ERR_INVALID_PARAMETER, "NULL for the handle");
}

GC_ERROR DevGetNumDataStreams(gentl_handle_t handle, uint32_t *count) {
    if (!handle_hold(handle, HANDLE_DEVICE, NULL)) {
        return handle_failure(handle, "device");
    }
    handle_release(handle);
    if (!count) {
        return failure(GC_ERR_INVALID_PARAMETER, "NULL for the count");
    }
    *count = 1;
    return GC_ERR_SUCCESS;
}

GC_ERROR DevGetDataStreamID(gentl_handle_t handle, uint32_t index, char *id, size_t *size) {
    if (!handle_hold(handle, HANDLE_DEVICE, NULL)) {
        return handle_failure(handle, "device");
    }
    handle_release(handle);
    if (index != 0) {
        return failure(GC_ERR_INVALID_INDEX, "data stream %u asked for, there is one", index);
    }
    return reply_string((reply_t){NULL, id, size}, IDENTITY_STREAM);
}

GC_ERROR DevOpenDataStream(gentl_handle_t handle, const char *id, gentl_handle_t *stream) {
    device_t *const device = handle_hold(handle, HANDLE_DEVICE, NULL);
    GC_ERROR result;
    if (!device) {
        return handle_failure(handle, "device");
    }
    pthread_mutex_lock(&device->lock);
    if (!id || !stream) {
        result = failure(GC_ERR_INVALID_PARAMETER, "DevOpenDataStream: NULL for id or handle");
    } else if (strcmp(id, IDENTITY_STREAM) != 0) {
        result = failure(GC_ERR_INVALID_ID, "no data stream has the id %s", id);
    } else if (device->closing) {
        result = failure(GC_ERR_INVALID_HANDLE, "the device is being closed");
    } else if (device->stream) {
        result = failure(GC_ERR_RESOURCE_IN_USE, "the data stream is open already");
    } else {
        result = stream_open(device, &device->stream);
        *stream = device->stream;
    }
    pthread_mutex_unlock(&device->lock);
    handle_release(handle);
    return result;
}
