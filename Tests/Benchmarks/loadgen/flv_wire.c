#define _GNU_SOURCE
#include "flv_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FLV_HEADER 13  // nine bytes, and the size before the first tag
#define TAG_HEADER 11
#define LARGEST_HEAD 16384

void flv_put_tag(bytes *out, const rtmp_message *m) {
    bytes_put(out, m->type, 1);
    bytes_put(out, m->count, 3);
    bytes_put(out, m->timestamp & 0xffffff, 3);
    bytes_put(out, m->timestamp >> 24, 1);
    bytes_put(out, 0, 3);
    bytes_append(out, m->body, m->count);
    bytes_put(out, TAG_HEADER + m->count, 4);
}

void http_put_request(bytes *out, const endpoint *e, const char *name) {
    char text[768];
    // A client's key may be any sixteen bytes in base64 (RFC 6455 4.1); ours are "relayload-client".
    static const char upgrade[] = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: cmVsYXlsb2FkLWNsaWVudA==\r\n";
    int count = snprintf(text, sizeof text,
                         "GET /%s/%s HTTP/1.1\r\nHost: %s:%d\r\nUser-Agent: relayload\r\nAccept: */*\r\n%s\r\n", e->app,
                         name, e->host, e->port, e->form == FORM_WS_FLV ? upgrade : "");
    bytes_append(out, text, (size_t)count);
}

void websocket_put_pong(bytes *out, const uint8_t *body, size_t count) {
    if (count > 125) count = 125;  // the most a control frame may carry
    bytes_put(out, 0x8a, 1);
    bytes_put(out, 0x80 | count, 1);
    bytes_put(out, 0, 4);  // a mask of zeros leaves the bytes as they are
    bytes_append(out, body, count);
}

// ---------------------------------------------------------------- tags

static bool read_tags(flv_reader *r, rtmp_handler *handler, void *context) {
    const uint8_t *data = r->tags.data;
    size_t at = 0, count = r->tags.count;
    if (!r->has_flv_header) {
        if (count < FLV_HEADER) return true;
        if (memcmp(data, "FLV\x01", 4)) return false;
        r->has_flv_header = true;
        at = FLV_HEADER;
    }
    while (count - at >= TAG_HEADER) {
        const uint8_t *tag = data + at;
        size_t size = bytes_get(tag + 1, 3);
        if (tag[0] != RTMP_AUDIO && tag[0] != RTMP_VIDEO && tag[0] != RTMP_DATA) return false;
        if (count - at < FLV_TAG_OVERHEAD + size) break;
        rtmp_message message = { .type = tag[0], .body = tag + TAG_HEADER, .count = size,
                                 .timestamp = (uint32_t)(bytes_get(tag + 4, 3) | (uint64_t)tag[7] << 24) };
        handler(context, &message);
        at += FLV_TAG_OVERHEAD + size;
    }
    bytes_drop_front(&r->tags, at);
    return true;
}

// ---------------------------------------------------------------- HTTP and WebSocket

/// The response head. Leaves `has_head` unset when it is not all there; false for anything but the wished status.
static bool read_head(flv_reader *r) {
    const uint8_t *end = memmem(r->input.data, r->input.count, "\r\n\r\n", 4);
    if (!end) return r->input.count < LARGEST_HEAD;
    size_t size = (size_t)(end - r->input.data) + 4;
    char head[LARGEST_HEAD + 1];
    if (size > LARGEST_HEAD) return false;
    memcpy(head, r->input.data, size);
    head[size] = 0;
    if (sscanf(head, "HTTP/1.%*c %d", &r->status) != 1) return false;
    r->has_head = true;
    r->chunked = strcasestr(head, "\r\nTransfer-Encoding: chunked") != NULL;
    bytes_drop_front(&r->input, size);
    return r->status == (r->websocket ? 101 : 200);
}

/// The size line of the next HTTP chunk (RFC 9112 7.1): what it took, 0 for "not all there", -1 for nonsense.
static long read_chunk_size(flv_reader *r, const uint8_t *at, size_t count) {
    size_t skipped = count >= 2 && at[0] == '\r' ? 2 : 0;  // the line end of the chunk before
    const uint8_t *end = memmem(at + skipped, count - skipped, "\r\n", 2);
    if (!end) return count > 64 ? -1 : 0;
    char *stop;
    r->body_left = strtoul((const char *)at + skipped, &stop, 16);
    if (stop == (const char *)at + skipped) return -1;
    if (r->body_left == 0) r->closed = true;
    return end + 2 - at;
}

/// The head of the next WebSocket frame (RFC 6455 5.2); control frames are taken whole.
static long read_frame_head(flv_reader *r, const uint8_t *at, size_t count) {
    if (count < 2) return 0;
    int opcode = at[0] & 15;
    uint64_t size = at[1] & 127;
    size_t used = size == 126 ? 4 : size == 127 ? 10 : 2;
    if (at[1] & 128) return -1;  // a server never masks
    if (count < used) return 0;
    if (used > 2) size = bytes_get(at + 2, (int)used - 2);
    if (opcode >= 8) {
        if (count < used + size) return 0;
        if (opcode == 9) websocket_put_pong(&r->reply, at + used, size);
        if (opcode == 8) r->closed = true;
        return (long)(used + size);
    }
    r->body_left = size;
    return (long)used;
}

bool flv_reader_feed(flv_reader *r, const uint8_t *data, size_t count, rtmp_handler *handler, void *context) {
    if (r->bare) {
        r->has_flv_header = true;
        bytes_append(&r->tags, data, count);
        return read_tags(r, handler, context);
    }
    bytes_append(&r->input, data, count);
    if (!r->has_head) {
        if (!read_head(r)) return false;
        if (!r->has_head) return true;
    }
    size_t at = 0;
    while (at < r->input.count && !r->closed) {
        size_t left = r->input.count - at;
        if (!r->websocket && !r->chunked) r->body_left = left;
        if (r->body_left) {
            size_t part = r->body_left < left ? r->body_left : left;
            bytes_append(&r->tags, r->input.data + at, part);
            r->body_left -= part;
            at += part;
            continue;
        }
        long used = r->websocket ? read_frame_head(r, r->input.data + at, left)
                                 : read_chunk_size(r, r->input.data + at, left);
        if (used < 0) return false;
        if (used == 0) break;
        at += (size_t)used;
    }
    bytes_drop_front(&r->input, at);
    return read_tags(r, handler, context);
}

void flv_reader_free(flv_reader *r) {
    bytes_free(&r->input);
    bytes_free(&r->tags);
    bytes_free(&r->reply);
    *r = (flv_reader){ 0 };
}
