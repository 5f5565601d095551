// What every part needs: the clock, growable bytes in network order, and a way to give up.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

/// CLOCK_MONOTONIC: the clock that stands in the frames, the same for every process of one machine.
static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/// Sleeps until `when` on that clock, or until a signal comes.
void sleep_until(uint64_t when);

/// Prints one line to stderr and exits with status 1: for mistakes of the caller, and for a server that is not there.
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

void *must_alloc(size_t count, size_t size);

typedef struct {
    uint8_t *data;
    size_t count, capacity;
} bytes;

void bytes_append(bytes *b, const void *data, size_t count);
void bytes_drop_front(bytes *b, size_t count);
void bytes_free(bytes *b);
void bytes_put(bytes *b, uint64_t value, int width);
uint64_t bytes_get(const uint8_t *at, int width);
