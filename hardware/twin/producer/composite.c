/* SPDX-License-Identifier: MIT */
/* Buffers of several segments, which came with GenTL 1.6 and are not offered here. */
#include "failure.h"

static GC_ERROR refuse(void) {
    return failure(GC_ERR_NOT_IMPLEMENTED, "GenTL 1.6: this producer speaks 1.5");
}

GC_ERROR DSAnnounceCompositeBuffer(gentl_handle_t stream, size_t count, void **bases, size_t *sizes,
                                   void *user, gentl_handle_t *buffer) {
    (void)stream, (void)count, (void)bases, (void)sizes, (void)user, (void)buffer;
    return refuse();
}

GC_ERROR DSGetNumBufferSegments(gentl_handle_t stream, gentl_handle_t buffer, uint32_t *count) {
    (void)stream, (void)buffer, (void)count;
    return refuse();
}

GC_ERROR DSGetBufferSegmentInfo(gentl_handle_t stream, gentl_handle_t buffer, uint32_t segment,
                                int32_t command, INFO_DATATYPE *type, void *data, size_t *size) {
    (void)stream, (void)buffer, (void)segment, (void)command, (void)type, (void)data, (void)size;
    return refuse();
}

GC_ERROR DSGetNumFlows(gentl_handle_t stream, uint32_t *count) {
    (void)stream, (void)count;
    return refuse();
}

GC_ERROR DSGetFlowInfo(gentl_handle_t stream, uint32_t flow, int32_t command, INFO_DATATYPE *type,
                       void *data, size_t *size) {
    (void)stream, (void)flow, (void)command, (void)type, (void)data, (void)size;
    return refuse();
}
