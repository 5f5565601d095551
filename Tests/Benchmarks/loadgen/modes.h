// The five things relayload does; each runs to its end, prints its JSON and returns the exit status.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

#include "options.h"

/// Set by SIGTERM and SIGINT: a mode then ends early and still reports.
extern atomic_bool asked_to_stop;

int publish_mode(const options *o);
int play_mode(const options *o, bool of_the_floor);
int joins_mode(const options *o);
int floor_mode(const options *o);
