/* SPDX-License-Identifier: MIT */
/* Ports: registers and descriptions of every module, and of the camera itself. */
#include "device.h"
#include "failure.h"
#include "handle.h"
#include "identity.h"
#include "reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANY_PORT = HANDLE_SYSTEM | HANDLE_INTERFACE | HANDLE_DEVICE | HANDLE_REMOTE | HANDLE_STREAM,
    ID_BYTES = 64, /* a module's only register: its id, at address 0 */
    URL_SIZE = 96
};

/* Beyond any register of a camera, whose own addresses are left to it. */
static uint64_t const XML_ADDRESS = UINT64_C(0x4000000000000000);

/* The description of a module of the producer: one feature, its id. */
#define MODULE_XML(FEATURE, PORT)                                                                 \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"                                                \
    "<RegisterDescription ModelName=\"" PORT "\" VendorName=\"BSD\" ToolTip=\"Virtual rig\" "     \
    "StandardNameSpace=\"None\" SchemaMajorVersion=\"1\" SchemaMinorVersion=\"1\" "               \
    "SchemaSubMinorVersion=\"0\" MajorVersion=\"1\" MinorVersion=\"0\" SubMinorVersion=\"0\" "    \
    "ProductGuid=\"5f0d8f2e-93c6-4d0a-9d0b-3a1f0c6b7e10\" "                                       \
    "VersionGuid=\"c1a9b6f4-2b0e-4f2c-8f4b-7d6a5e4c3b21\" "                                       \
    "xmlns=\"http://www.genicam.org/GenApi/Version_1_1\">\n"                                      \
    "<Category Name=\"Root\" NameSpace=\"Standard\"><pFeature>" FEATURE                           \
    "</pFeature></Category>\n"                                                                    \
    "<StringReg Name=\"" FEATURE "\" NameSpace=\"Standard\"><Address>0</Address>"                 \
    "<Length>64</Length><AccessMode>RO</AccessMode><pPort>" PORT "</pPort></StringReg>\n"         \
    "<Port Name=\"" PORT "\"/>\n"                                                                 \
    "</RegisterDescription>\n"

typedef struct {
    gentl_handle_t handle;
    handle_kind_t kind;
    void *object;
    const char *id;
    const char *module; /* the standard's name of the kind */
    const char *name;   /* of the Port node in the description */
    const char *file;
    const char *xml;
    size_t xml_size;
} port_t;

static void set_xml(port_t *port, const char *xml) {
    port->xml = xml;
    port->xml_size = strlen(xml);
}

static void describe_module(port_t *port) {
    device_t *const device = port->object;
    switch (port->kind) {
    case HANDLE_SYSTEM:
        port->id = IDENTITY_SYSTEM, port->module = "TLSystem";
        port->name = "TLPort", port->file = "bsd-twin-system.xml";
        set_xml(port, MODULE_XML("TLID", "TLPort"));
        break;
    case HANDLE_INTERFACE:
        port->id = IDENTITY_INTERFACE, port->module = "TLInterface";
        port->name = "InterfacePort", port->file = "bsd-twin-interface.xml";
        set_xml(port, MODULE_XML("InterfaceID", "InterfacePort"));
        break;
    case HANDLE_STREAM:
        port->id = IDENTITY_STREAM, port->module = "TLDataStream";
        port->name = "StreamPort", port->file = "bsd-twin-stream.xml";
        set_xml(port, MODULE_XML("StreamID", "StreamPort"));
        break;
    case HANDLE_DEVICE:
        port->id = device->row.id, port->module = "TLDevice";
        port->name = "DevicePort", port->file = "bsd-twin-device.xml";
        set_xml(port, MODULE_XML("DeviceID", "DevicePort"));
        break;
    default:
        port->id = device->row.id, port->module = "Device";
        port->name = "Device", port->file = "bsd-twin-camera.xml";
        port->xml = device->xml, port->xml_size = device->xml_size;
    }
}

/* Holds the module behind a port until `leave`. */
static GC_ERROR enter(port_t *port, gentl_handle_t handle) {
    *port = (port_t){.handle = handle};
    port->object = handle_hold(handle, ANY_PORT, &port->kind);
    if (!port->object) {
        return handle_failure(handle, "port");
    }
    describe_module(port);
    return GC_ERR_SUCCESS;
}

static GC_ERROR leave(const port_t *port, GC_ERROR result) {
    handle_release(port->handle);
    return result;
}

