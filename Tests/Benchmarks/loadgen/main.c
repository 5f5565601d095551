#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "modes.h"
#include "support.h"

atomic_bool asked_to_stop;

static void stop(int signal_number) {
    (void)signal_number;
    atomic_store(&asked_to_stop, true);
}

int main(int count, char **arguments) {
    options o = options_parse(count, arguments);
    signal(SIGPIPE, SIG_IGN);
    struct sigaction on_end = { .sa_handler = stop };
    sigaction(SIGTERM, &on_end, NULL);
    sigaction(SIGINT, &on_end, NULL);
    struct rlimit descriptors;
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);

    if (!strcmp(o.mode, "publish")) return publish_mode(&o);
    if (!strcmp(o.mode, "play")) return play_mode(&o, false);
    if (!strcmp(o.mode, "sink")) return play_mode(&o, true);
    if (!strcmp(o.mode, "joins")) return joins_mode(&o);
    if (!strcmp(o.mode, "floor")) return floor_mode(&o);
    give_up("%s is not a mode; `relayload --help` lists them", o.mode);
}
