// RTMP as a client speaks and hears it: chunks, the few commands we send, and what the answers say.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint.h"
#include "support.h"

#define RTMP_HANDSHAKE 1536          // C1, S1, C2 and S2
#define RTMP_FIRST_CHUNK_SIZE 128    // both directions, until announced otherwise
#define RTMP_SENT_CHUNK_SIZE 4096    // what our publisher announces, as common encoders do

enum { RTMP_SET_CHUNK_SIZE = 1, RTMP_ACKNOWLEDGEMENT = 3, RTMP_USER_CONTROL = 4, RTMP_WINDOW_SIZE = 5,
       RTMP_AUDIO = 8, RTMP_VIDEO = 9, RTMP_DATA = 18, RTMP_COMMAND = 20 };

typedef struct {
    uint8_t type;
    uint32_t timestamp, stream;
    const uint8_t *body;
    size_t count;
} rtmp_message;

// ---- writing

/// C0 and C1 of the plain handshake.
void rtmp_put_hello(bytes *out);
/// C2: the server's S1 given back.
void rtmp_put_echo(bytes *out, const uint8_t *s1);
void rtmp_put_message(bytes *out, int csid, const rtmp_message *message, size_t chunk_size);
void rtmp_put_connect(bytes *out, const endpoint *e, size_t chunk_size);
/// `name`, transaction, null, and up to two strings.
void rtmp_put_command(bytes *out, const char *name, double transaction, const char *first, const char *second,
                      uint32_t stream, size_t chunk_size);
void rtmp_put_play(bytes *out, const char *name, uint32_t stream);
void rtmp_put_metadata(bytes *out, int kbps, int fps, uint32_t stream, size_t chunk_size);
void rtmp_put_set_chunk_size(bytes *out, uint32_t size);
void rtmp_put_acknowledgement(bytes *out, uint32_t received, size_t chunk_size);
/// Answers a ping request; does nothing for any other user control message.
void rtmp_put_pong(bytes *out, const rtmp_message *ping, size_t chunk_size);

// ---- reading

typedef struct {
    uint32_t id, timestamp, delta, length, stream;
    uint8_t type;
    bool extended;
    bytes body;
} chunk_stream;

typedef struct {
    chunk_stream *streams;
    int stream_count;
    size_t chunk_size;
    bytes input;
} chunk_reader;

typedef void rtmp_handler(void *context, const rtmp_message *message);

/// Hands every whole message in `data` to `handler`; false when the bytes are not RTMP.
bool chunk_reader_feed(chunk_reader *reader, const uint8_t *data, size_t count, rtmp_handler *handler, void *context);
void chunk_reader_free(chunk_reader *reader);

/// What a command message from a server says, as far as a client of ours asks.
typedef struct {
    char name[24];
    double transaction;
    double result;   ///< the number after the command object: the message stream id of createStream
    bool failed;     ///< `_error`, or an onStatus of level error
    char code[48];   ///< `NetStream.Play.Start`, …
} rtmp_answer;

bool rtmp_read_answer(const rtmp_message *message, rtmp_answer *out);
