#include "support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sleep_until(uint64_t when) {
    struct timespec t = { (time_t)(when / NS_PER_S), (long)(when % NS_PER_S) };
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("relayload: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void *must_alloc(size_t count, size_t size) {
    void *p = calloc(count ? count : 1, size);
    if (!p) give_up("out of memory");
    return p;
}

void bytes_append(bytes *b, const void *data, size_t count) {
    if (b->count + count > b->capacity) {
        size_t wanted = b->capacity ? b->capacity : 256;
        while (wanted < b->count + count) wanted *= 2;
        b->data = realloc(b->data, wanted);
        if (!b->data) give_up("out of memory");
        b->capacity = wanted;
    }
    if (count) memcpy(b->data + b->count, data, count);
    b->count += count;
}

void bytes_drop_front(bytes *b, size_t count) {
    if (!count) return;
    memmove(b->data, b->data + count, b->count - count);
    b->count -= count;
}

void bytes_free(bytes *b) {
    free(b->data);
    *b = (bytes){ 0 };
}

void bytes_put(bytes *b, uint64_t value, int width) {
    uint8_t out[8];
    for (int i = 0; i < width; i++) out[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    bytes_append(b, out, (size_t)width);
}

uint64_t bytes_get(const uint8_t *at, int width) {
    uint64_t value = 0;
    for (int i = 0; i < width; i++) value = value << 8 | at[i];
    return value;
}
