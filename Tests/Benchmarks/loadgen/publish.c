// `publish`: one or many synthetic streams into a server, each on its own connection.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "modes.h"
#include "rtmp_wire.h"
#include "stats.h"
#include "support.h"

/// What may wait for the server to read before a stream is given up.
#define MOST_WAITING (8u << 20)
enum { CSID_AUDIO = 4, CSID_DATA = 5, CSID_VIDEO = 6 };
enum { TRANSACTION_CONNECT = 1, TRANSACTION_CREATE = 4, TRANSACTION_PUBLISH = 5 };

typedef struct {
    int fd;  ///< -1 once lost
    chunk_reader reader;
    bytes waiting, reply;
    media_position at;
    media_message next;
    uint32_t stream;
    bool created, started;
    bool wants_writable;
} outgoing;

typedef struct {
    const options *options;
    endpoint target;
    int epoll;
    outgoing *streams;
    outgoing **heap;  ///< by the time of the next message
    int heap_count, lost;
    uint64_t bytes, frames;
    samples late_ms;
} publishing;

// ---------------------------------------------------------------- opening, one stream after another, blocking

static void take_reply(void *context, const rtmp_message *message) {
    outgoing *s = context;
    rtmp_answer answer;
    if (message->type == RTMP_USER_CONTROL) rtmp_put_pong(&s->reply, message, RTMP_SENT_CHUNK_SIZE);
    if (!rtmp_read_answer(message, &answer)) return;
    if (!s->started && answer.failed && answer.transaction != 2 && answer.transaction != 3)
        give_up("the server refused to publish: %s", answer.code[0] ? answer.code : answer.name);
    if (!strcmp(answer.name, "_result") && answer.transaction == TRANSACTION_CREATE) {
        s->stream = (uint32_t)answer.result;
        s->created = true;
    }
    if (!strcmp(answer.code, "NetStream.Publish.Start")) s->started = true;
}

static void send_now(outgoing *s, bytes *out) {
    for (size_t at = 0; at < out->count;) {
        ssize_t count = send(s->fd, out->data + at, out->count - at, MSG_NOSIGNAL);
        if (count <= 0) give_up("the server does not take the publisher's bytes: %s", strerror(errno));
        at += (size_t)count;
    }
    out->count = 0;
}

static void read_until(outgoing *s, const bool *done) {
    uint8_t input[4096];
    int on = 1;
    while (!*done) {
        // A server that writes its answers bit by bit under Nagle's rule waits for each acknowledgement.
        setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
        ssize_t count = recv(s->fd, input, sizeof input, 0);
        if (count <= 0) give_up("the server closed the publisher: %s", count ? strerror(errno) : "end of stream");
        if (!chunk_reader_feed(&s->reader, input, (size_t)count, take_reply, s)) give_up("the server does not speak RTMP");
    }
}

static void shake_hands(outgoing *s, bytes *out) {
    uint8_t answer[1 + 2 * RTMP_HANDSHAKE];
    rtmp_put_hello(out);
    send_now(s, out);
    for (size_t at = 0; at < sizeof answer;) {
        ssize_t count = recv(s->fd, answer + at, sizeof answer - at, 0);
        if (count <= 0) give_up("no handshake from the server: %s", count ? strerror(errno) : "closed");
        at += (size_t)count;
    }
    rtmp_put_echo(out, answer + 1);
}

