// FLV tags, and the two ways they come over HTTP: as a response body and as binary WebSocket messages.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"
#include "rtmp_wire.h"
#include "support.h"

#define FLV_TAG_OVERHEAD 15  // the tag header and the size behind it (FLV 10.1, E.4.1)

void flv_put_tag(bytes *out, const rtmp_message *message);

/// The GET of a stream, with the upgrade to a WebSocket for `ws://`.
void http_put_request(bytes *out, const endpoint *e, const char *name);

/// A masked pong, empty or with what the ping carried.
void websocket_put_pong(bytes *out, const uint8_t *body, size_t count);

typedef struct {
    bool websocket, bare;
    // what has been read so far
    bool has_head, chunked, has_flv_header, closed;
    int status;
    size_t body_left;  ///< of the open HTTP chunk or WebSocket frame
    bytes input;       ///< not yet taken apart as HTTP
    bytes tags;        ///< not yet taken apart as FLV
    bytes reply;       ///< pongs to be sent
} flv_reader;

/// Hands every whole tag to `handler` as a message; false when the answer is a refusal or the bytes are not FLV.
bool flv_reader_feed(flv_reader *reader, const uint8_t *data, size_t count, rtmp_handler *handler, void *context);
void flv_reader_free(flv_reader *reader);
