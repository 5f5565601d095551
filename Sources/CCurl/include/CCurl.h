// libcurl for Swift. Swift cannot call variadic functions, so each use of curl_easy_setopt and curl_easy_getinfo has a
// typed stand-in here; nothing else does.
#pragma once
#include <curl/curl.h>

static inline CURLcode relay_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode relay_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode relay_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode relay_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode relay_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

typedef size_t (*relay_curl_data_callback)(char *data, size_t size, size_t count, void *context);

static inline CURLcode relay_curl_set_callback(CURL *handle, CURLoption option, relay_curl_data_callback value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode relay_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode relay_curl_get_pointer(CURL *handle, CURLINFO info, void **value) {
    return curl_easy_getinfo(handle, info, value);
}

// The result inside a CURLMsg is a union, which Swift would import as overlapping properties.
static inline CURLcode relay_curl_message_result(const CURLMsg *message) {
    return message->data.result;
}

static inline CURLMcode relay_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
