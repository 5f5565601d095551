// Where a server is: URLs, the name of the i-th stream, and sockets that come from many loopback addresses.
#pragma once
#include <stdbool.h>
#include <stddef.h>

/// How media arrives. The bare forms are what the floor sends: the same bytes with nothing before them.
typedef enum { FORM_RTMP, FORM_HTTP_FLV, FORM_WS_FLV, FORM_BARE_RTMP, FORM_BARE_FLV } wire_form;

typedef struct {
    wire_form form;
    char host[64];
    int port;
    char app[64];
    char name[192];
} endpoint;

/// Reads `rtmp://`, `http://` or `ws://` host:port/app/name; gives up on anything else.
endpoint endpoint_parse(const char *url);

/// The name of stream `index`: `%d` in the URL's name is replaced; without one only a single stream can be meant.
void endpoint_stream_name(const endpoint *e, int index, char *out, size_t size);

typedef struct {
    bool blocking;
    /// Which of the source addresses 127.0.1.1 … to come from; negative: the kernel's choice. A server may count
    /// connections per address, and one address has too few ports for a long run of joins.
    int source;
    /// Makes the server's kernel buffer as small as it is for a viewer across the Internet.
    bool remote_like;
} socket_wish;

/// A socket that is connected (blocking) or connecting; -1 with errno set when it cannot be had.
int endpoint_connect(const endpoint *e, socket_wish wish);
