/* SPDX-License-Identifier: MIT */
/* GenTL 1.5: the numbers, structures and functions that this producer speaks, declared from the
 * tables of the standard. Names of functions, codes and commands are the standard's. */
#ifndef GENTL_H
#define GENTL_H

#include <stddef.h>
#include <stdint.h>

typedef int32_t GC_ERROR;
typedef int32_t INFO_DATATYPE;
typedef uint8_t bool8_t;
typedef void *gentl_handle_t; /* TL, IF, DEV, DS, PORT, BUFFER and EVENT handles alike */

#define GENTL_INFINITE UINT64_MAX

enum {
    GC_ERR_SUCCESS = 0,
    GC_ERR_ERROR = -1001,
    GC_ERR_NOT_INITIALIZED = -1002,
    GC_ERR_NOT_IMPLEMENTED = -1003,
    GC_ERR_RESOURCE_IN_USE = -1004,
    GC_ERR_ACCESS_DENIED = -1005,
    GC_ERR_INVALID_HANDLE = -1006,
    GC_ERR_INVALID_ID = -1007,
    GC_ERR_NO_DATA = -1008,
    GC_ERR_INVALID_PARAMETER = -1009,
    GC_ERR_IO = -1010,
    GC_ERR_TIMEOUT = -1011,
    GC_ERR_ABORT = -1012,
    GC_ERR_INVALID_BUFFER = -1013,
    GC_ERR_NOT_AVAILABLE = -1014,
    GC_ERR_INVALID_ADDRESS = -1015,
    GC_ERR_BUFFER_TOO_SMALL = -1016,
    GC_ERR_INVALID_INDEX = -1017,
    GC_ERR_INVALID_VALUE = -1019,
    GC_ERR_RESOURCE_EXHAUSTED = -1020,
    GC_ERR_OUT_OF_MEMORY = -1021,
    GC_ERR_BUSY = -1022
};

enum {
    INFO_DATATYPE_UNKNOWN = 0,
    INFO_DATATYPE_STRING = 1,
    INFO_DATATYPE_INT32 = 5,
    INFO_DATATYPE_UINT32 = 6,
    INFO_DATATYPE_UINT64 = 8,
    INFO_DATATYPE_PTR = 10,
    INFO_DATATYPE_BOOL8 = 11,
    INFO_DATATYPE_SIZET = 12
};

enum {
    TL_INFO_ID = 0,
    TL_INFO_VENDOR = 1,
    TL_INFO_MODEL = 2,
    TL_INFO_VERSION = 3,
    TL_INFO_TLTYPE = 4,
    TL_INFO_NAME = 5,
    TL_INFO_PATHNAME = 6,
    TL_INFO_DISPLAYNAME = 7,
    TL_INFO_CHAR_ENCODING = 8,
    TL_INFO_GENTL_VER_MAJOR = 9,
    TL_INFO_GENTL_VER_MINOR = 10
};

enum { INTERFACE_INFO_ID = 0, INTERFACE_INFO_DISPLAYNAME = 1, INTERFACE_INFO_TLTYPE = 2 };

enum {
    DEVICE_INFO_ID = 0,
    DEVICE_INFO_VENDOR = 1,
    DEVICE_INFO_MODEL = 2,
    DEVICE_INFO_TLTYPE = 3,
    DEVICE_INFO_DISPLAYNAME = 4,
    DEVICE_INFO_ACCESS_STATUS = 5,
    DEVICE_INFO_USER_DEFINED_NAME = 6,
    DEVICE_INFO_SERIAL_NUMBER = 7,
    DEVICE_INFO_VERSION = 8,
    DEVICE_INFO_TIMESTAMP_FREQUENCY = 9
};

enum {
    DEVICE_ACCESS_STATUS_UNKNOWN = 0,
    DEVICE_ACCESS_STATUS_READWRITE = 1,
    DEVICE_ACCESS_STATUS_NOACCESS = 3,
    DEVICE_ACCESS_STATUS_BUSY = 4,
    DEVICE_ACCESS_STATUS_OPEN_READWRITE = 5,
    DEVICE_ACCESS_STATUS_OPEN_READONLY = 6
};

enum { DEVICE_ACCESS_READONLY = 2, DEVICE_ACCESS_CONTROL = 3, DEVICE_ACCESS_EXCLUSIVE = 4 };

