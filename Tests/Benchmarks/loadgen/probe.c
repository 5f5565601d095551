#include "probe.h"

void probe_take(probe_log *log, const rtmp_message *message, uint64_t now, uint64_t from, uint64_t to) {
    if (now >= from && now <= to && (message->type == RTMP_VIDEO || message->type == RTMP_AUDIO))
        log->body_bytes += message->count;
    media_stamp stamp;
    if (message->type != RTMP_VIDEO || !media_read_stamp(message->body, message->count, &stamp)) return;
    if (log->frames++ > 0) {
        if (stamp.number < log->next_number) log->restarts++;
        else log->missing += stamp.number - log->next_number;
    }
    log->next_number = stamp.number + 1;
    if (stamp.written >= from && now <= to) samples_add(&log->delay_ms, (double)(now - stamp.written) / NS_PER_MS);
}
