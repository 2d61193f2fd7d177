/* SPDX-License-Identifier: MIT */
#include "system.h"

#include "failure.h"
#include "handle.h"
#include "identity.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

static pthread_mutex_t one_lock = PTHREAD_MUTEX_INITIALIZER;
static gentl_handle_t the_one; /* a process opens one system at a time */

GC_ERROR system_info(int32_t command, reply_t reply) {
    switch (command) {
    case TL_INFO_ID:
        return reply_string(reply, IDENTITY_SYSTEM);
    case TL_INFO_VENDOR:
        return reply_string(reply, IDENTITY_VENDOR);
    case TL_INFO_MODEL:
    case TL_INFO_DISPLAYNAME:
        return reply_string(reply, IDENTITY_MODEL);
    case TL_INFO_VERSION:
        return reply_string(reply, IDENTITY_VERSION);
    case TL_INFO_TLTYPE:
        return reply_string(reply, IDENTITY_TL_TYPE);
    case TL_INFO_NAME:
        return reply_string(reply, IDENTITY_FILE);
    case TL_INFO_PATHNAME:
        return reply_string(reply, wire_library_path());
    case TL_INFO_CHAR_ENCODING:
        return reply_int32(reply, 1); /* UTF-8 */
    case TL_INFO_GENTL_VER_MAJOR:
        return reply_uint32(reply, 1);
    case TL_INFO_GENTL_VER_MINOR:
        return reply_uint32(reply, 5);
    default:
        return reply_unknown("system", command);
    }
}

GC_ERROR TLOpen(gentl_handle_t *system) {
    GC_ERROR result = GC_ERR_SUCCESS;
    if (!handle_library_is_open()) {
        return failure(GC_ERR_NOT_INITIALIZED, "TLOpen before GCInitLib");
    }
    if (!system) {
        return failure(GC_ERR_INVALID_PARAMETER, "TLOpen: the pointer to the handle is NULL");
    }
    pthread_mutex_lock(&one_lock);
    system_module_t *const made = the_one ? NULL : calloc(1, sizeof *made);
    if (the_one) {
        result = failure(GC_ERR_RESOURCE_IN_USE, "the system is open in this process already");
    } else if (!made || !(made->handle = handle_create(HANDLE_SYSTEM, made))) {
        free(made);
        result = failure(GC_ERR_OUT_OF_MEMORY, "no memory for the system module");
    } else {
        pthread_mutex_init(&made->lock, NULL);
        the_one = made->handle;
        *system = made->handle;
    }
    pthread_mutex_unlock(&one_lock);
    return result;
}

GC_ERROR TLClose(gentl_handle_t handle) {
    system_module_t *const system = handle_retire(handle, HANDLE_SYSTEM);
    if (!system) {
        return handle_failure(handle, "system");
    }
    pthread_mutex_lock(&system->lock);
    system->closing = true;
    gentl_handle_t const interface = system->interface;
    pthread_mutex_unlock(&system->lock);
    if (interface) {
        interface_close(interface);
    }
    handle_discard(handle);
    pthread_mutex_destroy(&system->lock);
    free(system);
    pthread_mutex_lock(&one_lock);
    the_one = NULL;
    pthread_mutex_unlock(&one_lock);
    return GC_ERR_SUCCESS;
}

void system_close_open(void) {
    pthread_mutex_lock(&one_lock);
    gentl_handle_t const open = the_one;
    pthread_mutex_unlock(&one_lock);
    if (open) {
        TLClose(open);
    }
}

GC_ERROR TLGetInfo(gentl_handle_t handle, int32_t command, INFO_DATATYPE *type, void *buffer,
                   size_t *size) {
    if (!handle_hold(handle, HANDLE_SYSTEM, NULL)) {
        return handle_failure(handle, "system");
    }
    GC_ERROR const result = system_info(command, (reply_t){type, buffer, size});
    handle_release(handle);
    return result;
}

GC_ERROR TLGetNumInterfaces(gentl_handle_t handle, uint32_t *count) {
    if (!handle_hold(handle, HANDLE_SYSTEM, NULL)) {
        return handle_failure(handle, "system");
    }
    handle_release(handle);
    if (!count) {
        return failure(GC_ERR_INVALID_PARAMETER, "the pointer to the count is NULL");
    }
    *count = 1;
    return GC_ERR_SUCCESS;
}

GC_ERROR TLGetInterfaceID(gentl_handle_t handle, uint32_t index, char *id, size_t *size) {
    if (!handle_hold(handle, HANDLE_SYSTEM, NULL)) {
        return handle_failure(handle, "system");
    }
    handle_release(handle);
    if (index != 0) {
        return failure(GC_ERR_INVALID_INDEX, "interface %u asked for, there is one", index);
    }
    return reply_string((reply_t){NULL, id, size}, IDENTITY_INTERFACE);
}

static GC_ERROR check_interface(const char *id) {
    if (!id) {
        return failure(GC_ERR_INVALID_PARAMETER, "the id of the interface is NULL");
    }
    if (strcmp(id, IDENTITY_INTERFACE) != 0) {
        return failure(GC_ERR_INVALID_ID, "no interface has the id %s", id);
    }
    return GC_ERR_SUCCESS;
}

GC_ERROR TLGetInterfaceInfo(gentl_handle_t handle, const char *id, int32_t command,
                            INFO_DATATYPE *type, void *buffer, size_t *size) {
    if (!handle_hold(handle, HANDLE_SYSTEM, NULL)) {
        return handle_failure(handle, "system");
    }
    handle_release(handle);
    GC_ERROR const checked = check_interface(id);
    return checked ? checked : interface_info(command, (reply_t){type, buffer, size});
}

GC_ERROR TLOpenInterface(gentl_handle_t handle, const char *id, gentl_handle_t *interface) {
    system_module_t *const system = handle_hold(handle, HANDLE_SYSTEM, NULL);
    if (!system) {
        return handle_failure(handle, "system");
    }
    GC_ERROR result = check_interface(id);
    if (!result && !interface) {
        result = failure(GC_ERR_INVALID_PARAMETER, "the pointer to the handle is NULL");
    }
    if (!result) {
        pthread_mutex_lock(&system->lock);
        if (system->closing) {
            result = failure(GC_ERR_INVALID_HANDLE, "the system is being closed");
        } else if (system->interface) {
            result = failure(GC_ERR_RESOURCE_IN_USE, "interface %s is open already", id);
        } else {
            result = interface_open(system, &system->interface);
            *interface = system->interface;
        }
        pthread_mutex_unlock(&system->lock);
    }
    handle_release(handle);
    return result;
}

/* The one interface is always there: nothing is looked for and the list changes once. */
GC_ERROR TLUpdateInterfaceList(gentl_handle_t handle, bool8_t *changed, uint64_t timeout_ms) {
    system_module_t *const system = handle_hold(handle, HANDLE_SYSTEM, NULL);
    (void)timeout_ms;
    if (!system) {
        return handle_failure(handle, "system");
    }
    pthread_mutex_lock(&system->lock);
    if (changed) {
        *changed = !system->listed;
    }
    system->listed = true;
    pthread_mutex_unlock(&system->lock);
    handle_release(handle);
    return GC_ERR_SUCCESS;
}
