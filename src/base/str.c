/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/str.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>

static const char str_digits[] = "0123456789abcdef";
static const char str_alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *str_hex(char *to, struct bytes b)
{
        for (size_t i = 0; i < b.n; i++) {
                to[2 * i] = str_digits[b.p[i] >> 4];
                to[2 * i + 1] = str_digits[b.p[i] & 15];
        }
        to[2 * b.n] = '\0';
        return to;
}

static int str_nibble(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

int str_unhex(uint8_t *to, size_t n, const char *s, struct err *e)
{
        if (strlen(s) != 2 * n)
                return err_set(
                        e, ERR_INVALID, "%zu hex digits expected, %zu given", 2 * n, strlen(s));
        for (size_t i = 0; i < 2 * n; i++) {
                if (str_nibble(s[i]) < 0)
                        return err_set(e, ERR_INVALID, "not a hex digit at position %zu", i);
        }
        for (size_t i = 0; i < n; i++)
                to[i] = (uint8_t)(str_nibble(s[2 * i]) << 4 | str_nibble(s[2 * i + 1]));
        return 0;
}

char *str_base64(char *to, struct bytes b)
{
        char *o = to;

        for (size_t i = 0; i < b.n; i += 3) {
                size_t left = b.n - i;
                uint32_t v = (uint32_t)b.p[i] << 16 | (left > 1 ? (uint32_t)b.p[i + 1] << 8 : 0) |
                             (left > 2 ? b.p[i + 2] : 0);
                *o++ = str_alphabet[v >> 18];
                *o++ = str_alphabet[v >> 12 & 63];
                *o++ = left > 1 ? str_alphabet[v >> 6 & 63] : '=';
                *o++ = left > 2 ? str_alphabet[v & 63] : '=';
        }
        *o = '\0';
        return to;
}

static int str_sextet(uint8_t c)
{
        const char *at = c ? strchr(str_alphabet, c) : NULL;

        return at ? (int)(at - str_alphabet) : -1;
}

int str_unbase64(uint8_t *to, size_t room, struct bytes in, struct err *e)
{
        size_t pad = 0, out = 0;

        while (pad < 2 && in.n > pad && in.p[in.n - 1 - pad] == '=')
                pad++;
        if (in.n % 4)
                return err_set(e, ERR_INVALID, "base64: %zu characters, not a multiple of 4", in.n);
        size_t digits = in.n - pad;
        if (digits * 6 / 8 > room)
                return err_set(e, ERR_EXHAUSTED, "base64: more than %zu bytes", room);
        uint32_t acc = 0;
        int bits = 0;
        for (size_t i = 0; i < digits; i++) {
                int v = str_sextet(in.p[i]);
                if (v < 0)
                        return err_set(e, ERR_INVALID, "base64: bad character at position %zu", i);
                acc = acc << 6 | (uint32_t)v;
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        to[out++] = (uint8_t)(acc >> bits);
                }
        }
        return (int)out;
}

char *str_base64url(char *to, struct bytes b)
{
        str_base64(to, b);
        for (char *c = to; *c; c++) {
                if (*c == '+')
                        *c = '-';
                else if (*c == '/')
                        *c = '_';
                else if (*c == '=')
                        *c = '\0'; /* nothing but padding follows */
        }
        return to;
}

static int str_url_sextet(uint8_t c)
{
        if (c == '+' || c == '/')
                return -1;
        return str_sextet(c == '-' ? '+' : c == '_' ? '/' : c);
}

int str_unbase64url(uint8_t *to, size_t room, struct bytes in, struct err *e)
{
        size_t n = in.n / 4 * 3 + (in.n % 4 ? in.n % 4 - 1 : 0), out = 0;
        uint32_t acc = 0;
        int bits = 0;

        if (in.n % 4 == 1)
                return err_set(e, ERR_INVALID, "base64url: %zu characters", in.n);
        if (n > room || n > INT_MAX)
                return err_set(e, ERR_EXHAUSTED, "base64url: more than %zu bytes", room);
        for (size_t i = 0; i < in.n; i++) {
                int v = str_url_sextet(in.p[i]);
                if (v < 0)
                        return err_set(
                                e, ERR_INVALID, "base64url: bad character at position %zu", i);
                acc = acc << 6 | (uint32_t)v;
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        to[out++] = (uint8_t)(acc >> bits);
                }
        }
        if (acc & ((1u << bits) - 1))
                return err_set(e, ERR_INVALID, "base64url: bits behind the last byte");
        return (int)out;
}

int str_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct err *e)
{
        uint64_t v = 0;

        if (!*s)
                return err_set(e, ERR_INVALID, "a number is missing");
        for (const char *c = s; *c; c++) {
                if (*c < '0' || *c > '9')
                        return err_set(e, ERR_INVALID, "not a whole number");
                uint64_t digit = (uint64_t)(*c - '0');
                if (v > (UINT64_MAX - digit) / 10)
                        return err_set(e, ERR_INVALID, "number too large");
                v = v * 10 + digit;
        }
        if (v < min || v > max)
                return err_set(e, ERR_INVALID, "%" PRIu64 " is outside %" PRIu64 "..%" PRIu64, v,
                        min, max);
        *ret = v;
        return 0;
}

