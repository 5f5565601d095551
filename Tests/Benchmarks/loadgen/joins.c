// `joins`: viewers that come at a steady rate whatever the answers, wait for their first keyframe, stay a while, leave.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "modes.h"
#include "stats.h"
#include "support.h"
#include "viewer.h"
#include "watch.h"

/// A join that takes longer has failed.
#define PATIENCE_NS (5 * NS_PER_S)
#define EVENTS_AT_ONCE 256

typedef struct {
    viewing run;
    int epoll;
    viewer *seats;
    int *taken, taken_count, *free_seats, free_count;
    samples took_ms, late_ms;
    uint64_t begun, failed;
    char refusal[48];
} joining;

static void begin(joining *j, uint64_t due) {
    if (!j->free_count) {
        j->failed++;
        snprintf(j->refusal, sizeof j->refusal, "no descriptors left");
        return;
    }
    int seat = j->free_seats[--j->free_count];
    viewer *v = &j->seats[seat];
    *v = (viewer){ .fd = -1, .index = (int)(j->begun++ & 0xfffffff) };
    viewer_open(v, &j->run, j->epoll);
    samples_add(&j->late_ms, (double)(v->opened - due) / NS_PER_MS);
    j->taken[j->taken_count++] = seat;
}

/// Looks at each seat in use: one that saw its keyframe and stayed, one that failed, one that waited too long.
static void end_due(joining *j, uint64_t now, bool all) {
    uint64_t stay = (uint64_t)(j->run.options->stay_ms * NS_PER_MS);
    for (int i = 0; i < j->taken_count; i++) {
        viewer *v = &j->seats[j->taken[i]];
        bool gone = v->phase == VIEWER_CLOSED;
        bool waited = !v->joined && now - v->opened > PATIENCE_NS;
        if (!gone && !waited && !(v->joined && (all || now - v->joined >= stay))) continue;
        if (v->joined) {
            samples_add(&j->took_ms, (double)(v->joined - v->opened) / NS_PER_MS);
        } else {
            j->failed++;
            if (!j->refusal[0]) snprintf(j->refusal, sizeof j->refusal, "%s", gone ? v->refusal : "no keyframe");
        }
        viewer_close(v);
        j->free_seats[j->free_count++] = j->taken[i];
        j->taken[i--] = j->taken[--j->taken_count];
    }
}

static void serve(joining *j, int wait_ms) {
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(j->epoll, events, EVENTS_AT_ONCE, wait_ms);
    for (int i = 0; i < count; i++) viewer_ready(events[i].data.ptr, &j->run, j->epoll, events[i].events);
}

static void show_progress(const joining *j, uint64_t end, uint64_t now) {
    fprintf(stderr, "joining: %llu came, %d there, %llu failed, %.0f s left\n", (unsigned long long)j->begun,
            j->taken_count, (unsigned long long)j->failed, end > now ? (double)(end - now) / NS_PER_S : 0);
}

int joins_mode(const options *o) {
    joining j = { .run = { .target = endpoint_parse(o->target), .options = o, .to = UINT64_MAX } };
    int seats = (int)(o->rate * (o->stay_ms / 1000 + 5)) + 16;
    if (seats > 19000) seats = 19000;
    j.seats = must_alloc((size_t)seats, sizeof *j.seats);
    j.taken = must_alloc((size_t)seats, sizeof *j.taken);
    j.free_seats = must_alloc((size_t)seats, sizeof *j.free_seats);
    while (j.free_count < seats) j.free_seats[j.free_count] = j.free_count, j.free_count++;
    j.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (j.epoll < 0) give_up("epoll: %s", strerror(errno));

    uint64_t start = now_ns(), end = start + (uint64_t)(o->seconds * NS_PER_S), progress = start + 2 * NS_PER_S;
    watch_times before = o->watch ? watch_read(o->watch) : (watch_times){ 0 };
    uint64_t own = watch_own_cpu_ns(), due = start, asked = 0;
    for (uint64_t now; (now = now_ns()) < end && !asked_to_stop;) {
        while (due <= now) {
            begin(&j, due);
            due = start + (uint64_t)(++asked / o->rate * NS_PER_S);
        }
        serve(&j, 1);
        end_due(&j, now_ns(), false);
        if (now < progress) continue;
        show_progress(&j, end, now);
        progress += 2 * NS_PER_S;
    }
    watch_times used = o->watch ? watch_since(o->watch, before) : before;
    uint64_t own_used = watch_own_cpu_ns() - own;
    while (j.taken_count) {  // bounded by the patience with each
        serve(&j, 10);
        end_due(&j, now_ns(), true);
    }
    json_begin("joins");
    json_real("rate", o->rate);
    json_real("seconds", o->seconds);
    json_whole("begun", j.begun);
    json_whole("joined", j.took_ms.count);
    json_whole("failed", j.failed);
    json_text("refusal", j.refusal);
    json_samples("join_ms", &j.took_ms);
    json_samples("late_ms", &j.late_ms);
    json_open("watched");
    json_real("cpu_s", (double)used.cpu_ns / NS_PER_S);
    json_real("waited_s", (double)used.waited_ns / NS_PER_S);
    json_close();
    json_real("load_cpu_s", (double)own_used / NS_PER_S);
    json_end();
    return 0;
}