enum {
    PORT_INFO_ID = 0,
    PORT_INFO_VENDOR = 1,
    PORT_INFO_MODEL = 2,
    PORT_INFO_TLTYPE = 3,
    PORT_INFO_MODULE = 4,
    PORT_INFO_LITTLE_ENDIAN = 5,
    PORT_INFO_BIG_ENDIAN = 6,
    PORT_INFO_ACCESS_READ = 7,
    PORT_INFO_ACCESS_WRITE = 8,
    PORT_INFO_ACCESS_NA = 9,
    PORT_INFO_ACCESS_NI = 10,
    PORT_INFO_VERSION = 11,
    PORT_INFO_PORTNAME = 12
};

enum {
    URL_INFO_URL = 0,
    URL_INFO_SCHEMA_VER_MAJOR = 1,
    URL_INFO_SCHEMA_VER_MINOR = 2,
    URL_INFO_FILE_VER_MAJOR = 3,
    URL_INFO_FILE_VER_MINOR = 4,
    URL_INFO_FILE_VER_SUBMINOR = 5,
    URL_INFO_FILE_SHA1_HASH = 6,
    URL_INFO_FILE_REGISTER_ADDRESS = 7,
    URL_INFO_FILE_SIZE = 8,
    URL_INFO_SCHEME = 9,
    URL_INFO_FILENAME = 10
};

enum {
    STREAM_INFO_ID = 0,
    STREAM_INFO_NUM_DELIVERED = 1,
    STREAM_INFO_NUM_UNDERRUN = 2,
    STREAM_INFO_NUM_ANNOUNCED = 3,
    STREAM_INFO_NUM_QUEUED = 4,
    STREAM_INFO_NUM_AWAIT_DELIVERY = 5,
    STREAM_INFO_NUM_STARTED = 6,
    STREAM_INFO_PAYLOAD_SIZE = 7,
    STREAM_INFO_IS_GRABBING = 8,
    STREAM_INFO_DEFINES_PAYLOADSIZE = 9,
    STREAM_INFO_TLTYPE = 10,
    STREAM_INFO_NUM_CHUNKS_MAX = 11,
    STREAM_INFO_BUF_ANNOUNCE_MIN = 12,
    STREAM_INFO_BUF_ALIGNMENT = 13
};

enum {
    BUFFER_INFO_BASE = 0,
    BUFFER_INFO_SIZE = 1,
    BUFFER_INFO_USER_PTR = 2,
    BUFFER_INFO_TIMESTAMP = 3,
    BUFFER_INFO_NEW_DATA = 4,
    BUFFER_INFO_IS_QUEUED = 5,
    BUFFER_INFO_IS_ACQUIRING = 6,
    BUFFER_INFO_IS_INCOMPLETE = 7,
    BUFFER_INFO_TLTYPE = 8,
    BUFFER_INFO_SIZE_FILLED = 9,
    BUFFER_INFO_WIDTH = 10,
    BUFFER_INFO_HEIGHT = 11,
    BUFFER_INFO_XOFFSET = 12,
    BUFFER_INFO_YOFFSET = 13,
    BUFFER_INFO_XPADDING = 14,
    BUFFER_INFO_YPADDING = 15,
    BUFFER_INFO_FRAMEID = 16,
    BUFFER_INFO_IMAGEPRESENT = 17,
    BUFFER_INFO_IMAGEOFFSET = 18,
    BUFFER_INFO_PAYLOADTYPE = 19,
    BUFFER_INFO_PIXELFORMAT = 20,
    BUFFER_INFO_PIXELFORMAT_NAMESPACE = 21,
    BUFFER_INFO_DELIVERED_IMAGEHEIGHT = 22,
    BUFFER_INFO_DELIVERED_CHUNKPAYLOADSIZE = 23,
    BUFFER_INFO_PIXEL_ENDIANNESS = 26,
    BUFFER_INFO_DATA_SIZE = 27,
    BUFFER_INFO_TIMESTAMP_NS = 28,
    BUFFER_INFO_DATA_LARGER_THAN_BUFFER = 29,
    BUFFER_INFO_CONTAINS_CHUNKDATA = 30
};

enum { PAYLOAD_TYPE_UNKNOWN = 0, PAYLOAD_TYPE_IMAGE = 1 };
enum { PIXELFORMAT_NAMESPACE_PFNC_32BIT = 4, PIXELENDIANNESS_LITTLE = 1 };

