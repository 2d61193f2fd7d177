/* SPDX-License-Identifier: MIT */
#include "interface.h"

#include "device.h"
#include "failure.h"
#include "handle.h"
#include "identity.h"
#include "system.h"

#include <stdlib.h>
#include <string.h>

GC_ERROR interface_info(int32_t command, reply_t reply) {
    switch (command) {
    case INTERFACE_INFO_ID:
        return reply_string(reply, IDENTITY_INTERFACE);
    case INTERFACE_INFO_DISPLAYNAME:
        return reply_string(reply, IDENTITY_MODEL);
    case INTERFACE_INFO_TLTYPE:
        return reply_string(reply, IDENTITY_TL_TYPE);
    default:
        return reply_unknown("interface", command);
    }
}

/* The world's list; none where there is no world, as with no camera plugged in. */
static size_t ask_world(wire_device_t **rows) {
    wire_link_t link;
    wire_call_t call = {.operation = WIRE_LIST};
    *rows = NULL;
    if (wire_open(&link) != GC_ERR_SUCCESS) {
        return 0;
    }
    GC_ERROR const asked = wire_ask(&link, &call);
    wire_close(&link);
    size_t const count = asked == GC_ERR_SUCCESS ? call.answered / sizeof **rows : 0;
    *rows = call.answer;
    for (size_t i = 0; i < count; i++) {
        wire_device_t *const row = &(*rows)[i];
        row->id[WIRE_TEXT_SIZE - 1] = row->vendor[WIRE_TEXT_SIZE - 1] = '\0';
        row->model[WIRE_TEXT_SIZE - 1] = row->serial[WIRE_TEXT_SIZE - 1] = '\0';
        row->version[WIRE_TEXT_SIZE - 1] = '\0';
    }
    return count;
}

static const wire_device_t *find_row(const wire_device_t *rows, size_t count, const char *id) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].id, id) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

int32_t interface_ask_status(const char *id) {
    wire_device_t *rows;
    size_t const count = ask_world(&rows);
    const wire_device_t *const row = find_row(rows, count, id);
    int32_t const status = row ? row->access_status : DEVICE_ACCESS_STATUS_NOACCESS;
    free(rows);
    return status;
}

GC_ERROR interface_open(struct system_module *system, gentl_handle_t *handle) {
    /* Held first: another thread may have retired the system since its caller found it. */
    if (!handle_hold(system->handle, HANDLE_SYSTEM, NULL)) {
        return handle_failure(system->handle, "system");
    }
    interface_t *const made = calloc(1, sizeof *made);
    if (!made || !(made->handle = handle_create(HANDLE_INTERFACE, made))) {
        free(made);
        handle_release(system->handle);
        return failure(GC_ERR_OUT_OF_MEMORY, "no memory for the interface module");
    }
    made->system = system;
    pthread_mutex_init(&made->lock, NULL);
    *handle = made->handle;
    return GC_ERR_SUCCESS;
}

GC_ERROR interface_close(gentl_handle_t handle) {
    interface_t *const interface = handle_retire(handle, HANDLE_INTERFACE);
    gentl_handle_t open[INTERFACE_MAX_OPEN];
    if (!interface) {
        return handle_failure(handle, "interface");
    }
    pthread_mutex_lock(&interface->lock);
    interface->closing = true;
    memcpy(open, interface->devices, sizeof open);
    pthread_mutex_unlock(&interface->lock);
    for (size_t i = 0; i < INTERFACE_MAX_OPEN; i++) {
        if (open[i]) {
            device_close(open[i]);
        }
    }
    handle_discard(handle);
    struct system_module *const system = interface->system;
    pthread_mutex_lock(&system->lock);
    system->interface = NULL;
    pthread_mutex_unlock(&system->lock);
    handle_release(system->handle);
    pthread_mutex_destroy(&interface->lock);
    free(interface->rows);
    free(interface);
    return GC_ERR_SUCCESS;
}

void interface_forget(interface_t *interface, gentl_handle_t device) {
    pthread_mutex_lock(&interface->lock);
    for (size_t i = 0; i < INTERFACE_MAX_OPEN; i++) {
        if (interface->devices[i] == device) {
            interface->devices[i] = NULL;
        }
    }
    pthread_mutex_unlock(&interface->lock);
}

GC_ERROR IFClose(gentl_handle_t handle) {
    return interface_close(handle);
}

GC_ERROR IFGetInfo(gentl_handle_t handle, int32_t command, INFO_DATATYPE *type, void *buffer,
                   size_t *size) {
    if (!handle_hold(handle, HANDLE_INTERFACE, NULL)) {
        return handle_failure(handle, "interface");
    }
    handle_release(handle);
    return interface_info(command, (reply_t){type, buffer, size});
}

GC_ERROR IFGetParentTL(gentl_handle_t handle, gentl_handle_t *system) {
    interface_t *const interface = handle_hold(handle, HANDLE_INTERFACE, NULL);
    if (!interface) {
        return handle_failure(handle, "interface");
    }
    if (system) {
        *system = interface->system->handle;
    }
    handle_release(handle);
    return system ? GC_ERR_SUCCESS : failure(GC_ERR_INVALID_PARAMETER, "NULL for the handle");
}

static bool same_devices(const interface_t *interface, const wire_device_t *rows, size_t count) {
    if (count != interface->count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!find_row(interface->rows, interface->count, rows[i].id)) {
            return false;
        }
    }
    return true;
}

