// `floor`: what the kernel alone asks for a fan-out. Makes the stream itself, gathers messages for the merge interval,
// and writes each batch once to everyone. No protocol, no allocation per viewer, no loop over events.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flv_wire.h"
#include "media.h"
#include "modes.h"
#include "rtmp_wire.h"
#include "stats.h"
#include "support.h"

#define MOST_VIEWERS 19900
/// What a viewer may be behind before it is let go.
#define MOST_BEHIND (4u << 20)

typedef struct {
    int fd;
    bytes behind;  ///< what the kernel did not take; empty for all who keep up
} outlet;

typedef struct {
    int listener;
    outlet *outlets;
    int count, most;
    uint64_t writes, short_writes, dropped;
} fanout;

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096))
        give_up("cannot listen on %d: %s", port, strerror(errno));
    return fd;
}

static void accept_all(fanout *f) {
    int fd, on = 1;
    while (f->count < MOST_VIEWERS && (fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        f->outlets[f->count++] = (outlet){ .fd = fd };
        if (f->count > f->most) f->most = f->count;
    }
}

static void drop(fanout *f, int at) {
    close(f->outlets[at].fd);
    bytes_free(&f->outlets[at].behind);
    f->outlets[at] = f->outlets[--f->count];
}

/// One write of the batch; what does not go stays behind and goes first the next time. False when the viewer is gone.
static bool write_batch(fanout *f, outlet *o, const bytes *batch) {
    if (o->behind.count) bytes_append(&o->behind, batch->data, batch->count);
    const bytes *out = o->behind.count ? &o->behind : batch;
    ssize_t count = send(o->fd, out->data, out->count, MSG_NOSIGNAL);
    f->writes++;
    if (count < 0 && errno != EAGAIN) return false;
    size_t sent = count < 0 ? 0 : (size_t)count;
    if (out == &o->behind) bytes_drop_front(&o->behind, sent);
    else if (sent < batch->count) {
        f->short_writes++;
        bytes_append(&o->behind, batch->data + sent, batch->count - sent);
    }
    if (o->behind.count <= MOST_BEHIND) return true;
    f->dropped++;
    return false;
}

static void flush(fanout *f, bytes *batch) {
    for (int i = 0; i < f->count; i++)
        if (!write_batch(f, &f->outlets[i], batch)) drop(f, i--);
    batch->count = 0;
}

static void gather(bytes *batch, const options *o, const media_position *at, const media_message *due) {
    static bytes body;
    body.count = 0;
    media_append_body(&body, &o->shape, at, due);
    rtmp_message message = { .type = due->video ? RTMP_VIDEO : RTMP_AUDIO, .timestamp = due->timestamp, .stream = 1,
                             .body = body.data, .count = body.count };
    if (o->flv) flv_put_tag(batch, &message);
    else rtmp_put_message(batch, due->video ? 6 : 4, &message, RTMP_SENT_CHUNK_SIZE);
}

int floor_mode(const options *o) {
    fanout f = { .listener = listen_on(atoi(o->target)), .outlets = must_alloc(MOST_VIEWERS, sizeof(outlet)) };
    media_position at = { .start = now_ns() };
    uint64_t end = at.start + (uint64_t)(o->seconds * NS_PER_S), interval = (uint64_t)(o->merge_ms * NS_PER_MS);
    uint64_t next_flush = at.start + interval;
    bytes batch = { 0 };
    while (!asked_to_stop) {
        media_message due = media_next(&o->shape, &at);
        uint64_t next = interval && next_flush < due.due ? next_flush : due.due;
        if (next >= end) break;
        sleep_until(next);
        accept_all(&f);
        if (next == due.due) {
            gather(&batch, o, &at, &due);
            media_advance(&at, &due);
        }
        if (interval && next < next_flush) continue;
        if (batch.count) flush(&f, &batch);
        while (interval && next_flush <= now_ns()) next_flush += interval;  // a late flush is not caught up with
    }
    json_begin("floor");
    json_whole("viewers", (uint64_t)f.most);
    json_whole("writes", f.writes);
    json_whole("short_writes", f.short_writes);
    json_whole("dropped", f.dropped);
    json_end();
    return 0;
}
