#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static const char usage[] =
    "relayload publish URL   a synthetic stream (or several) into a server\n"
    "relayload play URL      viewers of it: rtmp://, http:// (FLV) or ws:// (FLV)\n"
    "relayload joins URL     viewers that come, wait for a keyframe and leave\n"
    "relayload floor PORT    the least a fan-out costs: the same bytes on the same schedule, nothing else\n"
    "relayload sink PORT     viewers of the floor\n"
    "\n"
    "  --streams N      streams; their names need %d in the URL (1)\n"
    "  --kbps N --fps N --gop FRAMES      shape of a stream (1000, 30, 60)\n"
    "  --clock on|off   a monotonic clock and a number in each video frame (on)\n"
    "  --seconds S      how long to publish, or to measure (10)\n"
    "  --viewers N --ramp PER_SECOND --warm S   viewers, how fast they come, the wait before measuring (100, 500, 3)\n"
    "  --probes N       of them, how many read what they get (8)\n"
    "  --slow N --slow-mode stall|trickle --slow-life S   of them, how many read too little (0, stall, 30)\n"
    "  --stall-ms N     a silence that counts as a stall (1000)\n"
    "  --sources on|off come from many addresses of 127.0.0.0/8 (on)\n"
    "  --watch PID      report this process's CPU time and memory over the measured window\n"
    "  --rate N --stay-ms N     joins per second, and how long each stays after its keyframe (400, 250)\n"
    "  --merge MS       floor: gather this long between writes (0: write each message)\n"
    "  --form rtmp|flv  floor, sink: which bytes (rtmp)\n"
    "\n"
    "One JSON object on stdout; a line of progress on stderr every 2 s. Traffic goes to the loopback only.\n";

typedef enum { WHOLE, REAL, CHOICE } kind;

typedef struct {
    const char *name;
    kind kind;
    void *place;
    double least, most;
    const char *choices[2];  ///< 0 and 1
} option;

static void set(const option *o, const char *text) {
    if (o->kind == CHOICE) {
        int chosen = !strcmp(text, o->choices[0]) ? 0 : !strcmp(text, o->choices[1]) ? 1 : -1;
        if (chosen < 0) give_up("%s is %s or %s, not %s", o->name, o->choices[0], o->choices[1], text);
        *(bool *)o->place = chosen;
        return;
    }
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= o->least && value <= o->most))
        give_up("%s is a number from %g to %g, not %s", o->name, o->least, o->most, text);
    if (o->kind == WHOLE) *(int *)o->place = (int)value;
    else *(double *)o->place = value;
}

options options_parse(int count, char **arguments) {
    options o = {
        .shape = { .kbps = 1000, .fps = 30, .gop = 60, .clock = true }, .streams = 1, .seconds = 10, .warm = 3,
        .viewers = 100, .probes = 8, .ramp = 500, .slow_life = 30, .stall_ms = 1000, .sources = true,
        .rate = 400, .stay_ms = 250,
    };
    bool trickle = false;
    int watch = 0;
    const option table[] = {
        { "--streams", WHOLE, &o.streams, 1, 15000, { 0 } },
        { "--kbps", WHOLE, &o.shape.kbps, 70, 100000, { 0 } },
        { "--fps", WHOLE, &o.shape.fps, 1, 240, { 0 } },
        { "--gop", WHOLE, &o.shape.gop, 1, 100000, { 0 } },
        { "--clock", CHOICE, &o.shape.clock, 0, 0, { "off", "on" } },
        { "--seconds", REAL, &o.seconds, 0.1, 86400, { 0 } },
        { "--warm", REAL, &o.warm, 0, 3600, { 0 } },
        { "--viewers", WHOLE, &o.viewers, 1, 19000, { 0 } },
        { "--probes", WHOLE, &o.probes, 0, 1000, { 0 } },
        { "--ramp", REAL, &o.ramp, 1, 100000, { 0 } },
        { "--slow", WHOLE, &o.slow, 0, 19000, { 0 } },
        { "--slow-mode", CHOICE, &trickle, 0, 0, { "stall", "trickle" } },
        { "--slow-life", REAL, &o.slow_life, 1, 3600, { 0 } },
        { "--stall-ms", REAL, &o.stall_ms, 1, 60000, { 0 } },
        { "--sources", CHOICE, &o.sources, 0, 0, { "off", "on" } },
        { "--watch", WHOLE, &watch, 1, 1 << 30, { 0 } },
        { "--rate", REAL, &o.rate, 0.01, 100000, { 0 } },
        { "--stay-ms", REAL, &o.stay_ms, 0, 600000, { 0 } },
        { "--merge", REAL, &o.merge_ms, 0, 10000, { 0 } },
        { "--form", CHOICE, &o.flv, 0, 0, { "rtmp", "flv" } },
    };
    if (count < 3) {
        fputs(usage, stderr);
        exit(count == 2 && !strcmp(arguments[1], "--help") ? 0 : 1);
    }
    o.mode = arguments[1];
    o.target = arguments[2];
    for (int i = 3; i < count; i += 2) {
        const option *found = NULL;
        for (size_t k = 0; k < sizeof table / sizeof *table; k++)
            if (!strcmp(table[k].name, arguments[i])) found = &table[k];
        if (!found) give_up("%s is not known; `relayload --help` lists the options", arguments[i]);
        if (i + 1 == count) give_up("%s needs a value", arguments[i]);
        set(found, arguments[i + 1]);
    }
    o.slow_mode = trickle ? SLOW_TRICKLE : SLOW_STALL;
    o.watch = watch;
    if (o.slow >= o.viewers) o.slow = o.viewers - 1;
    if (o.probes > o.viewers - o.slow) o.probes = o.viewers - o.slow;
    return o;
}
