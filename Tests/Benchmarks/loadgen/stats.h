// Figures: samples with percentiles, and the one JSON object that goes to stdout.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double *values;
    size_t count, capacity;
} samples;

void samples_add(samples *s, double value);
void samples_take_all(samples *into, samples *from);
/// Sorts on each call; -1 when there is none.
double samples_percentile(samples *s, double percent);
void samples_free(samples *s);

void json_begin(const char *mode);
void json_whole(const char *key, uint64_t value);
void json_real(const char *key, double value);
void json_text(const char *key, const char *value);
void json_open(const char *key);
void json_close(void);
/// `{"n": …, "p50": …, "p99": …, "max": …}`
void json_samples(const char *key, samples *s);
void json_end(void);
