#define _GNU_SOURCE
#include "crowd.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "support.h"

#define EVENTS_AT_ONCE 512
#define TICK_NS (100 * NS_PER_MS)
/// A trickling viewer reads this part of the stream's bytes.
#define TRICKLE_SHARE 0.25

/// A real-time priority where it is allowed (root, as in CI); elsewhere the figures are a little worse.
static void run_first(void) {
    struct sched_param parameter = { .sched_priority = 1 };
    sched_setscheduler(0, SCHED_FIFO, &parameter);
}

uint64_t crowd_join_time(const crowd *c, int index) {
    return c->start + (uint64_t)(index / c->run->options->ramp * NS_PER_S);
}

/// Opens all whose time has come.
static void open_due(crowd *c, int epoll) {
    int opened = atomic_load_explicit(&c->opened, memory_order_relaxed);
    uint64_t now = now_ns();
    while (opened < c->count && crowd_join_time(c, c->members[opened]->index) <= now)
        viewer_open(c->members[opened++], c->run, epoll);
    atomic_store_explicit(&c->opened, opened, memory_order_relaxed);
}

/// Slow viewers live on the tick: they read their share or nothing, and after a while hang up and come again. Their
/// lives are spread out, so that at any time some have just joined and some are about to be given up by the server.
static void tick(crowd *c, int epoll) {
    const options *o = c->run->options;
    size_t share = (size_t)(o->shape.kbps * 1000.0 / 8 * TRICKLE_SHARE * TICK_NS / NS_PER_S);
    uint64_t life = (uint64_t)(o->slow_life * NS_PER_S), now = now_ns();
    int opened = atomic_load_explicit(&c->opened, memory_order_relaxed);
    int joined = 0;
    for (int i = 0; i < opened; i++) {
        viewer *v = c->members[i];
        joined += v->joined != 0;
        if (!v->slow) continue;
        viewer_drag(v, c->run, o->slow_mode == SLOW_TRICKLE ? share : 0);
        uint64_t spread = life / 2 + life / 2 * ((uint64_t)v->index * 7 % 16) / 16;
        if (now - v->opened < spread) continue;
        viewer_close(v);
        viewer_open(v, c->run, epoll);
        c->slow_rejoined++;
    }
    atomic_store_explicit(&c->joined, joined, memory_order_relaxed);
}

void *crowd_run(void *argument) {
    crowd *c = argument;
    struct epoll_event events[EVENTS_AT_ONCE];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) give_up("epoll: %s", strerror(errno));
    if (c->first_to_run) run_first();
    for (uint64_t next_tick = c->start; now_ns() < c->run->to;) {
        open_due(c, epoll);
        int wait_ms = atomic_load_explicit(&c->opened, memory_order_relaxed) < c->count ? 1 : 20;
        int count = epoll_wait(epoll, events, EVENTS_AT_ONCE, wait_ms);
        uint64_t received = 0;
        for (int i = 0; i < count; i++) received += viewer_ready(events[i].data.ptr, c->run, epoll, events[i].events);
        atomic_fetch_add_explicit(&c->received, received, memory_order_relaxed);
        if (now_ns() < next_tick) continue;
        tick(c, epoll);
        next_tick = now_ns() + TICK_NS;
    }
    tick(c, epoll);
    close(epoll);
    return NULL;
}
