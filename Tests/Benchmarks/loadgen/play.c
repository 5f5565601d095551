// `play` and `sink`: a crowd of viewers over a measured window.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "modes.h"
#include "stats.h"
#include "support.h"
#include "watch.h"

typedef struct {
    viewing run;
    viewer *viewers;
    probe_log *logs;  ///< one per probe
    crowd probes, others;
    // over the window
    watch_times watched;
    uint64_t own_cpu_ns, pss_kib;
} play;

static endpoint floor_endpoint(const options *o) {
    endpoint e = { .form = o->flv ? FORM_BARE_FLV : FORM_BARE_RTMP, .host = "127.0.0.1", .port = atoi(o->target) };
    return e;
}

/// Gives each viewer its part. Probes are spread over the whole crowd: a server writes to some viewers before others,
/// and the first would be flattered. So are the slow ones, among the rest.
static void cast(play *p) {
    const options *o = p->run.options;
    p->viewers = must_alloc((size_t)o->viewers, sizeof *p->viewers);
    p->logs = must_alloc((size_t)o->probes, sizeof *p->logs);
    p->probes.members = must_alloc((size_t)o->viewers, sizeof(viewer *));
    p->others.members = must_alloc((size_t)o->viewers, sizeof(viewer *));
    int probes = 0, slow = 0, others = 0;
    for (int i = 0; i < o->viewers; i++) {
        viewer *v = &p->viewers[i];
        *v = (viewer){ .fd = -1, .index = i };
        if (probes < o->probes && i >= (int)((2ll * probes + 1) * o->viewers / (2 * o->probes))) {
            v->probe = &p->logs[probes];
            p->probes.members[probes++] = v;
            continue;
        }
        int rest = o->viewers - o->probes;
        v->slow = o->slow && (long long)(others + 1) * o->slow / rest > slow;
        slow += v->slow;
        p->others.members[others++] = v;
    }
    p->probes.count = probes;
    p->others.count = others;
    p->probes.first_to_run = true;
}

static void show_progress(play *p, const char *part) {
    static uint64_t last_time, last_bytes;
    uint64_t now = now_ns(), received = p->probes.received + p->others.received;
    double rate = last_time ? (double)(received - last_bytes) * 8 / (double)(now - last_time) : 0;
    fprintf(stderr, "%s: %d of %d joined, %.2f Gb/s, %.0f s left\n", part, p->probes.joined + p->others.joined,
            p->run.options->viewers, rate, p->run.to > now ? (double)(p->run.to - now) / NS_PER_S : 0);
    last_time = now;
    last_bytes = received;
}

/// Sleeps to `until` with a line of progress every 2 s.
static void wait_showing(play *p, uint64_t until, const char *part) {
    for (uint64_t next; (next = now_ns() + 2 * NS_PER_S) < until && !asked_to_stop;) {
        sleep_until(next);
        show_progress(p, part);
    }
    if (!asked_to_stop) sleep_until(until);
}

static void measure(play *p) {
    const options *o = p->run.options;
    pthread_t threads[2];
    if (pthread_create(&threads[0], NULL, crowd_run, &p->others) || pthread_create(&threads[1], NULL, crowd_run, &p->probes))
        give_up("cannot start a thread");
    wait_showing(p, p->run.from, "joining");
    watch_times before = o->watch ? watch_read(o->watch) : (watch_times){ 0 };
    uint64_t own = watch_own_cpu_ns();
    wait_showing(p, p->run.to, "measuring");
    if (o->watch) {
        p->watched = watch_since(o->watch, before);
        p->pss_kib = watch_pss_kib(o->watch);  // the viewers are still connected
    }
    p->own_cpu_ns = watch_own_cpu_ns() - own;
    if (asked_to_stop) exit(130);  // half a window says nothing
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}

