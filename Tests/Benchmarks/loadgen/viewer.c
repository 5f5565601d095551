#include "viewer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flv_wire.h"
#include "rtmp_wire.h"
#include "support.h"

/// How often a viewer says that it is there, in received bytes: half of the 2.5 MB window that servers announce.
#define BYTES_PER_ANSWER 1250000
#define READ_SIZE (256 * 1024)

struct decoder {
    bytes greeting;  ///< S0, S1 and S2
    chunk_reader rtmp;
    flv_reader flv;
    // what the messages of one read said; acted on after the read
    viewer *viewer;
    const viewing *run;
    bytes reply;
    uint64_t now;
};

static bool is_rtmp(const viewing *run) { return run->target.form == FORM_RTMP || run->target.form == FORM_BARE_RTMP; }

static bool is_bare(const viewing *run) {
    return run->target.form == FORM_BARE_RTMP || run->target.form == FORM_BARE_FLV;
}

static void listen_for(viewer *v, int epoll, uint32_t events, int operation) {
    struct epoll_event event = { .events = events, .data.ptr = v };
    epoll_ctl(epoll, operation, v->fd, &event);
}

static void forget_decoder(viewer *v) {
    if (!v->decoder) return;
    chunk_reader_free(&v->decoder->rtmp);
    flv_reader_free(&v->decoder->flv);
    bytes_free(&v->decoder->greeting);
    bytes_free(&v->decoder->reply);
    free(v->decoder);
    v->decoder = NULL;
}

void viewer_close(viewer *v) {
    forget_decoder(v);
    if (v->fd >= 0) close(v->fd);
    v->fd = -1;
    v->phase = VIEWER_CLOSED;
}

static void refuse(viewer *v, const char *reason) {
    if (!v->joined && !v->refusal[0]) snprintf(v->refusal, sizeof v->refusal, "%s", reason);
    viewer_close(v);
}

/// Requests fit any send buffer: a short write means that the connection is of no use.
static bool send_all(viewer *v, bytes *out) {
    bool sent = !out->count || send(v->fd, out->data, out->count, MSG_NOSIGNAL) == (ssize_t)out->count;
    out->count = 0;
    return sent;
}

void viewer_open(viewer *v, const viewing *run, int epoll) {
    v->opened = now_ns();
    v->joined = 0;
    v->total_bytes = v->answered_bytes = 0;
    v->phase = VIEWER_CONNECTING;
    socket_wish wish = { .source = run->options->sources ? v->index : -1, .remote_like = v->slow };
    v->fd = endpoint_connect(&run->target, wish);
    if (v->fd < 0) {
        refuse(v, strerror(errno));
        return;
    }
    v->decoder = must_alloc(1, sizeof *v->decoder);
    v->decoder->viewer = v;
    v->decoder->run = run;
    v->decoder->rtmp.chunk_size = is_bare(run) ? RTMP_SENT_CHUNK_SIZE : RTMP_FIRST_CHUNK_SIZE;
    v->decoder->flv.bare = is_bare(run);
    v->decoder->flv.websocket = run->target.form == FORM_WS_FLV;
    listen_for(v, epoll, EPOLLOUT, EPOLL_CTL_ADD);
}

// ---------------------------------------------------------------- joining

static void say_hello(viewer *v, const viewing *run, int epoll) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(v->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        refuse(v, strerror(error));
        return;
    }
    bytes out = { 0 };
    v->phase = VIEWER_JOINING;
    if (run->target.form == FORM_RTMP) {
        rtmp_put_hello(&out);
        v->phase = VIEWER_GREETING;
    } else if (!is_bare(run)) {
        char name[256];
        endpoint_stream_name(&run->target, v->index % run->options->streams, name, sizeof name);
        http_put_request(&out, &run->target, name);
    }
    bool sent = send_all(v, &out);
    bytes_free(&out);
    if (sent) listen_for(v, epoll, EPOLLIN, EPOLL_CTL_MOD);
    else refuse(v, "cannot write");
}

/// Collects S0 S1 S2, then sends C2 and `connect`. Returns how many of the bytes belonged to the greeting.
static size_t take_greeting(viewer *v, const viewing *run, const uint8_t *data, size_t count) {
    bytes *greeting = &v->decoder->greeting;
    size_t whole = 1 + 2 * RTMP_HANDSHAKE, part = whole - greeting->count;
    if (part > count) part = count;
    bytes_append(greeting, data, part);
    if (greeting->count == whole) {
        rtmp_put_echo(&v->decoder->reply, greeting->data + 1);
        rtmp_put_connect(&v->decoder->reply, &run->target, RTMP_FIRST_CHUNK_SIZE);
        bytes_free(greeting);
        v->phase = VIEWER_JOINING;
    }
    return part;
}

enum { TRANSACTION_CONNECT = 1, TRANSACTION_CREATE = 2 };

static void take_answer(decoder *d, const rtmp_message *message) {
    rtmp_answer answer;
    viewer *v = d->viewer;
    if (!rtmp_read_answer(message, &answer)) return;
    if (answer.failed) {
        snprintf(v->refusal, sizeof v->refusal, "%s", answer.code[0] ? answer.code : answer.name);
    } else if (!strcmp(answer.name, "_result") && answer.transaction == TRANSACTION_CONNECT) {
        rtmp_put_command(&d->reply, "createStream", TRANSACTION_CREATE, NULL, NULL, 0, RTMP_FIRST_CHUNK_SIZE);
    } else if (!strcmp(answer.name, "_result") && answer.transaction == TRANSACTION_CREATE) {
        char name[256];
        endpoint_stream_name(&d->run->target, v->index % d->run->options->streams, name, sizeof name);
        rtmp_put_play(&d->reply, name, (uint32_t)answer.result);
    }
}

