// The synthetic stream: which message is due when, how large it is, and the clock inside it.
//
// The publisher and the floor share this file, so what a server relays and what the floor writes are the same bytes
// on the same schedule: H.264-shaped video at a fixed rate with keyframes eight times as large as the others, and AAC
// of 64 kb/s at 44.1 kHz. Nothing decodes it; it is well formed enough to be relayed, cached and cut at keyframes.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support.h"

typedef struct {
    int kbps;  ///< of all payload together, kilobits per second
    int fps;
    int gop;   ///< frames from one keyframe to the next
    bool clock;
} media_shape;

/// How far a stream has come.
typedef struct {
    uint64_t start;  ///< when timestamp 0 is due
    uint64_t video, audio;
} media_position;

typedef struct {
    bool video, key;
    uint64_t due;
    uint32_t timestamp;  ///< milliseconds
} media_message;

media_message media_next(const media_shape *shape, const media_position *at);
void media_advance(media_position *at, const media_message *message);

/// Appends the FLV body of a message, stamped with the time of this call.
void media_append_body(bytes *out, const media_shape *shape, const media_position *at, const media_message *message);

/// The bodies that must come before any media.
extern const uint8_t media_avc_header[], media_aac_header[];
extern const size_t media_avc_header_size, media_aac_header_size;

/// Bytes per second of all bodies, over whole GOPs.
double media_body_rate(const media_shape *shape);

typedef struct {
    uint64_t written;  ///< when the publisher made the message
    uint32_t number;   ///< counts the video messages of one publish, from 0
} media_stamp;

/// Reads the stamp out of a video body; false when it carries none.
bool media_read_stamp(const uint8_t *body, size_t count, media_stamp *out);
bool media_is_keyframe(const uint8_t *body, size_t count);
