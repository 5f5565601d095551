// One subscriber: joins like any player, reads up to the first keyframe, and from there on throws bytes away inside
// the kernel, so that thousands of them cost less than the server they load. A probing viewer goes on reading.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"
#include "options.h"
#include "probe.h"

/// What all viewers of a run share.
typedef struct {
    endpoint target;
    const options *options;
    uint64_t from, to;  ///< the measured window
} viewing;

// unborn ─open─▶ connecting ─writable─▶ greeting ─answered─▶ joining ─keyframe─▶ watching | probing | dragging
// (greeting is the RTMP handshake only). Any of them ─end, error or refusal─▶ closed.
typedef enum {
    VIEWER_UNBORN, VIEWER_CONNECTING, VIEWER_GREETING, VIEWER_JOINING,
    VIEWER_WATCHING,  ///< discards
    VIEWER_PROBING,   ///< parses
    VIEWER_DRAGGING,  ///< slow: reads nothing by itself, `viewer_drag` says how much
    VIEWER_CLOSED,
} viewer_phase;

typedef struct decoder decoder;

typedef struct {
    int fd, index;
    viewer_phase phase;
    bool slow;
    probe_log *probe;  ///< NULL for most
    decoder *decoder;  ///< NULL once nothing is parsed
    char refusal[48];  ///< why it was closed before it had joined
    uint64_t opened, joined;  ///< instants
    uint64_t total_bytes, answered_bytes;
    // the measured window
    uint64_t window_bytes;
    uint64_t first_arrival, last_arrival, bytes_since_first;
    uint64_t longest_silence;
} viewer;

/// Starts to connect and adds the socket to `epoll`, with the viewer as its data.
void viewer_open(viewer *v, const viewing *run, int epoll);
/// Goes on after epoll reported `events`; returns the bytes that came.
uint64_t viewer_ready(viewer *v, const viewing *run, int epoll, uint32_t events);
/// Reads at most `allowance` bytes of a slow viewer; closes it when the server has ended it.
void viewer_drag(viewer *v, const viewing *run, size_t allowance);
void viewer_close(viewer *v);

/// Bytes per second that arrived in the window, from the first arrival to the last: whole batches over their time.
/// A viewer whose last arrival is longer ago than a stall counts up to the window's end.
double viewer_rate(const viewer *v, const viewing *run);
/// The longest time in the window without a byte, its end included, in nanoseconds.
uint64_t viewer_silence(const viewer *v, const viewing *run);