/// Bytes per second of the stream as this server frames it: chunk headers alone differ from 1 to 18 bytes between
/// servers, so the share of framing is taken from what the probes got.
static double stream_rate(const play *p) {
    uint64_t wire = 0, body = 0;
    for (int i = 0; i < p->probes.count; i++) {
        wire += p->probes.members[i]->window_bytes;
        body += p->logs[i].body_bytes;
    }
    double framing = body ? (double)wire / (double)body : 1;
    return media_body_rate(&p->run.options->shape) * framing;
}

static void report(play *p) {
    const options *o = p->run.options;
    double whole_rate = stream_rate(p);
    samples joins = { 0 }, silences = { 0 }, rates = { 0 }, delays = { 0 };
    uint64_t bytes_all = 0, bytes_slow = 0, joined = 0, lost = 0, refused = 0, stalled = 0;
    const char *refusal = "";
    for (int i = 0; i < o->viewers; i++) {
        viewer *v = &p->viewers[i];
        bytes_all += v->window_bytes;
        if (v->slow) {
            bytes_slow += v->window_bytes;
            continue;
        }
        if (v->joined) {
            joined++;
            lost += v->phase == VIEWER_CLOSED;
            samples_add(&joins, (double)(v->joined - v->opened) / NS_PER_MS);
        } else {
            refused++;
            if (!refusal[0]) refusal = v->refusal[0] ? v->refusal : "no keyframe";
        }
        double silence = (double)viewer_silence(v, &p->run) / NS_PER_MS;
        stalled += silence >= o->stall_ms;
        samples_add(&silences, silence);
        samples_add(&rates, viewer_rate(v, &p->run) / whole_rate);
    }
    uint64_t missing = 0, restarts = 0;
    for (int i = 0; i < p->probes.count; i++) {
        missing += p->logs[i].missing;
        restarts += p->logs[i].restarts;
        samples_take_all(&delays, &p->logs[i].delay_ms);
    }

    json_begin(o->mode);
    json_whole("viewers", (uint64_t)o->viewers);
    json_real("seconds", o->seconds);
    json_whole("bytes", bytes_all);
    json_real("gbit_per_s", (double)bytes_all * 8 / o->seconds / 1e9);
    json_whole("joined", joined);
    json_whole("refused", refused);
    json_text("refusal", refusal);
    json_whole("lost", lost);
    json_whole("stalled", stalled);
    json_samples("silence_ms", &silences);
    json_samples("join_ms", &joins);
    json_samples("delay_ms", &delays);
    json_whole("frames_missing", missing);
    json_whole("restarts", restarts);
    json_open("rate_of_stream");
    json_real("min", samples_percentile(&rates, 0));
    json_real("p50", samples_percentile(&rates, 50));
    json_real("max", samples_percentile(&rates, 100));
    json_close();
    json_open("slow");
    json_whole("viewers", (uint64_t)o->slow);
    json_whole("bytes", bytes_slow);
    json_whole("rejoined", p->others.slow_rejoined);
    json_close();
    json_open("watched");
    json_real("cpu_s", (double)p->watched.cpu_ns / NS_PER_S);
    json_real("waited_s", (double)p->watched.waited_ns / NS_PER_S);
    json_whole("pss_kib", p->pss_kib);
    json_close();
    json_real("load_cpu_s", (double)p->own_cpu_ns / NS_PER_S);
    json_end();
}

int play_mode(const options *o, bool of_the_floor) {
    play p = { .run = { .options = o, .target = of_the_floor ? floor_endpoint(o) : endpoint_parse(o->target) } };
    if (o->streams > 1 && !strstr(p.run.target.name, "%d")) give_up("several streams need %%d in the URL");
    uint64_t start = now_ns() + 50 * NS_PER_MS;
    p.run.from = start + (uint64_t)((o->viewers / o->ramp + o->warm) * NS_PER_S);
    p.run.to = p.run.from + (uint64_t)(o->seconds * NS_PER_S);
    p.probes.run = p.others.run = &p.run;
    p.probes.start = p.others.start = start;
    cast(&p);
    measure(&p);
    report(&p);
    return 0;
}
