/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "wire.h"

#include "failure.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_S = 3 };

static char library_path[PATH_MAX];
static struct sockaddr_un world = {.sun_family = AF_UNIX};

GC_ERROR wire_find_world(void) {
    static char const name[] = "world.sock";
    Dl_info where;
    if (!dladdr(&library_path, &where) || !realpath(where.dli_fname, library_path)) {
        return failure(GC_ERR_ERROR, "the producer cannot tell in which folder it lies");
    }
    size_t const folder = (size_t)(strrchr(library_path, '/') - library_path) + 1;
    if (folder + sizeof name > sizeof world.sun_path) {
        return failure(GC_ERR_ERROR, "%s: path too long for a socket beside it; use a shorter one",
                       library_path);
    }
    memcpy(world.sun_path, library_path, folder);
    memcpy(world.sun_path + folder, name, sizeof name);
    return GC_ERR_SUCCESS;
}

const char *wire_library_path(void) {
    return library_path;
}

GC_ERROR wire_open(wire_link_t *link) {
    struct timeval const patience = {.tv_sec = PATIENCE_S};
    link->sequence = 0;
    atomic_init(&link->broken, false);
    link->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link->socket < 0) {
        return failure(GC_ERR_RESOURCE_EXHAUSTED, "no socket to be had: %s", strerror(errno));
    }
    setsockopt(link->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(link->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(link->socket, (struct sockaddr *)&world, sizeof world) != 0) {
        int const why = errno;
        close(link->socket);
        link->socket = -1;
        return failure(GC_ERR_IO, "%s: %s; is the virtual rig running?", world.sun_path,
                       strerror(why));
    }
    pthread_mutex_init(&link->lock, NULL);
    return GC_ERR_SUCCESS;
}

void wire_close(wire_link_t *link) {
    close(link->socket);
    link->socket = -1;
    pthread_mutex_destroy(&link->lock);
}

bool wire_receive(int socket, void *data, size_t size) {
    unsigned char *next = data;
    while (size > 0) {
        ssize_t const got = recv(socket, next, size, MSG_WAITALL);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        if (got > 0) {
            next += got;
            size -= (size_t)got;
        }
    }
    return true;
}

static bool send_all(int socket, struct iovec *parts, size_t count) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        sent = sent < 0 ? 0 : sent;
        while (message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov->iov_len) {
            sent -= (ssize_t)message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
            message.msg_iov->iov_len -= (size_t)sent;
        }
    }
    return true;
}

static GC_ERROR lost(wire_link_t *link) {
    atomic_store(&link->broken, true);
    return failure(GC_ERR_IO, "the device does not answer any more: connection lost");
}

/* Waits for the first byte apart, so that a late answer can be told from a torn one. */
static GC_ERROR await(wire_link_t *link) {
    struct pollfd waiting = {.fd = link->socket, .events = POLLIN};
    int ready = 0;
    do {
        ready = poll(&waiting, 1, PATIENCE_S * 1000);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        return failure(GC_ERR_TIMEOUT, "the device has not answered within %d s", PATIENCE_S);
    }
    return ready < 0 ? lost(link) : GC_ERR_SUCCESS;
}

static GC_ERROR refusal(wire_link_t *link, const wire_answer_t *head) {
    char text[FAILURE_TEXT_SIZE] = "";
    if (head->length >= sizeof text || !wire_receive(link->socket, text, head->length)) {
        return lost(link);
    }
    return failure(head->status, "%s", text);
}

static GC_ERROR take_answer(wire_link_t *link, wire_call_t *call, const wire_answer_t *head) {
    bool const own = !call->answer && head->length > 0;
    if (head->length > WIRE_MAX_ANSWER || (call->answer && head->length > call->capacity)) {
        return lost(link);
    }
    if (own) {
        call->answer = malloc(head->length);
        if (!call->answer) {
            atomic_store(&link->broken, true);
            return failure(GC_ERR_OUT_OF_MEMORY, "no memory for %u bytes", head->length);
        }
    }
    if (!wire_receive(link->socket, call->answer, head->length)) {
        if (own) {
            free(call->answer);
            call->answer = NULL;
        }
        return lost(link);
    }
    call->answered = head->length;
    return GC_ERR_SUCCESS;
}

/* Reads past the answers of requests that were given up before. */
static GC_ERROR receive_answer(wire_link_t *link, wire_call_t *call) {
    for (;;) {
        wire_answer_t head;
        GC_ERROR const waited = await(link);
        if (waited != GC_ERR_SUCCESS) {
            return waited;
        }
        if (!wire_receive(link->socket, &head, sizeof head) || head.magic != WIRE_ANSWER) {
            return lost(link);
        }
        if (head.sequence == link->sequence) {
            return head.status == GC_ERR_SUCCESS ? take_answer(link, call, &head)
                                                 : refusal(link, &head);
        }
        wire_call_t late = {0};
        GC_ERROR const skipped = take_answer(link, &late, &head);
        free(late.answer);
        if (skipped != GC_ERR_SUCCESS) {
            return skipped;
        }
    }
}

GC_ERROR wire_ask(wire_link_t *link, wire_call_t *call) {
    pthread_mutex_lock(&link->lock);
    wire_request_t head = {.magic = WIRE_REQUEST,
                           .operation = call->operation,
                           .sequence = ++link->sequence,
                           .length = (uint32_t)call->length,
                           .address = call->address,
                           .argument = call->argument};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)(uintptr_t)call->payload, call->length}};
    call->answered = 0;
    GC_ERROR result = GC_ERR_SUCCESS;
    if (atomic_load(&link->broken) || !send_all(link->socket, parts, call->length ? 2 : 1)) {
        result = lost(link);
    } else {
        result = receive_answer(link, call);
    }
    pthread_mutex_unlock(&link->lock);
    return result;
}

bool wire_is_alive(wire_link_t *link) {
    struct pollfd now = {.fd = link->socket, .events = POLLRDHUP};
    if (!atomic_load(&link->broken) && poll(&now, 1, 0) > 0 &&
        (now.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL))) {
        atomic_store(&link->broken, true);
    }
    return !atomic_load(&link->broken);
}
