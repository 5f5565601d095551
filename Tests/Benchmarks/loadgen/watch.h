// What another process used: read at both ends of the measured window, by the program that knows the window.
#pragma once
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    uint64_t cpu_ns;     ///< of all threads, user and system together
    uint64_t waited_ns;  ///< ready to run, but something else had the core
} watch_times;

/// Both are 0 when the process is gone.
watch_times watch_read(pid_t pid);

/// What was used since `before`.
watch_times watch_since(pid_t pid, watch_times before);

/// Proportional set size in KiB (`/proc/PID/smaps_rollup`); 0 when it cannot be read.
uint64_t watch_pss_kib(pid_t pid);

/// CPU time of this process in nanoseconds.
uint64_t watch_own_cpu_ns(void);
