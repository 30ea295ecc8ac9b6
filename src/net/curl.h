/* libcurl, opened when it is needed and not with the program: with it come some thirty libraries, and every start of any command would wait
 * for them. Its functions by the types that its own header gives them. Plain data; any thread. */
#ifndef PINGTI_NET_CURL_H
#define PINGTI_NET_CURL_H
#include "base/err.h"
#include <curl/curl.h>

typedef struct curl_library {
#define FUNCTION(name) __typeof__(curl_##name) *name;
#include "net/curl.def"
#undef FUNCTION
} curl_library;

/* Stays open until the process ends. */
bool curl_open(curl_library *out, err *e);
#endif