static void take_message(void *context, const rtmp_message *message) {
    decoder *d = context;
    viewer *v = d->viewer;
    if (message->type == RTMP_COMMAND) take_answer(d, message);
    if (message->type == RTMP_USER_CONTROL) rtmp_put_pong(&d->reply, message, RTMP_FIRST_CHUNK_SIZE);
    if (v->probe) probe_take(v->probe, message, d->now, d->run->from, d->run->to);
    if (!v->joined && message->type == RTMP_VIDEO && media_is_keyframe(message->body, message->count)) v->joined = d->now;
}

/// Takes apart what was read; on the first keyframe most viewers stop looking.
static void parse(viewer *v, const viewing *run, int epoll, const uint8_t *data, size_t count) {
    decoder *d = v->decoder;
    size_t used = v->phase == VIEWER_GREETING ? take_greeting(v, run, data, count) : 0;
    bool fine = true;
    if (v->phase != VIEWER_GREETING)
        fine = is_rtmp(run) ? chunk_reader_feed(&d->rtmp, data + used, count - used, take_message, d)
                            : flv_reader_feed(&d->flv, data + used, count - used, take_message, d);
    bool sent = send_all(v, &d->reply) && send_all(v, &d->flv.reply);
    if (!fine || !sent || v->refusal[0] || d->flv.closed) {
        char status[24] = "not understood";
        if (d->flv.status >= 400) snprintf(status, sizeof status, "HTTP %d", d->flv.status);
        refuse(v, status);
        return;
    }
    if (!v->joined || v->phase != VIEWER_JOINING) return;
    v->phase = v->probe ? VIEWER_PROBING : v->slow ? VIEWER_DRAGGING : VIEWER_WATCHING;
    if (v->phase == VIEWER_PROBING) return;
    forget_decoder(v);
    if (v->phase == VIEWER_DRAGGING) listen_for(v, epoll, 0, EPOLL_CTL_MOD);
}

// ---------------------------------------------------------------- watching

/// A viewer that discards cannot see a ping; what it says unasked, now and then, shows that it is alive.
static void answer_now_and_then(viewer *v, const viewing *run) {
    if (v->total_bytes - v->answered_bytes < BYTES_PER_ANSWER) return;
    v->answered_bytes = v->total_bytes;
    bytes out = { 0 };
    if (run->target.form == FORM_RTMP) rtmp_put_acknowledgement(&out, (uint32_t)v->total_bytes, RTMP_FIRST_CHUNK_SIZE);
    if (run->target.form == FORM_WS_FLV) websocket_put_pong(&out, NULL, 0);
    send_all(v, &out);
    bytes_free(&out);
}

static void count_arrival(viewer *v, const viewing *run, uint64_t now, size_t count) {
    v->total_bytes += count;
    if (now < run->from || now > run->to) return;
    v->window_bytes += count;
    uint64_t before = v->last_arrival ? v->last_arrival : run->from;
    if (now - before > v->longest_silence) v->longest_silence = now - before;
    if (v->first_arrival) v->bytes_since_first += count;
    else v->first_arrival = now;
    v->last_arrival = now;
}

uint64_t viewer_ready(viewer *v, const viewing *run, int epoll, uint32_t events) {
    static _Thread_local uint8_t input[READ_SIZE];
    if (v->phase == VIEWER_CONNECTING) {
        say_hello(v, run, epoll);
        return 0;
    }
    if (v->phase == VIEWER_UNBORN || v->phase == VIEWER_CLOSED) return 0;
    if (v->phase == VIEWER_DRAGGING) {
        if (events & (EPOLLERR | EPOLLHUP)) viewer_close(v);
        return 0;
    }
    bool discards = v->phase == VIEWER_WATCHING;
    // MSG_TRUNC on TCP takes the bytes out of the receive queue without copying them, tcp(7).
    ssize_t count = recv(v->fd, input, sizeof input, discards ? MSG_TRUNC : 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (count <= 0) {
        refuse(v, count ? strerror(errno) : "closed by the server");
        return 0;
    }
    uint64_t now = now_ns();
    count_arrival(v, run, now, (size_t)count);
    if (v->decoder) {
        v->decoder->now = now;
        parse(v, run, epoll, input, (size_t)count);
    }
    if (v->phase == VIEWER_WATCHING || v->phase == VIEWER_PROBING) answer_now_and_then(v, run);
    return (uint64_t)count;
}

void viewer_drag(viewer *v, const viewing *run, size_t allowance) {
    if (v->phase != VIEWER_DRAGGING || !allowance) return;
    ssize_t count = recv(v->fd, NULL, allowance, MSG_TRUNC | MSG_DONTWAIT);
    if (count > 0) count_arrival(v, run, now_ns(), (size_t)count);
    else if (count == 0 || (errno != EAGAIN && errno != EINTR)) viewer_close(v);
}

// ---------------------------------------------------------------- figures

uint64_t viewer_silence(const viewer *v, const viewing *run) {
    uint64_t last = v->last_arrival ? v->last_arrival : run->from;
    uint64_t at_end = run->to > last ? run->to - last : 0;
    return at_end > v->longest_silence ? at_end : v->longest_silence;
}

double viewer_rate(const viewer *v, const viewing *run) {
    if (!v->first_arrival || v->last_arrival == v->first_arrival) return 0;
    uint64_t end = v->last_arrival;
    if ((double)(run->to - end) > run->options->stall_ms * NS_PER_MS) end = run->to;
    return (double)v->bytes_since_first * NS_PER_S / (double)(end - v->first_arrival);
}
