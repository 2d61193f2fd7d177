/* SPDX-License-Identifier: MIT */
/* What DSGetBufferInfo tells of a buffer and of the frame in it. */
#include "failure.h"
#include "identity.h"
#include "reply.h"
#include "stream.h"

static GC_ERROR about_frame(const buffer_t *buffer, int32_t command, reply_t reply) {
    const wire_frame_t *const frame = &buffer->frame;
    switch (command) {
    case BUFFER_INFO_TIMESTAMP:
    case BUFFER_INFO_TIMESTAMP_NS:
        return reply_uint64(reply, frame->timestamp_ns);
    case BUFFER_INFO_WIDTH:
        return reply_size(reply, frame->width);
    case BUFFER_INFO_HEIGHT:
    case BUFFER_INFO_DELIVERED_IMAGEHEIGHT:
        return reply_size(reply, frame->height);
    case BUFFER_INFO_XOFFSET:
        return reply_size(reply, frame->offset_x);
    case BUFFER_INFO_YOFFSET:
        return reply_size(reply, frame->offset_y);
    case BUFFER_INFO_XPADDING:
        return reply_size(reply, frame->x_padding);
    case BUFFER_INFO_YPADDING:
        return reply_size(reply, frame->y_padding);
    case BUFFER_INFO_FRAMEID:
        return reply_uint64(reply, frame->frame_id);
    case BUFFER_INFO_IMAGEPRESENT:
        return reply_bool(reply, frame->payload_type == PAYLOAD_TYPE_IMAGE);
    case BUFFER_INFO_IMAGEOFFSET:
        return reply_size(reply, 0);
    case BUFFER_INFO_PAYLOADTYPE:
        return reply_size(reply, frame->payload_type);
    case BUFFER_INFO_PIXELFORMAT:
        return reply_uint64(reply, frame->pixel_format);
    case BUFFER_INFO_PIXELFORMAT_NAMESPACE:
        return reply_uint64(reply, PIXELFORMAT_NAMESPACE_PFNC_32BIT);
    case BUFFER_INFO_PIXEL_ENDIANNESS:
        return reply_int32(reply, PIXELENDIANNESS_LITTLE);
    default:
        return reply_unknown("buffer", command);
    }
}

static GC_ERROR about_buffer(const buffer_t *buffer, int32_t command, reply_t reply) {
    switch (command) {
    case BUFFER_INFO_BASE:
        return reply_pointer(reply, buffer->base);
    case BUFFER_INFO_SIZE:
        return reply_size(reply, buffer->size);
    case BUFFER_INFO_USER_PTR:
        return reply_pointer(reply, buffer->user);
    case BUFFER_INFO_NEW_DATA:
        return reply_bool(reply, buffer->new_data);
    case BUFFER_INFO_IS_QUEUED:
        return reply_bool(reply, buffer->state == BUFFER_INPUT ||
                                     buffer->state == BUFFER_FILLING ||
                                     buffer->state == BUFFER_OUTPUT);
    case BUFFER_INFO_IS_ACQUIRING:
        return reply_bool(reply, buffer->state == BUFFER_FILLING);
    case BUFFER_INFO_IS_INCOMPLETE:
        return reply_bool(reply, buffer->filled < buffer->frame.payload_size);
    case BUFFER_INFO_TLTYPE:
        return reply_string(reply, IDENTITY_TL_TYPE);
    case BUFFER_INFO_SIZE_FILLED:
    case BUFFER_INFO_DATA_SIZE:
        return reply_size(reply, buffer->filled);
    case BUFFER_INFO_DATA_LARGER_THAN_BUFFER:
        return reply_bool(reply, buffer->frame.payload_size > buffer->size);
    case BUFFER_INFO_DELIVERED_CHUNKPAYLOADSIZE:
        return reply_size(reply, 0);
    case BUFFER_INFO_CONTAINS_CHUNKDATA:
        return reply_bool(reply, false);
    default:
        return about_frame(buffer, command, reply);
    }
}

GC_ERROR DSGetBufferInfo(gentl_handle_t stream, gentl_handle_t handle, int32_t command,
                         INFO_DATATYPE *type, void *data, size_t *size) {
    GC_ERROR result;
    buffer_t *const buffer = buffer_enter(stream, handle, &result);
    if (buffer) {
        result = about_buffer(buffer, command, (reply_t){type, data, size});
        buffer_leave(buffer);
    }
    return result;
}

GC_ERROR DSGetBufferChunkData(gentl_handle_t stream, gentl_handle_t handle, single_chunk_t *chunks,
                              size_t *count) {
    GC_ERROR result;
    buffer_t *const buffer = buffer_enter(stream, handle, &result);
    (void)chunks;
    if (buffer) {
        buffer_leave(buffer);
        if (!count) {
            return failure(GC_ERR_INVALID_PARAMETER, "NULL for the count");
        }
        *count = 0;
        result = failure(GC_ERR_NO_DATA, "frames carry no chunks");
    }
    return result;
}

GC_ERROR DSGetNumBufferParts(gentl_handle_t stream, gentl_handle_t handle, uint32_t *count) {
    GC_ERROR result;
    buffer_t *const buffer = buffer_enter(stream, handle, &result);
    if (buffer) {
        buffer_leave(buffer);
        if (!count) {
            return failure(GC_ERR_INVALID_PARAMETER, "NULL for the count");
        }
        *count = 0;
    }
    return result;
}

GC_ERROR DSGetBufferPartInfo(gentl_handle_t stream, gentl_handle_t handle, uint32_t part,
                             int32_t command, INFO_DATATYPE *type, void *data, size_t *size) {
    GC_ERROR result;
    buffer_t *const buffer = buffer_enter(stream, handle, &result);
    (void)command;
    (void)type;
    (void)data;
    (void)size;
    if (buffer) {
        buffer_leave(buffer);
        result = failure(GC_ERR_INVALID_INDEX, "part %u asked for, a frame has no parts", part);
    }
    return result;
}
