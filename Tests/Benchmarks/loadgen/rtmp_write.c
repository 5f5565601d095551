#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rtmp_wire.h"

enum { CSID_CONTROL = 2, CSID_COMMAND = 3, CSID_STREAM_COMMAND = 8 };
enum { AMF_NUMBER = 0, AMF_STRING = 2, AMF_OBJECT = 3, AMF_NULL = 5, AMF_ECMA_ARRAY = 8, AMF_OBJECT_END = 9 };

static void put_key(bytes *out, const char *text) {
    bytes_put(out, strlen(text), 2);
    bytes_append(out, text, strlen(text));
}

static void put_string(bytes *out, const char *text) {
    bytes_put(out, AMF_STRING, 1);
    put_key(out, text);
}

static void put_number(bytes *out, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bytes_put(out, AMF_NUMBER, 1);
    bytes_put(out, bits, 8);
}

static void put_field(bytes *out, const char *key, const char *text) {
    put_key(out, key);
    put_string(out, text);
}

static void put_number_field(bytes *out, const char *key, double value) {
    put_key(out, key);
    put_number(out, value);
}

/// Writes the message `body` and frees it.
static void finish(bytes *out, int csid, uint8_t type, uint32_t stream, bytes *body, size_t chunk_size) {
    rtmp_message message = { .type = type, .stream = stream, .body = body->data, .count = body->count };
    rtmp_put_message(out, csid, &message, chunk_size);
    bytes_free(body);
}

void rtmp_put_hello(bytes *out) {
    bytes_put(out, 3, 1);
    bytes_put(out, 0, 8);  // time and version 0: the plain handshake
    for (int i = 8; i < RTMP_HANDSHAKE; i += 4) bytes_put(out, (uint32_t)random(), 4);
}

void rtmp_put_echo(bytes *out, const uint8_t *s1) { bytes_append(out, s1, RTMP_HANDSHAKE); }

void rtmp_put_message(bytes *out, int csid, const rtmp_message *m, size_t chunk_size) {
    bool extended = m->timestamp >= 0xffffff;
    bytes_put(out, (uint64_t)csid, 1);
    bytes_put(out, extended ? 0xffffff : m->timestamp, 3);
    bytes_put(out, m->count, 3);
    bytes_put(out, m->type, 1);
    for (int i = 0; i < 4; i++) bytes_put(out, m->stream >> (8 * i) & 0xff, 1);  // the one little-endian field
    if (extended) bytes_put(out, m->timestamp, 4);
    for (size_t at = 0; at < m->count;) {
        size_t part = m->count - at < chunk_size ? m->count - at : chunk_size;
        bytes_append(out, m->body + at, part);
        at += part;
        if (at == m->count) break;
        bytes_put(out, 0xc0u | (unsigned)csid, 1);
        if (extended) bytes_put(out, m->timestamp, 4);
    }
}

void rtmp_put_connect(bytes *out, const endpoint *e, size_t chunk_size) {
    bytes body = { 0 };
    char url[160];
    snprintf(url, sizeof url, "rtmp://%s:%d/%s", e->host, e->port, e->app);
    put_string(&body, "connect");
    put_number(&body, 1);
    bytes_put(&body, AMF_OBJECT, 1);
    put_field(&body, "app", e->app);
    put_field(&body, "flashVer", "relayload");
    put_field(&body, "tcUrl", url);
    put_number_field(&body, "objectEncoding", 0);
    bytes_put(&body, AMF_OBJECT_END, 3);
    finish(out, CSID_COMMAND, RTMP_COMMAND, 0, &body, chunk_size);
}

void rtmp_put_command(bytes *out, const char *name, double transaction, const char *first, const char *second,
                      uint32_t stream, size_t chunk_size) {
    bytes body = { 0 };
    put_string(&body, name);
    put_number(&body, transaction);
    bytes_put(&body, AMF_NULL, 1);
    if (first) put_string(&body, first);
    if (second) put_string(&body, second);
    finish(out, stream ? CSID_STREAM_COMMAND : CSID_COMMAND, RTMP_COMMAND, stream, &body, chunk_size);
}

void rtmp_put_play(bytes *out, const char *name, uint32_t stream) {
    bytes body = { 0 };
    put_string(&body, "play");
    put_number(&body, 0);
    bytes_put(&body, AMF_NULL, 1);
    put_string(&body, name);
    put_number(&body, -2000);  // live, else recorded
    finish(out, CSID_STREAM_COMMAND, RTMP_COMMAND, stream, &body, RTMP_FIRST_CHUNK_SIZE);
}

void rtmp_put_metadata(bytes *out, int kbps, int fps, uint32_t stream, size_t chunk_size) {
    bytes body = { 0 };
    put_string(&body, "@setDataFrame");
    put_string(&body, "onMetaData");
    bytes_put(&body, AMF_ECMA_ARRAY, 1);
    bytes_put(&body, 6, 4);
    put_number_field(&body, "width", 1280);
    put_number_field(&body, "height", 720);
    put_number_field(&body, "framerate", fps);
    put_number_field(&body, "videodatarate", kbps);
    put_number_field(&body, "videocodecid", 7);
    put_number_field(&body, "audiocodecid", 10);
    bytes_put(&body, AMF_OBJECT_END, 3);
    finish(out, 4, RTMP_DATA, stream, &body, chunk_size);
}

void rtmp_put_set_chunk_size(bytes *out, uint32_t size) {
    bytes body = { 0 };
    bytes_put(&body, size, 4);
    finish(out, CSID_CONTROL, RTMP_SET_CHUNK_SIZE, 0, &body, RTMP_FIRST_CHUNK_SIZE);
}

void rtmp_put_acknowledgement(bytes *out, uint32_t received, size_t chunk_size) {
    bytes body = { 0 };
    bytes_put(&body, received, 4);
    finish(out, CSID_CONTROL, RTMP_ACKNOWLEDGEMENT, 0, &body, chunk_size);
}

void rtmp_put_pong(bytes *out, const rtmp_message *ping, size_t chunk_size) {
    enum { PING_REQUEST = 6, PING_RESPONSE = 7 };
    if (ping->count < 6 || bytes_get(ping->body, 2) != PING_REQUEST) return;
    bytes body = { 0 };
    bytes_put(&body, PING_RESPONSE, 2);
    bytes_append(&body, ping->body + 2, 4);
    finish(out, CSID_CONTROL, RTMP_USER_CONTROL, 0, &body, chunk_size);
}
