/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text: hex, base64, names, numbers, times. Pure; no locale, no clock. */
#ifndef CUSTOS_BASE_STR_H
#define CUSTOS_BASE_STR_H

#include "base/bytes.h"
#include "base/err.h"

/* Lower-case hex of b to `to`, which has room for 2 * b.n + 1. Returns to. */
char *str_hex(char *to, struct bytes b);
/* Exactly 2 * n hex digits of s to `to`. */
int str_unhex(uint8_t *to, size_t n, const char *s, struct err *e) MUST_USE;

/* Standard base64 with padding (RFC 4648 section 4); `to` has room for STR_BASE64_ROOM(b.n). */
#define STR_BASE64_ROOM(n) (((n) + 2) / 3 * 4 + 1)
char *str_base64(char *to, struct bytes b);
/* Decodes into `to` of `room` bytes; returns the count. Rejects any other character. */
int str_unbase64(uint8_t *to, size_t room, struct bytes in, struct err *e) MUST_USE;

/* The URL's alphabet without padding (RFC 4648 section 5, RFC 7515 section 2); `to` has room for
 * STR_BASE64_ROOM(b.n). Decoding takes the one text that encoding makes: the bits behind the last
 * byte are zero. */
char *str_base64url(char *to, struct bytes b);
int str_unbase64url(uint8_t *to, size_t room, struct bytes in, struct err *e) MUST_USE;

/* Decimal only, no sign or space, whole string, within [min, max]. */
int str_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct err *e) MUST_USE;

/* A camera's name: [a-z0-9] then [a-z0-9-], 1..63 characters, not ending in '-'. */
bool str_is_camera(const char *s);
/* A stream's name within its camera: [a-z0-9], 1..16 characters ("main", "sub"). */
bool str_is_stream(const char *s);

/* Times are microseconds since 1970-01-01 UTC, years 1970..9999. */
#define STR_TIME_ROOM 28
/* "2026-11-22T15:40:01.221Z" (milliseconds, cut not rounded). Returns to. */
char *str_time(char *to, int64_t wall_us);
/* "2026-11-22T15:40:01Z", with 0..6 digits of fraction. */
int str_parse_time(const char *s, int64_t *ret_us, struct err *e) MUST_USE;

/* Copies s to `to` with everything outside printable ASCII, and '"' and '\\', as \xNN; cut to fit,
 * always terminated. For putting foreign text into logs and errors. Returns to. */
char *str_escape(char *to, size_t room, struct bytes s);

/* The same text; letters of ASCII compare without case. */
bool str_is(struct bytes s, const char *text);
/* Without the white space at its ends (space, tab, CR, LF, VT, FF), or without space and tab alone
 * (OWS of RFC 9110 section 5.6.3). */
struct bytes str_trim(struct bytes s);
struct bytes str_trim_blanks(struct bytes s);
/* What stands before the separator, or all there is; *rest is what stands behind it. Both without
 * white space at their ends. */
struct bytes str_cut(struct bytes *rest, char separator);

#endif
