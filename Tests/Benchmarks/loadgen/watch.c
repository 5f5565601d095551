#include "watch.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

/// `stat` counts utime and stime in ticks of 10 ms: too coarse for a short window, but always there.
static uint64_t cpu_in_ticks(pid_t pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t count = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[count] = 0;
    unsigned long user = 0, system = 0;
    const char *after_name = strrchr(text, ')');
    // Fields 3 to 13 lie between the name and utime, proc(5).
    if (!after_name || sscanf(after_name + 1, " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &system) != 2)
        return 0;
    return (user + system) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

watch_times watch_read(pid_t pid) {
    char path[300];
    watch_times sum = { 0 };
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    if (!threads) return sum;
    for (struct dirent *entry; (entry = readdir(threads));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        unsigned long long on_cpu = 0, waited = 0;
        if (fscanf(file, "%llu %llu", &on_cpu, &waited) == 2) {
            sum.cpu_ns += on_cpu;
            sum.waited_ns += waited;
        }
        fclose(file);
    }
    closedir(threads);
    if (!sum.cpu_ns) sum.cpu_ns = cpu_in_ticks(pid);
    return sum;
}

watch_times watch_since(pid_t pid, watch_times before) {
    watch_times now = watch_read(pid);
    // A thread that ended takes its time with it; a process that ended leaves nothing to compare.
    return (watch_times){ now.cpu_ns > before.cpu_ns ? now.cpu_ns - before.cpu_ns : 0,
                          now.waited_ns > before.waited_ns ? now.waited_ns - before.waited_ns : 0 };
}

uint64_t watch_pss_kib(pid_t pid) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    unsigned long long kib = 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Pss: %llu kB", &kib) == 1) break;
    fclose(file);
    return kib;
}

uint64_t watch_own_cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}
