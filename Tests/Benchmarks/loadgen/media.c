#define _GNU_SOURCE
#include "media.h"

#include <stdio.h>
#include <string.h>

#define AUDIO_BITS_PER_SECOND 64000.0
#define AUDIO_SAMPLES_PER_FRAME 1024ull
#define AUDIO_SAMPLE_RATE 44100ull
#define AUDIO_BODY 186  // 64 kb/s at 43.07 frames/s, the two bytes of the FLV audio header included
#define KEYFRAME_WEIGHT 8
#define SMALLEST_VIDEO_BODY 96

// AVCDecoderConfigurationRecord (ISO 14496-15 5.3.3): Baseline 3.1, 1280 x 720, one SPS and one PPS.
const uint8_t media_avc_header[] = {
    0x17, 0x00, 0, 0, 0,                                                    // keyframe, AVC; sequence header
    0x01, 0x42, 0xc0, 0x1f, 0xff,                                           // lengths of four bytes
    0xe1, 0x00, 0x09, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe4,  // SPS
    0x01, 0x00, 0x04, 0x68, 0xce, 0x38, 0x80,                               // PPS
};
const size_t media_avc_header_size = sizeof media_avc_header;
// AudioSpecificConfig (ISO 14496-3 1.6.2.1): AAC LC, 44.1 kHz, stereo.
const uint8_t media_aac_header[] = { 0xaf, 0x00, 0x12, 0x10 };
const size_t media_aac_header_size = sizeof media_aac_header;

// The sixteen bytes that name a user_data_unregistered SEI (H.264 D.2.7) as ours. The clock and the number follow as
// hexadecimal digits, which can never look like a start code.
static const char stamp_name[16] = { 'e', 'd', 'g', 'e', '-', 'r', 'e', 'l', 'a', 'y', ' ', 'c', 'l', 'o', 'c', 'k' };
#define STAMP_DIGITS (16 + 8)
#define SEARCHED_FOR_STAMP 64

static double video_bytes_per_second(const media_shape *shape) {
    double left = shape->kbps * 1000.0 - AUDIO_BITS_PER_SECOND;
    return (left > 0 ? left : 0) / 8;
}

static size_t video_body_size(const media_shape *shape, bool key) {
    double mean = video_bytes_per_second(shape) / shape->fps;
    double usual = mean * shape->gop / (shape->gop + KEYFRAME_WEIGHT - 1);
    size_t size = (size_t)(key ? usual * KEYFRAME_WEIGHT : usual);
    return size < SMALLEST_VIDEO_BODY ? SMALLEST_VIDEO_BODY : size;
}

media_message media_next(const media_shape *shape, const media_position *at) {
    uint64_t video = at->video * NS_PER_S / (uint64_t)shape->fps;
    uint64_t audio = at->audio * AUDIO_SAMPLES_PER_FRAME * NS_PER_S / AUDIO_SAMPLE_RATE;
    bool is_video = video <= audio;
    uint64_t offset = is_video ? video : audio;
    return (media_message){
        .video = is_video,
        .key = is_video && at->video % (uint64_t)shape->gop == 0,
        .due = at->start + offset,
        .timestamp = (uint32_t)(offset / NS_PER_MS),
    };
}

void media_advance(media_position *at, const media_message *message) {
    if (message->video) at->video++;
    else at->audio++;
}

static void append_filling(bytes *out, uint8_t value, size_t count) {
    uint8_t block[512];
    memset(block, value, sizeof block);
    for (; count > sizeof block; count -= sizeof block) bytes_append(out, block, sizeof block);
    bytes_append(out, block, count);
}

void media_append_body(bytes *out, const media_shape *shape, const media_position *at, const media_message *message) {
    if (!message->video) {
        bytes_put(out, 0xaf01, 2);
        append_filling(out, 0x5a, AUDIO_BODY - 2);
        return;
    }
    size_t end = out->count + video_body_size(shape, message->key);
    bytes_put(out, message->key ? 0x17 : 0x27, 1);
    bytes_put(out, 0x01000000, 4);  // NAL units, composition time 0
    if (shape->clock) {
        char digits[STAMP_DIGITS + 1];
        snprintf(digits, sizeof digits, "%016llx%08x", (unsigned long long)now_ns(), (uint32_t)at->video);
        bytes_put(out, 3 + sizeof stamp_name + STAMP_DIGITS + 1, 4);
        bytes_put(out, 0x0605, 2);  // SEI, user_data_unregistered
        bytes_put(out, sizeof stamp_name + STAMP_DIGITS, 1);
        bytes_append(out, stamp_name, sizeof stamp_name);
        bytes_append(out, digits, STAMP_DIGITS);
        bytes_put(out, 0x80, 1);
    }
    bytes_put(out, end - out->count - 4, 4);
    bytes_put(out, message->key ? 0x65 : 0x41, 1);  // a slice of an IDR picture, or of another
    append_filling(out, 0xa5, end - out->count);
}

double media_body_rate(const media_shape *shape) {
    double gop = (double)video_body_size(shape, true) + (shape->gop - 1.0) * (double)video_body_size(shape, false);
    return gop * shape->fps / shape->gop + AUDIO_BODY * (double)AUDIO_SAMPLE_RATE / AUDIO_SAMPLES_PER_FRAME;
}

bool media_is_keyframe(const uint8_t *body, size_t count) {
    return count > 5 && body[0] == 0x17 && body[1] == 1;
}

bool media_read_stamp(const uint8_t *body, size_t count, media_stamp *out) {
    size_t searched = count < SEARCHED_FOR_STAMP ? count : SEARCHED_FOR_STAMP;
    const uint8_t *found = memmem(body, searched, stamp_name, sizeof stamp_name);
    if (!found || (size_t)(body + count - found) < sizeof stamp_name + STAMP_DIGITS) return false;
    uint64_t value[2] = { 0 };
    for (int i = 0; i < STAMP_DIGITS; i++) {
        int c = found[sizeof stamp_name + (size_t)i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        value[i >= 16] = value[i >= 16] << 4 | (uint64_t)digit;
    }
    *out = (media_stamp){ value[0], (uint32_t)value[1] };
    return true;
}