enum {
    ACQ_QUEUE_INPUT_TO_OUTPUT = 0,
    ACQ_QUEUE_OUTPUT_DISCARD = 1,
    ACQ_QUEUE_ALL_TO_INPUT = 2,
    ACQ_QUEUE_UNQUEUED_TO_INPUT = 3,
    ACQ_QUEUE_ALL_DISCARD = 4
};

enum { ACQ_STOP_FLAGS_KILL = 1 };

enum {
    EVENT_ERROR = 0,
    EVENT_NEW_BUFFER = 1,
    EVENT_FEATURE_INVALIDATE = 2,
    EVENT_FEATURE_CHANGE = 3,
    EVENT_REMOTE_DEVICE = 4,
    EVENT_MODULE = 5
};

enum {
    EVENT_EVENT_TYPE = 0,
    EVENT_NUM_IN_QUEUE = 1,
    EVENT_NUM_FIRED = 2,
    EVENT_SIZE_MAX = 3,
    EVENT_INFO_DATA_SIZE_MAX = 4
};

enum { EVENT_DATA_ID = 0, EVENT_DATA_VALUE = 1, EVENT_DATA_NUMID = 2 };

#pragma pack(push, 1)
typedef struct {
    gentl_handle_t buffer;
    void *user;
} new_buffer_data_t;

typedef struct {
    uint64_t address;
    void *data;
    size_t size;
} register_entry_t;

typedef struct {
    uint64_t chunk_id;
    ptrdiff_t offset;
    size_t length;
} single_chunk_t;
#pragma pack(pop)

#pragma GCC visibility push(default)
GC_ERROR GCInitLib(void);
GC_ERROR GCCloseLib(void);
GC_ERROR GCGetInfo(int32_t command, INFO_DATATYPE *type, void *buffer, size_t *size);
GC_ERROR GCGetLastError(GC_ERROR *code, char *text, size_t *size);

GC_ERROR GCReadPort(gentl_handle_t port, uint64_t address, void *buffer, size_t *size);
GC_ERROR GCWritePort(gentl_handle_t port, uint64_t address, const void *buffer, size_t *size);
GC_ERROR GCReadPortStacked(gentl_handle_t port, register_entry_t *entries, size_t *count);
GC_ERROR GCWritePortStacked(gentl_handle_t port, register_entry_t *entries, size_t *count);
GC_ERROR GCGetPortURL(gentl_handle_t port, char *url, size_t *size);
GC_ERROR GCGetNumPortURLs(gentl_handle_t port, uint32_t *count);
GC_ERROR GCGetPortURLInfo(gentl_handle_t port, uint32_t index, int32_t command,
                          INFO_DATATYPE *type, void *buffer, size_t *size);
GC_ERROR GCGetPortInfo(gentl_handle_t port, int32_t command, INFO_DATATYPE *type, void *buffer,
                       size_t *size);

GC_ERROR GCRegisterEvent(gentl_handle_t source, int32_t type, gentl_handle_t *event);
GC_ERROR GCUnregisterEvent(gentl_handle_t source, int32_t type);
GC_ERROR EventGetData(gentl_handle_t event, void *buffer, size_t *size, uint64_t timeout_ms);
GC_ERROR EventGetDataInfo(gentl_handle_t event, const void *data, size_t data_size,
                          int32_t command, INFO_DATATYPE *type, void *buffer, size_t *size);
GC_ERROR EventGetInfo(gentl_handle_t event, int32_t command, INFO_DATATYPE *type, void *buffer,
                      size_t *size);
GC_ERROR EventFlush(gentl_handle_t event);
GC_ERROR EventKill(gentl_handle_t event);

GC_ERROR TLOpen(gentl_handle_t *system);
GC_ERROR TLClose(gentl_handle_t system);
GC_ERROR TLGetInfo(gentl_handle_t system, int32_t command, INFO_DATATYPE *type, void *buffer,
                   size_t *size);
GC_ERROR TLGetNumInterfaces(gentl_handle_t system, uint32_t *count);
GC_ERROR TLGetInterfaceID(gentl_handle_t system, uint32_t index, char *id, size_t *size);
GC_ERROR TLGetInterfaceInfo(gentl_handle_t system, const char *id, int32_t command,
                            INFO_DATATYPE *type, void *buffer, size_t *size);
GC_ERROR TLOpenInterface(gentl_handle_t system, const char *id, gentl_handle_t *interface);
GC_ERROR TLUpdateInterfaceList(gentl_handle_t system, bool8_t *changed, uint64_t timeout_ms);

