/* SPDX-License-Identifier: MIT */
#include "handle.h"

#include "failure.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A handle: serial number in the upper 40 bits, slot + 1 in the lower 24. */
enum { SLOT_BITS = 24, SLOT_MASK = (1 << SLOT_BITS) - 1, FIRST_CAPACITY = 64 };
_Static_assert(sizeof(gentl_handle_t) == 8, "handles carry 64 bits");

typedef struct {
    uint64_t serial; /* 0: free */
    void *object;
    handle_kind_t kind;
    unsigned users;
    bool retired;
    uint32_t next_free; /* slot + 1, 0 ends the list */
} slot_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static slot_t *slots;
static uint32_t capacity;
static uint32_t first_free;
static uint64_t last_serial;
static atomic_bool library_open;

static bool grow(void) {
    uint32_t const wanted = capacity ? 2 * capacity : FIRST_CAPACITY;
    if (wanted > SLOT_MASK) {
        return false;
    }
    slot_t *const larger = realloc(slots, wanted * sizeof *slots);
    if (!larger) {
        return false;
    }
    slots = larger;
    for (uint32_t i = wanted; i > capacity; i--) {
        slots[i - 1] = (slot_t){.next_free = first_free};
        first_free = i;
    }
    capacity = wanted;
    return true;
}

/* Call with the lock held. */
static slot_t *find(gentl_handle_t handle) {
    uint64_t const value = (uint64_t)(uintptr_t)handle;
    uint64_t const number = value & SLOT_MASK;
    uint64_t const serial = value >> SLOT_BITS;
    if (number == 0 || number > capacity || serial == 0 || slots[number - 1].serial != serial) {
        return NULL;
    }
    return &slots[number - 1];
}

gentl_handle_t handle_create(handle_kind_t kind, void *object) {
    gentl_handle_t handle = NULL;
    pthread_mutex_lock(&lock);
    if (first_free != 0 || grow()) {
        uint32_t const number = first_free;
        slot_t *const slot = &slots[number - 1];
        first_free = slot->next_free;
        *slot = (slot_t){.serial = ++last_serial, .object = object, .kind = kind};
        handle = (gentl_handle_t)(uintptr_t)(slot->serial << SLOT_BITS | number);
    }
    pthread_mutex_unlock(&lock);
    return handle;
}

void *handle_hold(gentl_handle_t handle, unsigned kinds, handle_kind_t *found) {
    void *object = NULL;
    pthread_mutex_lock(&lock);
    slot_t *const slot = find(handle);
    if (slot && !slot->retired && (slot->kind & kinds)) {
        slot->users++;
        object = slot->object;
        if (found) {
            *found = slot->kind;
        }
    }
    pthread_mutex_unlock(&lock);
    return object;
}

void handle_release(gentl_handle_t handle) {
    pthread_mutex_lock(&lock);
    slot_t *const slot = find(handle);
    if (slot && --slot->users == 0 && slot->retired) {
        pthread_cond_broadcast(&idle);
    }
    pthread_mutex_unlock(&lock);
}

void *handle_retire(gentl_handle_t handle, handle_kind_t kind) {
    void *object = NULL;
    pthread_mutex_lock(&lock);
    slot_t *const slot = find(handle);
    if (slot && !slot->retired && slot->kind == kind) {
        slot->retired = true;
        object = slot->object;
    }
    pthread_mutex_unlock(&lock);
    return object;
}

void handle_discard(gentl_handle_t handle) {
    pthread_mutex_lock(&lock);
    /* The table may move while the lock is away, so the slot is looked up each time. */
    while (find(handle) && find(handle)->users > 0) {
        pthread_cond_wait(&idle, &lock);
    }
    slot_t *const slot = find(handle);
    if (slot) {
        *slot = (slot_t){.next_free = first_free};
        first_free = (uint32_t)(slot - slots) + 1;
    }
    pthread_mutex_unlock(&lock);
}

GC_ERROR handle_failure(gentl_handle_t handle, const char *wanted) {
    if (!handle_library_is_open()) {
        return failure(GC_ERR_NOT_INITIALIZED, "the library is not initialised; call GCInitLib");
    }
    return failure(GC_ERR_INVALID_HANDLE, "%p is not the handle of an open %s", handle, wanted);
}

bool handle_library_is_open(void) {
    return atomic_load(&library_open);
}

void handle_set_library_open(bool open) {
    atomic_store(&library_open, open);
}