static bool lies_in(uint64_t address, size_t size, uint64_t first, size_t length) {
    return address >= first && size <= length && address - first <= length - size;
}

static GC_ERROR read_camera(device_t *device, uint64_t address, void *buffer, size_t *size) {
    wire_call_t call = {.operation = WIRE_READ,
                        .address = address,
                        .argument = *size,
                        .answer = buffer,
                        .capacity = *size};
    if (*size > WIRE_MAX_REGISTER) {
        return failure(GC_ERR_INVALID_PARAMETER, "%zu bytes asked for, at most %d at once", *size,
                       WIRE_MAX_REGISTER);
    }
    GC_ERROR const result = wire_ask(&device->link, &call);
    if (result == GC_ERR_SUCCESS) {
        *size = call.answered;
    }
    return result;
}

static GC_ERROR read_port(const port_t *port, uint64_t address, void *buffer, size_t *size) {
    char id[ID_BYTES] = "";
    if (!buffer || !size || *size == 0) {
        return failure(GC_ERR_INVALID_PARAMETER, "GCReadPort: no buffer or no size");
    }
    if (lies_in(address, *size, XML_ADDRESS, port->xml_size)) {
        memcpy(buffer, port->xml + (address - XML_ADDRESS), *size);
        return GC_ERR_SUCCESS;
    }
    if (port->kind == HANDLE_REMOTE) {
        return read_camera(port->object, address, buffer, size);
    }
    if (!lies_in(address, *size, 0, sizeof id)) {
        return failure(GC_ERR_INVALID_ADDRESS, "%s: no register of %zu bytes at 0x%" PRIx64,
                       port->name, *size, address);
    }
    snprintf(id, sizeof id, "%s", port->id);
    memcpy(buffer, id + address, *size);
    return GC_ERR_SUCCESS;
}

static GC_ERROR write_port(const port_t *port, uint64_t address, const void *data, size_t *size) {
    device_t *const device = port->object;
    if (!data || !size || *size == 0 || *size > WIRE_MAX_REGISTER) {
        return failure(GC_ERR_INVALID_PARAMETER, "GCWritePort: no data, no size or too much");
    }
    if (port->kind != HANDLE_REMOTE) {
        return failure(GC_ERR_ACCESS_DENIED, "%s can only be read", port->name);
    }
    if (device->access == DEVICE_ACCESS_READONLY) {
        return failure(GC_ERR_ACCESS_DENIED, "device %s is open for reading", port->id);
    }
    wire_call_t call = {
        .operation = WIRE_WRITE, .address = address, .payload = data, .length = *size};
    GC_ERROR const result = wire_ask(&device->link, &call);
    free(call.answer);
    return result;
}

GC_ERROR GCReadPort(gentl_handle_t handle, uint64_t address, void *buffer, size_t *size) {
    port_t port;
    GC_ERROR const entered = enter(&port, handle);
    return entered ? entered : leave(&port, read_port(&port, address, buffer, size));
}

GC_ERROR GCWritePort(gentl_handle_t handle, uint64_t address, const void *buffer, size_t *size) {
    port_t port;
    GC_ERROR const entered = enter(&port, handle);
    return entered ? entered : leave(&port, write_port(&port, address, buffer, size));
}

/* One after the other up to the first that fails; `count` says how many went well. */
static GC_ERROR each(gentl_handle_t handle, register_entry_t *entries, size_t *count, bool write) {
    port_t port;
    GC_ERROR result = enter(&port, handle);
    if (result) {
        return result;
    }
    if (!entries || !count) {
        return leave(&port, failure(GC_ERR_INVALID_PARAMETER, "NULL for the entries or count"));
    }
    size_t const wanted = *count;
    for (*count = 0; *count < wanted; (*count)++) {
        register_entry_t entry;
        memcpy(&entry, entries + *count, sizeof entry);
        result = write ? write_port(&port, entry.address, entry.data, &entry.size)
                       : read_port(&port, entry.address, entry.data, &entry.size);
        memcpy(entries + *count, &entry, sizeof entry);
        if (result) {
            break;
        }
    }
    return leave(&port, result);
}

GC_ERROR GCReadPortStacked(gentl_handle_t port, register_entry_t *entries, size_t *count) {
    return each(port, entries, count, false);
}

GC_ERROR GCWritePortStacked(gentl_handle_t port, register_entry_t *entries, size_t *count) {
    return each(port, entries, count, true);
}