GC_ERROR IFClose(gentl_handle_t interface);
GC_ERROR IFGetInfo(gentl_handle_t interface, int32_t command, INFO_DATATYPE *type, void *buffer,
                   size_t *size);
GC_ERROR IFGetNumDevices(gentl_handle_t interface, uint32_t *count);
GC_ERROR IFGetDeviceID(gentl_handle_t interface, uint32_t index, char *id, size_t *size);
GC_ERROR IFUpdateDeviceList(gentl_handle_t interface, bool8_t *changed, uint64_t timeout_ms);
GC_ERROR IFGetDeviceInfo(gentl_handle_t interface, const char *id, int32_t command,
                         INFO_DATATYPE *type, void *buffer, size_t *size);
GC_ERROR IFOpenDevice(gentl_handle_t interface, const char *id, int32_t access,
                      gentl_handle_t *device);
GC_ERROR IFGetParentTL(gentl_handle_t interface, gentl_handle_t *system);

GC_ERROR DevClose(gentl_handle_t device);
GC_ERROR DevGetInfo(gentl_handle_t device, int32_t command, INFO_DATATYPE *type, void *buffer,
                    size_t *size);
GC_ERROR DevGetPort(gentl_handle_t device, gentl_handle_t *port);
GC_ERROR DevGetNumDataStreams(gentl_handle_t device, uint32_t *count);
GC_ERROR DevGetDataStreamID(gentl_handle_t device, uint32_t index, char *id, size_t *size);
GC_ERROR DevOpenDataStream(gentl_handle_t device, const char *id, gentl_handle_t *stream);
GC_ERROR DevGetParentIF(gentl_handle_t device, gentl_handle_t *interface);

GC_ERROR DSClose(gentl_handle_t stream);
GC_ERROR DSGetInfo(gentl_handle_t stream, int32_t command, INFO_DATATYPE *type, void *buffer,
                   size_t *size);
GC_ERROR DSAnnounceBuffer(gentl_handle_t stream, void *base, size_t size, void *user,
                          gentl_handle_t *buffer);
GC_ERROR DSAllocAndAnnounceBuffer(gentl_handle_t stream, size_t size, void *user,
                                  gentl_handle_t *buffer);
GC_ERROR DSRevokeBuffer(gentl_handle_t stream, gentl_handle_t buffer, void **base, void **user);
GC_ERROR DSQueueBuffer(gentl_handle_t stream, gentl_handle_t buffer);
GC_ERROR DSFlushQueue(gentl_handle_t stream, int32_t operation);
GC_ERROR DSStartAcquisition(gentl_handle_t stream, int32_t flags, uint64_t frames);
GC_ERROR DSStopAcquisition(gentl_handle_t stream, int32_t flags);
GC_ERROR DSGetBufferID(gentl_handle_t stream, uint32_t index, gentl_handle_t *buffer);
GC_ERROR DSGetBufferInfo(gentl_handle_t stream, gentl_handle_t buffer, int32_t command,
                         INFO_DATATYPE *type, void *data, size_t *size);
GC_ERROR DSGetBufferChunkData(gentl_handle_t stream, gentl_handle_t buffer, single_chunk_t *chunks,
                              size_t *count);
GC_ERROR DSGetNumBufferParts(gentl_handle_t stream, gentl_handle_t buffer, uint32_t *count);
GC_ERROR DSGetBufferPartInfo(gentl_handle_t stream, gentl_handle_t buffer, uint32_t part,
                             int32_t command, INFO_DATATYPE *type, void *data, size_t *size);
GC_ERROR DSGetParentDev(gentl_handle_t stream, gentl_handle_t *device);

/* Of GenTL 1.6, refused: consumers complain on the screen where the symbols are missing. */
GC_ERROR DSAnnounceCompositeBuffer(gentl_handle_t stream, size_t count, void **bases, size_t *sizes,
                                   void *user, gentl_handle_t *buffer);
GC_ERROR DSGetNumBufferSegments(gentl_handle_t stream, gentl_handle_t buffer, uint32_t *count);
GC_ERROR DSGetBufferSegmentInfo(gentl_handle_t stream, gentl_handle_t buffer, uint32_t segment,
                                int32_t command, INFO_DATATYPE *type, void *data, size_t *size);
GC_ERROR DSGetNumFlows(gentl_handle_t stream, uint32_t *count);
GC_ERROR DSGetFlowInfo(gentl_handle_t stream, uint32_t flow, int32_t command, INFO_DATATYPE *type,
                       void *data, size_t *size);
#pragma GCC visibility pop

#endif