/* The world is on this machine and answers at once: the caller's timeout has nothing to bound. */
GC_ERROR IFUpdateDeviceList(gentl_handle_t handle, bool8_t *changed, uint64_t timeout_ms) {
    interface_t *const interface = handle_hold(handle, HANDLE_INTERFACE, NULL);
    wire_device_t *rows;
    (void)timeout_ms;
    if (!interface) {
        return handle_failure(handle, "interface");
    }
    size_t const count = ask_world(&rows);
    pthread_mutex_lock(&interface->lock);
    if (changed) {
        *changed = !same_devices(interface, rows, count);
    }
    free(interface->rows);
    interface->rows = rows;
    interface->count = count;
    pthread_mutex_unlock(&interface->lock);
    handle_release(handle);
    return GC_ERR_SUCCESS;
}

GC_ERROR IFGetNumDevices(gentl_handle_t handle, uint32_t *count) {
    interface_t *const interface = handle_hold(handle, HANDLE_INTERFACE, NULL);
    if (!interface) {
        return handle_failure(handle, "interface");
    }
    if (count) {
        pthread_mutex_lock(&interface->lock);
        *count = (uint32_t)interface->count;
        pthread_mutex_unlock(&interface->lock);
    }
    handle_release(handle);
    return count ? GC_ERR_SUCCESS : failure(GC_ERR_INVALID_PARAMETER, "NULL for the count");
}

GC_ERROR IFGetDeviceID(gentl_handle_t handle, uint32_t index, char *id, size_t *size) {
    interface_t *const interface = handle_hold(handle, HANDLE_INTERFACE, NULL);
    if (!interface) {
        return handle_failure(handle, "interface");
    }
    pthread_mutex_lock(&interface->lock);
    GC_ERROR const result =
        index < interface->count
            ? reply_string((reply_t){NULL, id, size}, interface->rows[index].id)
            : failure(GC_ERR_INVALID_INDEX, "device %u asked for, there are %zu", index,
                      interface->count);
    pthread_mutex_unlock(&interface->lock);
    handle_release(handle);
    return result;
}

/* The device of this id that this process has open, held; NULL where it has not. Call locked. */
static device_t *hold_open(const interface_t *interface, const char *id) {
    for (size_t i = 0; i < INTERFACE_MAX_OPEN; i++) {
        device_t *const device = handle_hold(interface->devices[i], HANDLE_DEVICE, NULL);
        if (device && strcmp(device->row.id, id) == 0) {
            return device;
        }
        if (device) {
            handle_release(device->handle);
        }
    }
    return NULL;
}

GC_ERROR IFGetDeviceInfo(gentl_handle_t handle, const char *id, int32_t command,
                         INFO_DATATYPE *type, void *buffer, size_t *size) {
    reply_t const reply = {type, buffer, size};
    interface_t *const interface = handle_hold(handle, HANDLE_INTERFACE, NULL);
    if (!interface) {
        return handle_failure(handle, "interface");
    }
    GC_ERROR result;
    if (!id) {
        result = failure(GC_ERR_INVALID_PARAMETER, "the id of the device is NULL");
    } else {
        pthread_mutex_lock(&interface->lock);
        const wire_device_t *const found = find_row(interface->rows, interface->count, id);
        device_t *const open = hold_open(interface, id);
        wire_device_t const row = found ? *found : (wire_device_t){0};
        pthread_mutex_unlock(&interface->lock);
        if (open) {
            result = device_info(open, command, reply);
            handle_release(open->handle);
        } else if (found) {
            result = command == DEVICE_INFO_ACCESS_STATUS
                         ? reply_int32(reply, interface_ask_status(id))
                         : device_describe(&row, command, reply);
        } else {
            result = failure(GC_ERR_INVALID_ID, "no device has the id %s", id);
        }
    }
    handle_release(handle);
    return result;
}

/* Call with the interface locked. */
static GC_ERROR open_listed(interface_t *interface, const char *id, int32_t access,
                            gentl_handle_t *device) {
    const wire_device_t *const row = find_row(interface->rows, interface->count, id);
    device_t *const open = hold_open(interface, id);
    size_t place = 0;
    if (open) {
        handle_release(open->handle);
        return failure(GC_ERR_RESOURCE_IN_USE, "device %s is open in this process already", id);
    }
    if (interface->closing) {
        return failure(GC_ERR_INVALID_HANDLE, "the interface is being closed");
    }
    if (!row) {
        return failure(GC_ERR_INVALID_ID, "no device has the id %s; update the list", id);
    }
    while (place < INTERFACE_MAX_OPEN && interface->devices[place]) {
        place++;
    }
    if (place == INTERFACE_MAX_OPEN) {
        return failure(GC_ERR_RESOURCE_EXHAUSTED, "%d devices are open", INTERFACE_MAX_OPEN);
    }
    GC_ERROR const result = device_open(interface, row, access, device);
    if (result == GC_ERR_SUCCESS) {
        interface->devices[place] = *device;
    }
    return result;
}

GC_ERROR IFOpenDevice(gentl_handle_t handle, const char *id, int32_t access,
                      gentl_handle_t *device) {
    interface_t *const interface = handle_hold(handle, HANDLE_INTERFACE, NULL);
    GC_ERROR result;
    if (!interface) {
        return handle_failure(handle, "interface");
    }
    if (!id || !device) {
        result = failure(GC_ERR_INVALID_PARAMETER, "IFOpenDevice: NULL for id or handle");
    } else if (access < DEVICE_ACCESS_READONLY || access > DEVICE_ACCESS_EXCLUSIVE) {
        result = failure(GC_ERR_INVALID_PARAMETER, "IFOpenDevice: no access of kind %d", access);
    } else {
        pthread_mutex_lock(&interface->lock);
        result = open_listed(interface, id, access, device);
        pthread_mutex_unlock(&interface->lock);
    }
    handle_release(handle);
    return result;
}
