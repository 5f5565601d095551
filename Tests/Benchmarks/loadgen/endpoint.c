#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "support.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24  // linux/in.h: the port is chosen at connect, per destination
#endif

/// The segment size of a path with an MTU of 1,500 bytes; on loopback it would be 65,483.
#define INTERNET_SEGMENT 1448
#define SOURCES_PER_BLOCK 200

endpoint endpoint_parse(const char *url) {
    endpoint e = { 0 };
    char scheme[8];
    if (sscanf(url, "%7[a-z]://%63[^:/]:%d/%63[^/]/%191s", scheme, e.host, &e.port, e.app, e.name) != 5)
        give_up("cannot read %s: it must be scheme://host:port/app/name", url);
    if (!strcmp(scheme, "rtmp")) e.form = FORM_RTMP;
    else if (!strcmp(scheme, "http")) e.form = FORM_HTTP_FLV;
    else if (!strcmp(scheme, "ws")) e.form = FORM_WS_FLV;
    else give_up("%s:// is not known: rtmp, http or ws", scheme);
    if (!strcmp(e.host, "localhost")) strcpy(e.host, "127.0.0.1");
    return e;
}

void endpoint_stream_name(const endpoint *e, int index, char *out, size_t size) {
    const char *mark = strstr(e->name, "%d");
    if (mark) snprintf(out, size, "%.*s%d%s", (int)(mark - e->name), e->name, index, mark + 2);
    else snprintf(out, size, "%s", e->name);
}

int endpoint_connect(const endpoint *e, socket_wish wish) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (wish.blocking ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0) return -1;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (wish.blocking) {
        struct timeval limit = { .tv_sec = 10 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }
    if (wish.remote_like) {
        int segment = INTERNET_SEGMENT, buffer = 32 * 1024;
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)e->port) };
    if (inet_pton(AF_INET, e->host, &to.sin_addr) != 1) give_up("%s is not an IPv4 address", e->host);
    if ((ntohl(to.sin_addr.s_addr) >> 24) != 127) give_up("%s is not on the loopback: load goes nowhere else", e->host);
    if (wish.source >= 0) {
        int block = 1 + wish.source / SOURCES_PER_BLOCK % 200, last = 1 + wish.source % SOURCES_PER_BLOCK;
        struct sockaddr_in from = { .sin_family = AF_INET };
        from.sin_addr.s_addr = htonl(0x7f000000u | (uint32_t)block << 8 | (uint32_t)last);
        setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&from, sizeof from)) goto failed;
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) goto failed;
    return fd;
failed:;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}
