// Many viewers on one thread: opens them at the asked pace and serves their sockets to the end of the window.
#pragma once
#include <stdatomic.h>

#include "viewer.h"

typedef struct {
    const viewing *run;
    viewer **members;  ///< by index: each has its own time to join
    int count;
    uint64_t start;
    bool first_to_run;  ///< let the scheduler prefer this thread: a probe must not wait for the viewers beside it
    // for the line of progress, read by another thread
    atomic_int opened, joined;
    atomic_ullong received;
    uint64_t slow_rejoined;
} crowd;

/// The body of the thread; the argument is the crowd.
void *crowd_run(void *argument);

/// When viewer `index` is to join.
uint64_t crowd_join_time(const crowd *c, int index);
