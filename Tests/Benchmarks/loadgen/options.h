// The command line. One set of options for all modes; what a mode does not use, it ignores.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "media.h"

typedef enum { SLOW_STALL, SLOW_TRICKLE } slow_mode;

typedef struct {
    const char *mode, *target;
    media_shape shape;
    int streams;
    double seconds;  ///< of publishing, or of the measured window
    double warm;     ///< seconds from the last join to the window
    // viewers
    int viewers, probes;
    double ramp;  ///< joins per second until all viewers are there
    int slow;
    slow_mode slow_mode;
    double slow_life;  ///< seconds until a slow viewer gives up and joins anew
    double stall_ms;   ///< a silence that counts as a stall
    bool sources;      ///< come from many loopback addresses
    pid_t watch;       ///< a process whose CPU time and memory belong to the window; 0: none
    // joins
    double rate, stay_ms;
    // floor
    double merge_ms;
    bool flv;  ///< write FLV tags instead of RTMP chunks
} options;

options options_parse(int count, char **arguments);