static void open_stream(publishing *p, int index) {
    outgoing *s = &p->streams[index];
    const options *o = p->options;
    char name[256];
    endpoint_stream_name(&p->target, index, name, sizeof name);
    s->fd = endpoint_connect(&p->target, (socket_wish){ .blocking = true, .source = o->sources ? index : -1 });
    if (s->fd < 0) give_up("cannot connect to port %d: %s", p->target.port, strerror(errno));
    bytes out = { 0 };
    shake_hands(s, &out);
    rtmp_put_set_chunk_size(&out, RTMP_SENT_CHUNK_SIZE);
    rtmp_put_connect(&out, &p->target, RTMP_SENT_CHUNK_SIZE);
    rtmp_put_command(&out, "releaseStream", 2, name, NULL, 0, RTMP_SENT_CHUNK_SIZE);
    rtmp_put_command(&out, "FCPublish", 3, name, NULL, 0, RTMP_SENT_CHUNK_SIZE);
    rtmp_put_command(&out, "createStream", TRANSACTION_CREATE, NULL, NULL, 0, RTMP_SENT_CHUNK_SIZE);
    send_now(s, &out);
    read_until(s, &s->created);
    rtmp_put_command(&out, "publish", TRANSACTION_PUBLISH, name, "live", s->stream, RTMP_SENT_CHUNK_SIZE);
    send_now(s, &out);
    read_until(s, &s->started);
    rtmp_put_metadata(&out, o->shape.kbps, o->shape.fps, s->stream, RTMP_SENT_CHUNK_SIZE);
    rtmp_message video = { .type = RTMP_VIDEO, .stream = s->stream, .body = media_avc_header, .count = media_avc_header_size };
    rtmp_message audio = { .type = RTMP_AUDIO, .stream = s->stream, .body = media_aac_header, .count = media_aac_header_size };
    rtmp_put_message(&out, CSID_VIDEO, &video, RTMP_SENT_CHUNK_SIZE);
    rtmp_put_message(&out, CSID_AUDIO, &audio, RTMP_SENT_CHUNK_SIZE);
    send_now(s, &out);
    bytes_free(&out);
    fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };
    epoll_ctl(p->epoll, EPOLL_CTL_ADD, s->fd, &event);
}

// ---------------------------------------------------------------- the order of messages

static void heap_settle(publishing *p, int at) {
    for (;;) {
        int least = at;
        for (int child = 2 * at + 1; child <= 2 * at + 2 && child < p->heap_count; child++)
            if (p->heap[child]->next.due < p->heap[least]->next.due) least = child;
        if (least == at) return;
        outgoing *s = p->heap[at];
        p->heap[at] = p->heap[least];
        p->heap[least] = s;
        at = least;
    }
}

/// Streams start spread over one GOP, so that their keyframes do not all fall together.
static void schedule_all(publishing *p) {
    const media_shape *shape = &p->options->shape;
    uint64_t start = now_ns(), gop = (uint64_t)shape->gop * NS_PER_S / (uint64_t)shape->fps;
    for (int i = 0; i < p->options->streams; i++) {
        outgoing *s = &p->streams[i];
        s->at.start = start + gop * (uint64_t)i / (uint64_t)p->options->streams;
        s->next = media_next(shape, &s->at);
        p->heap[p->heap_count++] = s;  // in order of time already
    }
}

// ---------------------------------------------------------------- running

static void lose(publishing *p, outgoing *s) {
    if (s->fd < 0) return;
    close(s->fd);
    s->fd = -1;
    p->lost++;
}

static void push_out(publishing *p, outgoing *s) {
    ssize_t count = send(s->fd, s->waiting.data, s->waiting.count, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) {
        lose(p, s);
        return;
    }
    if (count > 0) {
        bytes_drop_front(&s->waiting, (size_t)count);
        p->bytes += (uint64_t)count;
    }
    if (s->waiting.count > MOST_WAITING) {
        lose(p, s);
        return;
    }
    bool wants = s->waiting.count > 0;
    if (wants == s->wants_writable) return;
    s->wants_writable = wants;
    struct epoll_event event = { .events = EPOLLIN | (wants ? EPOLLOUT : 0), .data.ptr = s };
    epoll_ctl(p->epoll, EPOLL_CTL_MOD, s->fd, &event);
}

static void send_due(publishing *p) {
    static bytes body;
    outgoing *s = p->heap[0];
    const media_shape *shape = &p->options->shape;
    if (s->fd >= 0) {
        body.count = 0;
        samples_add(&p->late_ms, (double)(now_ns() - s->next.due) / NS_PER_MS);
        media_append_body(&body, shape, &s->at, &s->next);
        rtmp_message message = { .type = s->next.video ? RTMP_VIDEO : RTMP_AUDIO, .timestamp = s->next.timestamp,
                                 .stream = s->stream, .body = body.data, .count = body.count };
        rtmp_put_message(&s->waiting, s->next.video ? CSID_VIDEO : CSID_AUDIO, &message, RTMP_SENT_CHUNK_SIZE);
        p->frames += s->next.video;
        push_out(p, s);
    }
    media_advance(&s->at, &s->next);
    s->next = media_next(shape, &s->at);
    heap_settle(p, 0);
}