static bool str_lower_digit(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool str_is_camera(const char *s)
{
        size_t n = strlen(s);

        if (n < 1 || n > 63 || !str_lower_digit(s[0]) || s[n - 1] == '-')
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!str_lower_digit(s[i]) && s[i] != '-')
                        return false;
        }
        return true;
}

bool str_is_stream(const char *s)
{
        size_t n = strlen(s);

        if (n < 1 || n > 16)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!str_lower_digit(s[i]))
                        return false;
        }
        return true;
}

/* Days since 1970-01-01 of a proleptic Gregorian date, and back (era arithmetic, no tables). */
static int64_t str_days(int64_t y, int64_t m, int64_t d)
{
        y -= m <= 2;
        int64_t era = (y >= 0 ? y : y - 399) / 400;
        int64_t yoe = y - era * 400;
        int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

        return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void str_civil(int64_t days, int *y, int *m, int *d)
{
        int64_t z = days + 719468;
        int64_t era = z / 146097;
        int64_t doe = z - era * 146097;
        int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
        int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        int64_t mp = (5 * doy + 2) / 153;

        *d = (int)(doy - (153 * mp + 2) / 5 + 1);
        *m = (int)(mp < 10 ? mp + 3 : mp - 9);
        *y = (int)(yoe + era * 400 + (*m <= 2));
}

char *str_time(char *to, int64_t wall_us)
{
        const int64_t last = INT64_C(253402300799999999); /* 9999-12-31T23:59:59.999999Z */
        int y, m, d;

        if (wall_us < 0)
                wall_us = 0;
        if (wall_us > last)
                wall_us = last;
        int64_t ms = wall_us / 1000;
        int64_t day = ms / 86400000;
        int rest = (int)(ms % 86400000);
        str_civil(day, &y, &m, &d);
        snprintf(to, STR_TIME_ROOM, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)y % 10000u,
                (unsigned)m % 100u, (unsigned)d % 100u, (unsigned)rest / 3600000u,
                (unsigned)rest / 60000u % 60u, (unsigned)rest / 1000u % 60u,
                (unsigned)rest % 1000u);
        return to;
}

static int str_fixed(const char *s, size_t n)
{
        int v = 0;

        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return -1;
                v = v * 10 + (s[i] - '0');
        }
        return v;
}

static int str_fraction(const char *s, int64_t *ret_us)
{
        int64_t us = 0;
        int digits = 0;

        if (*s == '.') {
                for (s++; *s >= '0' && *s <= '9'; s++, digits++) {
                        if (digits == 6)
                                return -1;
                        us = us * 10 + (*s - '0');
                }
                if (digits == 0)
                        return -1;
        }
        if (strcmp(s, "Z") != 0)
                return -1;
        for (; digits < 6; digits++)
                us *= 10;
        *ret_us = us;
        return 0;
}

int str_parse_time(const char *s, int64_t *ret_us, struct err *e)
{
        static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        static const char form[] = "not a time like 2026-11-22T15:40:01Z";
        int64_t fraction;

        if (strlen(s) < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' ||
                s[16] != ':')
                return err_set(e, ERR_INVALID, form);
        int y = str_fixed(s, 4), m = str_fixed(s + 5, 2), d = str_fixed(s + 8, 2);
        int h = str_fixed(s + 11, 2), min = str_fixed(s + 14, 2), sec = str_fixed(s + 17, 2);
        bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
        if (y < 1970 || m < 1 || m > 12 || d < 1 ||
                d > month_days[m - 1] + (m == 2 && leap ? 1 : 0) || h < 0 || h > 23 || min < 0 ||
                min > 59 || sec < 0 || sec > 59 || str_fraction(s + 19, &fraction) < 0)
                return err_set(e, ERR_INVALID, form);
        *ret_us = ((str_days(y, m, d) * 24 + h) * 60 + min) * 60000000 + (int64_t)sec * 1000000 +
                  fraction;
        return 0;
}

char *str_escape(char *to, size_t room, struct bytes s)
{
        size_t o = 0;

        for (size_t i = 0; i < s.n; i++) {
                uint8_t c = s.p[i];
                bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
                if (o + (plain ? 1 : 4) >= room)
                        break;
                if (plain) {
                        to[o++] = (char)c;
                        continue;
                }
                to[o++] = '\\';
                to[o++] = 'x';
                to[o++] = str_digits[c >> 4];
                to[o++] = str_digits[c & 15];
        }
        if (room)
                to[o] = '\0';
        return to;
}

bool str_is(struct bytes s, const char *text)
{
        return s.n == strlen(text) && (s.n == 0 || strncasecmp((const char *)s.p, text, s.n) == 0);
}

static struct bytes trim(struct bytes s, const char *set)
{
        while (s.n > 0 && s.p[0] && strchr(set, s.p[0]))
                s = bytes_sub(s, 1, s.n);
        while (s.n > 0 && s.p[s.n - 1] && strchr(set, s.p[s.n - 1]))
                s.n--;
        return s;
}

struct bytes str_trim(struct bytes s)
{
        return trim(s, " \t\r\n\v\f");
}

struct bytes str_trim_blanks(struct bytes s)
{
        return trim(s, " \t");
}

struct bytes str_cut(struct bytes *rest, char separator)
{
        const uint8_t *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
        size_t n = end ? (size_t)(end - rest->p) : rest->n;
        struct bytes part = str_trim(bytes_sub(*rest, 0, n));

        *rest = str_trim(bytes_sub(*rest, n + 1, rest->n));
        return part;
}
