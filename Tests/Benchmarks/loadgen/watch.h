// What another process used: read at both ends of the measured window, by the program that knows the window.
#pragma once
#include <stdint.h>
#include <sys/types.h>

/// CPU time of all threads in nanoseconds, user and system together; 0 when the process is gone.
uint64_t watch_cpu_ns(pid_t pid);

/// Proportional set size in KiB (`/proc/PID/smaps_rollup`); 0 when it cannot be read.
uint64_t watch_pss_kib(pid_t pid);

/// CPU time of this process in nanoseconds.
uint64_t watch_own_cpu_ns(void);
