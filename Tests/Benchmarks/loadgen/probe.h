// What a probing viewer reads out of the frames: how old they are, and whether one is missing.
#pragma once
#include <stdint.h>

#include "media.h"
#include "rtmp_wire.h"
#include "stats.h"

/// One per probing viewer; added up at the end.
typedef struct {
    samples delay_ms;      ///< publisher's write to viewer's read, within the measured window
    uint64_t body_bytes;   ///< of audio and video messages that ended within the window
    uint64_t frames;
    uint64_t missing;      ///< video frames skipped over, by their numbers
    uint64_t restarts;     ///< numbers that went back: another publisher
    uint32_t next_number;
} probe_log;

/// Takes one message at `now`; what lies outside the window `from` … `to` counts neither as bytes nor as delay.
void probe_take(probe_log *log, const rtmp_message *message, uint64_t now, uint64_t from, uint64_t to);
