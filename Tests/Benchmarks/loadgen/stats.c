#include "stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

void samples_add(samples *s, double value) {
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 1024;
        s->values = realloc(s->values, s->capacity * sizeof *s->values);
        if (!s->values) give_up("out of memory");
    }
    s->values[s->count++] = value;
}

void samples_take_all(samples *into, samples *from) {
    for (size_t i = 0; i < from->count; i++) samples_add(into, from->values[i]);
    samples_free(from);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double samples_percentile(samples *s, double percent) {
    if (!s->count) return -1;
    qsort(s->values, s->count, sizeof *s->values, ascending);
    // The nearest rank: the smallest value that at least `percent` of all do not exceed.
    double rank = ceil(percent / 100 * (double)s->count);
    return s->values[rank < 1 ? 0 : (size_t)rank - 1];
}

void samples_free(samples *s) {
    free(s->values);
    *s = (samples){ 0 };
}

static bool needs_comma;

static void key_part(const char *key) {
    printf("%s\"%s\":", needs_comma ? "," : "", key);
    needs_comma = true;
}

void json_begin(const char *mode) {
    putchar('{');
    needs_comma = false;
    json_text("mode", mode);
}

void json_whole(const char *key, uint64_t value) {
    key_part(key);
    printf("%llu", (unsigned long long)value);
}

void json_real(const char *key, double value) {
    key_part(key);
    printf("%.6g", value);
}

void json_text(const char *key, const char *value) {
    key_part(key);
    putchar('"');
    for (; *value; value++)
        if (*value >= ' ' && *value < 127 && *value != '"' && *value != '\\') putchar(*value);
    putchar('"');
}

void json_open(const char *key) {
    key_part(key);
    putchar('{');
    needs_comma = false;
}

void json_close(void) {
    putchar('}');
    needs_comma = true;
}

void json_samples(const char *key, samples *s) {
    json_open(key);
    json_whole("n", s->count);
    json_real("p50", samples_percentile(s, 50));
    json_real("p99", samples_percentile(s, 99));
    json_real("max", samples_percentile(s, 100));
    json_close();
}

void json_end(void) {
    puts("}");
    fflush(stdout);
}
