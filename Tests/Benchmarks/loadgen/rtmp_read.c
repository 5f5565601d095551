#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rtmp_wire.h"

#define MOST_CHUNK_STREAMS 64
#define LARGEST_MESSAGE (16u << 20)

static chunk_stream *find_stream(chunk_reader *r, uint32_t id) {
    for (int i = 0; i < r->stream_count; i++)
        if (r->streams[i].id == id) return &r->streams[i];
    if (r->stream_count == MOST_CHUNK_STREAMS) return NULL;
    r->streams = realloc(r->streams, sizeof *r->streams * (size_t)(r->stream_count + 1));
    if (!r->streams) give_up("out of memory");
    chunk_stream *added = &r->streams[r->stream_count++];
    *added = (chunk_stream){ .id = id };
    return added;
}

/// One chunk from the front of the input. Returns what it took; 0 for "not all there yet"; -1 for "not RTMP".
static long read_chunk(chunk_reader *r, const uint8_t *at, size_t count, rtmp_handler *handler, void *context) {
    static const size_t header_sizes[4] = { 11, 7, 3, 0 };
    if (count < 1) return 0;
    int format = at[0] >> 6;
    uint32_t id = at[0] & 63;
    size_t used = id > 1 ? 1 : 2 + id;
    if (count < used + header_sizes[format]) return 0;
    if (id < 2) id = 64u + at[1] + (id ? 256u * at[2] : 0);
    chunk_stream *s = find_stream(r, id);
    if (!s) return -1;
    const uint8_t *header = at + used;
    used += header_sizes[format];
    uint32_t time = format < 3 ? (uint32_t)bytes_get(header, 3) : 0;
    bool extended = format < 3 ? time == 0xffffff : s->extended;
    if (extended) {
        if (count < used + 4) return 0;
        time = (uint32_t)bytes_get(at + used, 4);
        used += 4;
    }
    bool first = s->body.count == 0;
    uint32_t length = format < 2 ? (uint32_t)bytes_get(header + 3, 3) : s->length;
    if (length > LARGEST_MESSAGE || length < s->body.count) return -1;
    size_t part = length - s->body.count < r->chunk_size ? length - s->body.count : r->chunk_size;
    if (count < used + part) return 0;

    s->extended = extended;
    s->length = length;
    if (format < 2) s->type = header[6];
    if (format == 0) {
        s->timestamp = time;
        s->delta = 0;
        s->stream = header[7] | (uint32_t)header[8] << 8 | (uint32_t)header[9] << 16 | (uint32_t)header[10] << 24;
    } else if (format < 3) {
        s->delta = time;
        s->timestamp += time;
    } else if (first) {
        s->timestamp += s->delta;
    }
    bytes_append(&s->body, at + used, part);
    used += part;
    if (s->body.count < length) return (long)used;
    if (s->type == RTMP_SET_CHUNK_SIZE && length >= 4) {
        r->chunk_size = bytes_get(s->body.data, 4) & 0x7fffffff;
        if (r->chunk_size == 0) return -1;
    }
    rtmp_message message = { s->type, s->timestamp, s->stream, s->body.data, length };
    handler(context, &message);
    s->body.count = 0;
    return (long)used;
}

bool chunk_reader_feed(chunk_reader *r, const uint8_t *data, size_t count, rtmp_handler *handler, void *context) {
    if (!r->chunk_size) r->chunk_size = RTMP_FIRST_CHUNK_SIZE;
    bytes_append(&r->input, data, count);
    size_t at = 0;
    long used;
    while ((used = read_chunk(r, r->input.data + at, r->input.count - at, handler, context)) > 0) at += (size_t)used;
    bytes_drop_front(&r->input, at);
    return used == 0;
}

void chunk_reader_free(chunk_reader *r) {
    for (int i = 0; i < r->stream_count; i++) bytes_free(&r->streams[i].body);
    free(r->streams);
    bytes_free(&r->input);
    *r = (chunk_reader){ 0 };
}

// ---------------------------------------------------------------- answers

/// Moves past one AMF0 value (AMF0 §2); false when it is cut short or of a kind no answer carries.
static bool skip_value(const uint8_t **at, const uint8_t *end, int depth) {
    if (*at >= end || depth > 8) return false;
    uint8_t marker = *(*at)++;
    size_t size = 0;
    switch (marker) {
    case 0: size = 8; break;
    case 1: size = 1; break;
    case 2:
        if (end - *at < 2) return false;
        size = 2 + bytes_get(*at, 2);
        break;
    case 5: case 6: break;
    case 8:
        if (end - *at < 4) return false;
        *at += 4;
        // fall through
    case 3:
        for (;;) {
            if (end - *at < 3) return false;
            size_t key = bytes_get(*at, 2);
            if (key == 0 && (*at)[2] == 9) { size = 3; break; }
            if ((size_t)(end - *at) < 2 + key) return false;
            *at += 2 + key;
            if (!skip_value(at, end, depth + 1)) return false;
        }
        break;
    default: return false;
    }
    if ((size_t)(end - *at) < size) return false;
    *at += size;
    return true;
}

static bool read_number(const uint8_t **at, const uint8_t *end, double *out) {
    if (end - *at < 9 || **at != 0) return false;
    uint64_t bits = bytes_get(*at + 1, 8);
    memcpy(out, &bits, sizeof bits);
    *at += 9;
    return true;
}

static void read_text(const uint8_t *at, const uint8_t *end, char *out, size_t size) {
    size_t count = end - at >= 2 ? bytes_get(at, 2) : 0;
    if (count > (size_t)(end - at - 2)) count = 0;
    snprintf(out, size, "%.*s", (int)count, (const char *)at + 2);
}

/// The string behind `key` in any object of the message: enough for `code` and `level`, which no value repeats.
static void find_text(const rtmp_message *m, const char *key, char *out, size_t size) {
    char pattern[24];
    int count = snprintf(pattern, sizeof pattern, "%c%c%s%c", 0, (int)strlen(key), key, 2);
    const uint8_t *found = memmem(m->body, m->count, pattern, (size_t)count);
    if (found) read_text(found + count, m->body + m->count, out, size);
}

bool rtmp_read_answer(const rtmp_message *m, rtmp_answer *out) {
    *out = (rtmp_answer){ 0 };
    const uint8_t *at = m->body, *end = at + m->count;
    if (m->type != RTMP_COMMAND || m->count < 3 || *at != 2) return false;
    read_text(at + 1, end, out->name, sizeof out->name);
    char level[16] = "";
    if (!skip_value(&at, end, 0) || !read_number(&at, end, &out->transaction)) return false;
    if (skip_value(&at, end, 0)) read_number(&at, end, &out->result);
    find_text(m, "level", level, sizeof level);
    find_text(m, "code", out->code, sizeof out->code);
    out->failed = !strcmp(out->name, "_error") || !strcmp(level, "error");
    return true;
}