/// Reads what servers say (acknowledgements, pings) and writes what had to wait, until `until`.
static void serve_until(publishing *p, uint64_t until) {
    for (uint64_t now; (now = now_ns()) < until && !asked_to_stop;) {
        struct pollfd any = { .fd = p->epoll, .events = POLLIN };
        struct timespec left = { (time_t)((until - now) / NS_PER_S), (long)((until - now) % NS_PER_S) };
        if (ppoll(&any, 1, &left, NULL) <= 0) continue;
        struct epoll_event events[64];
        int count = epoll_wait(p->epoll, events, 64, 0);
        for (int i = 0; i < count; i++) {
            outgoing *s = events[i].data.ptr;
            uint8_t input[4096];
            if (s->fd >= 0 && events[i].events & ~(uint32_t)EPOLLOUT) {
                ssize_t got = recv(s->fd, input, sizeof input, 0);
                if (got == 0 || (got < 0 && errno != EAGAIN)) lose(p, s);
                else if (got > 0 && !chunk_reader_feed(&s->reader, input, (size_t)got, take_reply, s)) lose(p, s);
                bytes_append(&s->waiting, s->reply.data, s->reply.count);
                s->reply.count = 0;
            }
            if (s->fd >= 0 && s->waiting.count) push_out(p, s);
        }
    }
}

static void say_goodbye(publishing *p) {
    for (int i = 0; i < p->options->streams; i++) {
        outgoing *s = &p->streams[i];
        if (s->fd < 0) continue;
        char name[256];
        endpoint_stream_name(&p->target, i, name, sizeof name);
        rtmp_put_command(&s->waiting, "FCUnpublish", 6, name, NULL, 0, RTMP_SENT_CHUNK_SIZE);
        rtmp_put_command(&s->waiting, "closeStream", 0, NULL, NULL, s->stream, RTMP_SENT_CHUNK_SIZE);
        push_out(p, s);
        if (s->fd >= 0) shutdown(s->fd, SHUT_WR);
    }
    // Closing with unread bytes would reset the connection and take the farewell with it.
    sleep_until(now_ns() + 100 * NS_PER_MS);
    for (int i = 0; i < p->options->streams; i++)
        if (p->streams[i].fd >= 0) recv(p->streams[i].fd, NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT);
}

int publish_mode(const options *o) {
    publishing p = { .options = o, .target = endpoint_parse(o->target), .epoll = epoll_create1(EPOLL_CLOEXEC) };
    if (p.target.form != FORM_RTMP) give_up("only rtmp:// can be published to");
    if (o->streams > 1 && !strstr(p.target.name, "%d")) give_up("several streams need %%d in the URL");
    p.streams = must_alloc((size_t)o->streams, sizeof *p.streams);
    p.heap = must_alloc((size_t)o->streams, sizeof *p.heap);
    uint64_t progress = now_ns() + 2 * NS_PER_S;
    for (int i = 0; i < o->streams && !asked_to_stop; i++) {
        open_stream(&p, i);
        if (now_ns() < progress) continue;
        fprintf(stderr, "opening: %d of %d\n", i + 1, o->streams);
        progress += 2 * NS_PER_S;
    }
    fputs("publishing: begun\n", stderr);  // whoever started us may send viewers from now on
    schedule_all(&p);
    uint64_t start = now_ns(), end = start + (uint64_t)(o->seconds * NS_PER_S);
    progress = start + 2 * NS_PER_S;
    while (!asked_to_stop && p.lost < o->streams && p.heap[0]->next.due < end) {
        serve_until(&p, p.heap[0]->next.due);
        if (asked_to_stop) break;
        send_due(&p);
        uint64_t now = now_ns();
        if (now < progress) continue;
        fprintf(stderr, "publishing: %d of %d, %.0f s left\n", o->streams - p.lost, o->streams,
                end > now ? (double)(end - now) / NS_PER_S : 0);
        progress += 2 * NS_PER_S;
    }
    say_goodbye(&p);
    json_begin("publish");
    json_whole("streams", (uint64_t)o->streams);
    json_whole("lost", (uint64_t)p.lost);
    json_whole("frames", p.frames);
    json_whole("bytes", p.bytes);
    json_samples("late_ms", &p.late_ms);
    json_end();
    return p.lost ? 2 : 0;
}