static GC_ERROR url_info(const port_t *port, int32_t command, reply_t reply) {
    char url[URL_SIZE];
    switch (command) {
    case URL_INFO_URL:
        snprintf(url, sizeof url, "Local:%s;%" PRIX64 ";%zX", port->file, XML_ADDRESS,
                 port->xml_size);
        return reply_string(reply, url);
    case URL_INFO_SCHEMA_VER_MAJOR:
    case URL_INFO_SCHEMA_VER_MINOR:
    case URL_INFO_FILE_VER_MAJOR:
        return reply_int32(reply, 1);
    case URL_INFO_FILE_VER_MINOR:
    case URL_INFO_FILE_VER_SUBMINOR:
        return reply_int32(reply, 0);
    case URL_INFO_FILE_SHA1_HASH:
        return failure(GC_ERR_NOT_AVAILABLE, "the description comes without a hash");
    case URL_INFO_FILE_REGISTER_ADDRESS:
        return reply_uint64(reply, XML_ADDRESS);
    case URL_INFO_FILE_SIZE:
        return reply_uint64(reply, port->xml_size);
    case URL_INFO_SCHEME:
        return reply_int32(reply, 0); /* in the registers of the port */
    case URL_INFO_FILENAME:
        return reply_string(reply, port->file);
    default:
        return reply_unknown("URL", command);
    }
}

GC_ERROR GCGetPortURL(gentl_handle_t handle, char *url, size_t *size) {
    port_t port;
    GC_ERROR const entered = enter(&port, handle);
    reply_t const reply = {NULL, url, size};
    return entered ? entered : leave(&port, url_info(&port, URL_INFO_URL, reply));
}

GC_ERROR GCGetNumPortURLs(gentl_handle_t handle, uint32_t *count) {
    port_t port;
    GC_ERROR const entered = enter(&port, handle);
    if (entered) {
        return entered;
    }
    if (!count) {
        return leave(&port, failure(GC_ERR_INVALID_PARAMETER, "NULL for the count"));
    }
    *count = 1;
    return leave(&port, GC_ERR_SUCCESS);
}

GC_ERROR GCGetPortURLInfo(gentl_handle_t handle, uint32_t index, int32_t command,
                          INFO_DATATYPE *type, void *buffer, size_t *size) {
    port_t port;
    GC_ERROR const entered = enter(&port, handle);
    if (entered) {
        return entered;
    }
    if (index != 0) {
        return leave(&port, failure(GC_ERR_INVALID_INDEX, "URL %u asked for, there is one", index));
    }
    return leave(&port, url_info(&port, command, (reply_t){type, buffer, size}));
}

static GC_ERROR port_info(const port_t *port, int32_t command, reply_t reply) {
    bool const is_camera = port->kind == HANDLE_REMOTE;
    const device_t *const device = port->object;
    switch (command) {
    case PORT_INFO_ID:
        return reply_string(reply, port->id);
    case PORT_INFO_VENDOR:
        return reply_string(reply, is_camera ? device->row.vendor : IDENTITY_VENDOR);
    case PORT_INFO_MODEL:
        return reply_string(reply, is_camera ? device->row.model : IDENTITY_MODEL);
    case PORT_INFO_TLTYPE:
        return reply_string(reply, IDENTITY_TL_TYPE);
    case PORT_INFO_MODULE:
        return reply_string(reply, port->module);
    case PORT_INFO_LITTLE_ENDIAN:
    case PORT_INFO_ACCESS_READ:
        return reply_bool(reply, true);
    case PORT_INFO_BIG_ENDIAN:
    case PORT_INFO_ACCESS_NA:
    case PORT_INFO_ACCESS_NI:
        return reply_bool(reply, false);
    case PORT_INFO_ACCESS_WRITE:
        return reply_bool(reply, is_camera && device->access != DEVICE_ACCESS_READONLY);
    case PORT_INFO_VERSION:
        return reply_string(reply, is_camera ? device->row.version : IDENTITY_VERSION);
    case PORT_INFO_PORTNAME:
        return reply_string(reply, port->name);
    default:
        return reply_unknown("port", command);
    }
}

GC_ERROR GCGetPortInfo(gentl_handle_t handle, int32_t command, INFO_DATATYPE *type, void *buffer,
                       size_t *size) {
    port_t port;
    GC_ERROR const entered = enter(&port, handle);
    return entered ? entered
                   : leave(&port, port_info(&port, command, (reply_t){type, buffer, size}));
}
