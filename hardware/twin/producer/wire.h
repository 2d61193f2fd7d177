/* SPDX-License-Identifier: MIT */
/* The socket to the world: one request and one answer at a time, and frames on a socket of their
 * own. `hardware/twin/wire.py` is the other end and repeats every layout below. */
#ifndef WIRE_H
#define WIRE_H

#include "gentl.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
    WIRE_REQUEST = 0x31445342, /* "BSD1", the version included */
    WIRE_ANSWER = 0x32445342,
    WIRE_FRAME = 0x33445342
};

enum {
    WIRE_LIST = 1,   /* answer: wire_device_t, as many as there are */
    WIRE_OPEN = 2,   /* argument: access; payload: id; answer: wire_token_t */
    WIRE_CLOSE = 3,
    WIRE_XML = 4,
    WIRE_READ = 5,   /* argument: bytes */
    WIRE_WRITE = 6,  /* payload: bytes */
    WIRE_STREAM = 7  /* payload: wire_token_t; the frames follow the answer */
};

enum { WIRE_TEXT_SIZE = 64, WIRE_MAX_REGISTER = 1 << 20, WIRE_MAX_ANSWER = 1 << 24 };

typedef struct {
    uint32_t magic;
    uint32_t operation;
    uint32_t sequence;
    uint32_t length; /* of the payload that follows */
    uint64_t address;
    uint64_t argument;
} wire_request_t;

typedef struct {
    uint32_t magic;
    int32_t status; /* a GC_ERROR; where it is one the payload says why */
    uint32_t sequence;
    uint32_t length;
} wire_answer_t;

typedef struct {
    char id[WIRE_TEXT_SIZE];
    char vendor[WIRE_TEXT_SIZE];
    char model[WIRE_TEXT_SIZE];
    char serial[WIRE_TEXT_SIZE];
    char version[WIRE_TEXT_SIZE];
    int32_t access_status;
    uint32_t reserved;
} wire_device_t;

typedef uint64_t wire_token_t;

enum { WIRE_FLAG_CRASH = 1 }; /* a fault to order: the producer dies of SIGSEGV */

typedef struct {
    uint32_t magic;
    uint32_t flags;
    uint64_t frame_id;
    uint64_t timestamp_ns;
    uint32_t width;
    uint32_t height;
    uint32_t offset_x;
    uint32_t offset_y;
    uint32_t pixel_format;
    uint32_t x_padding;
    uint32_t y_padding;
    uint32_t payload_type;
    uint64_t payload_size; /* bytes of the whole frame */
    uint64_t filled;       /* bytes that follow; fewer where the frame is incomplete */
} wire_frame_t;

_Static_assert(sizeof(wire_request_t) == 32 && sizeof(wire_answer_t) == 16, "layout of wire.py");
_Static_assert(sizeof(wire_device_t) == 328 && sizeof(wire_frame_t) == 72, "layout of wire.py");

typedef struct {
    int socket;
    uint32_t sequence;
    atomic_bool broken;
    pthread_mutex_t lock;
} wire_link_t;

typedef struct {
    uint32_t operation;
    uint64_t address;
    uint64_t argument;
    const void *payload;
    size_t length;
    void *answer;    /* NULL: memory is allocated for the answer, the caller frees it */
    size_t capacity; /* room in `answer` */
    size_t answered; /* out: bytes of the answer */
} wire_call_t;

/* Where the world listens: `world.sock` in the folder of this library. */
GC_ERROR wire_find_world(void);
const char *wire_library_path(void);

GC_ERROR wire_open(wire_link_t *link);
void wire_close(wire_link_t *link);

/* IO once the other end is gone, TIMEOUT where it keeps silent, else what it answers. */
GC_ERROR wire_ask(wire_link_t *link, wire_call_t *call);

bool wire_is_alive(wire_link_t *link);

/* Receives exactly `size` bytes; false at the end of the stream or on an error. */
bool wire_receive(int socket, void *data, size_t size);

#endif
